"""Which metrics XGBoost prints, and by which it stops: the union that the open-source container makes."""

from types import SimpleNamespace

import numpy as np
import pytest

from sagelocal.algorithms import boosting_metrics
from sagelocal.algorithms.catalog import SPECS


def chosen(**given):
    return SPECS["sagemaker-xgboost"].hyperparameters.validate({"num_round": "1", **given})


@pytest.mark.parametrize(
    ("given", "printed", "watched"),
    [
        ({}, (), ""),
        ({"eval_metric": "logloss,auc"}, ("logloss", "auc"), "auc"),
        ({"_tuning_objective_metric": "validation:auc"}, ("auc",), "auc"),
        ({"_tuning_objective_metric": "train:f1"}, ("f1",), "f1"),
        (
            {"_tuning_objective_metric": "validation:f1", "eval_metric": "logloss,auc"},
            ("auc", "f1", "logloss"),
            "f1",
        ),
        (
            {"_tuning_objective_metric": "validation:logloss", "eval_metric": "logloss,auc"},
            ("auc", "logloss"),
            "logloss",
        ),
    ],
)
def test_the_objective_of_a_tuning_job_joins_eval_metric(given, printed, watched):
    assert boosting_metrics.printed(chosen(**given)) == printed
    assert boosting_metrics.watched(chosen(**given), ("train", "validation")) == watched


def test_nothing_is_watched_without_a_validation_channel():
    assert boosting_metrics.watched(chosen(eval_metric="auc"), ("train",)) == ""


@pytest.mark.parametrize(
    ("objective", "predictions"),
    [
        ("binary:logistic", [0.1, 0.6, 0.9]),
        ("binary:logitraw", [-4.0, 0.2, 3.0]),
        ("binary:hinge", [0.0, 1.0, 1.0]),
        ("multi:softmax", [0.0, 1.0, 1.0]),
        ("multi:softprob", [[0.6, 0.4], [0.3, 0.7], [0.2, 0.8]]),
    ],
)
def test_predictions_become_classes(objective, predictions):
    matrix = SimpleNamespace(get_label=lambda: np.array([0.0, 1.0, 1.0]))
    evaluate = boosting_metrics.custom(("accuracy", "f1_binary"), chosen(objective=objective))

    assert evaluate(np.array(predictions), matrix) == [("accuracy", 1.0), ("f1_binary", 1.0)]
