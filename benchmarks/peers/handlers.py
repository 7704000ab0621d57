"""Handlers of a user's, for both servers: what a script would do that adds a label to each prediction."""

import json

import joblib
import numpy as np

NAMES = ("setosa", "versicolor", "virginica")


def model_fn(model_dir):
    return joblib.load(f"{model_dir}/model.joblib")


def input_fn(body, content_type):
    if content_type == "text/csv":
        text = body if isinstance(body, str) else body.decode()
        return np.array([line.split(",") for line in text.splitlines()], dtype=np.float32)
    return np.array(json.loads(body), dtype=np.float32)


def predict_fn(rows, model):
    return model.predict(rows)


def output_fn(prediction, accept):
    return json.dumps([NAMES[each] for each in prediction.tolist()]), accept
