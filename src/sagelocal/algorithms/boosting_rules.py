"""What XGBoost's container refuses, and which failures of the library it lays at the customer's door.

Rules and words: `algorithm_mode/hyperparameter_validation.py` and `constants/xgb_constants.py` of the
open-source container, https://github.com/aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sagelocal.algorithms.errors import CustomerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MULTICLASS = ("multi:softmax", "multi:softprob")
_FOR_MONOTONE = ("exact", "hist")
_FOR_INTERACTION = ("exact", "hist", "approx")
_ONLY_WHEN = "can be used only when the tree_method parameter is set to"
_CUSTOMERS = (
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "label must be nonnegative",
    "Target is multiclass but average='binary'",
    "preds.size() == info.labels_.size()",
    "the dataset only contains pos or neg samples",
    "base_score must be in (0,1)",
    "Weights must be positive",  # the container finds it as it reads the channel
)
_SOURCE_LINE = re.compile(r"^\[[\d:]+\] \S+:\d+: ")
_STACK = "\nStack trace:"


def check(chosen: Mapping[str, Any]) -> None:
    """Hold hyperparameters against each other, and against what sagelocal does.

    Raises:
        CustomerError: one does not go with another, or asks for what is not done here.

    """
    for is_broken, message in _complaints(chosen):
        if is_broken:
            raise CustomerError(message)


def _complaints(chosen: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    objective, metrics, tree_method = chosen["objective"], chosen["eval_metric"] or (), chosen["tree_method"]
    takes_classes, classes = objective in _MULTICLASS, chosen["num_class"]
    yield chosen["_kfold"], f"_kfold is {chosen['_kfold']}; sagelocal trains no cross-validation"
    yield (
        chosen["use_dask_gpu_training"] == "true",
        "use_dask_gpu_training is true; sagelocal trains on CPUs alone",
    )
    yield (
        takes_classes and classes is None,
        "Require input for parameter 'num_class' for multi-classification",
    )
    yield (
        classes is not None and not takes_classes,
        "Do not need to setup parameter 'num_class' for learning task other than multi-classification.",
    )
    yield (
        "auc" in metrics and not objective.startswith(("binary:", "rank:")),
        "Metric 'auc' can only be applied for classification and ranking problems.",
    )
    yield (
        "aft-nloglik" in metrics and objective != "survival:aft",
        "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.",
    )
    yield (
        chosen["monotone_constraints"] and tree_method not in _FOR_MONOTONE,
        f"monotone_constraints {_ONLY_WHEN} either 'exact' or 'hist'.",
    )
    yield (
        chosen["interaction_constraints"] and tree_method not in _FOR_INTERACTION,
        f"interaction_constraints {_ONLY_WHEN} either 'exact', 'hist' or 'approx'.",
    )


def explained(error: ValueError) -> Exception:
    """Return what a training that failed is to end with: the library's reason, without its stack."""
    reason = _SOURCE_LINE.sub("", str(error).partition(_STACK)[0])
    is_customers = any(words in reason for words in _CUSTOMERS)
    return CustomerError(reason) if is_customers else RuntimeError(reason)
