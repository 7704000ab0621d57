"""The scikit-learn container's WSGI application, on its published toolkit (run by gunicorn).

`sagemaker_sklearn_container.serving` itself is not on PyPI; it gives these default handlers to the toolkit's
Transformer and Worker, as here. SAGEMAKER_BASE_DIR/model has the model; HANDLERS=user takes `handlers.py`.
https://github.com/aws/sagemaker-scikit-learn-container/blob/master/src/sagemaker_sklearn_container/serving.py
"""

import collections
import collections.abc
import os

import joblib
import numpy as np

collections.Mapping = collections.abc.Mapping  # the toolkit is of 2020; Python moved the name since
from sagemaker_containers.beta.framework import content_types, encoders, transformer, worker  # noqa: E402


def default_input_fn(data, content_type):
    array = encoders.decode(data, content_type)
    return array.astype(np.float32) if content_type in content_types.UTF8_TYPES else array


def default_predict_fn(data, model):
    # The container hands a single CSV row on as 1-D, which scikit-learn refuses; a user's script mends it so.
    return model.predict(data.reshape(1, -1) if data.ndim == 1 else data)


def default_output_fn(prediction, accept):
    return worker.Response(encoders.encode(prediction, accept), mimetype=accept)


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


functions = {
    "input_fn": default_input_fn,
    "predict_fn": default_predict_fn,
    "output_fn": default_output_fn,
}
if os.environ.get("HANDLERS") == "user":
    import handlers

    functions |= {name: getattr(handlers, name) for name in ("input_fn", "predict_fn", "output_fn")}
made = transformer.Transformer(model_fn=model_fn, **functions)
made.initialize()
app = worker.Worker(transform_fn=made.transform, module_name="container")
