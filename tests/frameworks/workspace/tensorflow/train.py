"""Export a SavedModel with two signatures."""

import os

import tensorflow as tf


class Affine(tf.Module):
    def __init__(self):
        self.w = tf.Variable([[2.0], [3.0]])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": x @ self.w + 1.0}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int32, name="a"),
            tf.TensorSpec([None], tf.string, name="b"),
        ]
    )
    def both(self, a, b):
        return {"twice": a * 2, "loud": tf.strings.upper(b)}


print("level", os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["SM_FRAMEWORK_MODULE"])
model = Affine()
tf.saved_model.save(
    model,
    f"{os.environ['SM_MODEL_DIR']}/00000001",
    signatures={"serving_default": model.__call__, "both": model.both},
)
