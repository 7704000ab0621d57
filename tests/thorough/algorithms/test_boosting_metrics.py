"""Which metrics XGBoost prints, and by which it stops: the union that the open-source container makes."""

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
