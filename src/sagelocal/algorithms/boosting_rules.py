"""What XGBoost's container refuses, and which failures of the library it lays at the customer's door.

Rules and words: `algorithm_mode/hyperparameter_validation.py` and `constants/xgb_constants.py` of the
open-source container, https://github.com/aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sagelocal.algorithms.errors import CustomerError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MULTICLASS = ("multi:softmax", "multi:softprob")
_FOR_MONOTONE = ("exact", "hist")
_FOR_INTERACTION = ("exact", "hist", "approx")
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
    """Hold hyperparameters against each other.

    Raises:
        CustomerError: one does not go with another.

    """
    objective, metrics, tree_method = chosen["objective"], chosen["eval_metric"] or (), chosen["tree_method"]
    if objective in _MULTICLASS and chosen["num_class"] is None:
        raise CustomerError("Require input for parameter 'num_class' for multi-classification")
    if objective not in _MULTICLASS and chosen["num_class"] is not None:
        raise CustomerError(
            "Do not need to setup parameter 'num_class' for learning task other than multi-classification."
        )
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        raise CustomerError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise CustomerError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    if chosen["monotone_constraints"] and tree_method not in _FOR_MONOTONE:
        raise CustomerError(
            "monotone_constraints can be used only when the tree_method parameter is set to "
            "either 'exact' or 'hist'."
        )
    if chosen["interaction_constraints"] and tree_method not in _FOR_INTERACTION:
        raise CustomerError(
            "interaction_constraints can be used only when the tree_method parameter is set to "
            "either 'exact', 'hist' or 'approx'."
        )


def explained(error: ValueError) -> Exception:
    """Return what a training that failed is to end with: the library's reason, without its stack."""
    reason = _SOURCE_LINE.sub("", str(error).partition(_STACK)[0])
    is_customers = any(words in reason for words in _CUSTOMERS)
    return CustomerError(reason) if is_customers else RuntimeError(reason)
