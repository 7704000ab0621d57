"""What XGBoost's container refuses, and whose fault a failure of the library is."""

import pytest

from sagelocal.algorithms import boosting_rules
from sagelocal.algorithms.catalog import SPECS
from sagelocal.algorithms.errors import CustomerError


def check(**given):
    chosen = SPECS["sagemaker-xgboost"].hyperparameters.validate({"num_round": "1", **given})
    boosting_rules.check(chosen)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "multi:softmax"}, "Require input for parameter 'num_class'"),
        ({"num_class": "3"}, "Do not need to setup parameter 'num_class'"),
        ({"eval_metric": "rmse,auc"}, "Metric 'auc' can only be applied for classification and ranking"),
        (
            {"objective": "multi:softprob", "num_class": "3", "eval_metric": "auc"},
            "Metric 'auc' can only be applied for classification and ranking",
        ),
        ({"eval_metric": "aft-nloglik"}, "can only be applied for 'survival:aft' objective"),
        ({"_kfold": "3"}, "_kfold is 3; sagelocal trains no cross-validation"),
        ({"use_dask_gpu_training": "true"}, "sagelocal trains on CPUs alone"),
        ({"monotone_constraints": "(1, 0)"}, "either 'exact' or 'hist'"),
        ({"monotone_constraints": "(1, 0)", "tree_method": "approx"}, "either 'exact' or 'hist'"),
        ({"interaction_constraints": "[[1, 2]]"}, "either 'exact', 'hist' or 'approx'"),
    ],
)
def test_hyperparameters_that_do_not_go_together_are_refused(given, message):
    with pytest.raises(CustomerError, match=message):
        check(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"use_dask_gpu_training": "false"},
        {"objective": "multi:softmax", "num_class": "3", "eval_metric": "mlogloss"},
        {"objective": "binary:hinge", "eval_metric": "auc"},
        {"objective": "survival:aft", "eval_metric": "aft-nloglik"},
        {"monotone_constraints": "(1, 0)", "interaction_constraints": "[[1, 2]]", "tree_method": "hist"},
    ],
)
def test_others_are_not(given):
    check(**given)


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        (
            "[17:37:02] /src/obj.cu:42: PoissonRegression: label must be nonnegative\nStack trace:\n  ",
            CustomerError,
            "PoissonRegression: label must be nonnegative",
        ),
        (
            "[17:37:02] /src/tree_updater.cc:20: Unknown tree updater nonsense\nStack trace:\n",
            RuntimeError,
            "Unknown tree updater nonsense",
        ),
        (
            "Target is multiclass but average='binary'. Please choose another average setting",
            CustomerError,
            "Target is multiclass but average='binary'. Please choose another average setting",
        ),
    ],
)
def test_a_failure_of_the_library_is_its_reason_without_its_stack(said, kind, reason):
    explained = boosting_rules.explained(ValueError(said))

    assert type(explained) is kind
    assert str(explained) == reason
