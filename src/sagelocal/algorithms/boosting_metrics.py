"""The metrics of XGBoost's log: which are printed, and those that the library lacks.

Rules: `algorithm_mode/train_utils.py` and `metrics/custom_metrics.py` of the open-source container,
https://github.com/aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics

from sagelocal.algorithms.hyperparameters import TUNED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sagelocal.algorithms.data import Array

_HALF = 0.5


def printed(chosen: dict[str, Any]) -> tuple[str, ...]:
    """Return the metrics to print: those of eval_metric, and the one that a tuning job goes by.

    None at all mean the one that the library has for the learning objective.
    """
    given, wanted = chosen["eval_metric"] or (), _tuned_for(chosen)
    return tuple(sorted({*given, wanted})) if wanted else given


def watched(chosen: dict[str, Any], channels: Iterable[str]) -> str:
    """Return the metric of the validation channel that early stopping goes by.

    Empty: there is none, without that channel or where neither a tuning job nor eval_metric names one; the
    container then trains all rounds (`get_callbacks` in its `callback.py`).
    """
    given = chosen["eval_metric"] or ("",)
    return (_tuned_for(chosen) or given[-1]) if "validation" in channels else ""


def _tuned_for(chosen: dict[str, Any]) -> str:
    return (chosen[TUNED] or "").partition(":")[2]


def custom(
    names: Sequence[str], chosen: dict[str, Any]
) -> Callable[[Array, Any], list[tuple[str, float]]] | None:
    """Return the function that the library is to compute those of the metrics with that it lacks, if any."""
    own = [name for name in names if name in CUSTOM]

    def evaluate(predictions: Array, matrix: Any) -> list[tuple[str, float]]:
        labels = matrix.get_label()
        is_value = _is_regression(chosen["objective"])
        values = predictions if is_value else _classes(predictions, chosen["objective"])
        return [(name, float(CUSTOM[name](labels, values))) for name in own]

    return evaluate if own else None


def _is_regression(objective: str) -> bool:
    return objective.startswith(("reg:", "count:")) and objective != "reg:logistic"


def _classes(predictions: Array, objective: str) -> Array:
    """Return labels from what a booster predicts: scores, probabilities, columns of them, or labels."""
    if predictions.ndim > 1:
        return np.asarray(predictions.argmax(axis=1))
    if objective == "multi:softmax":
        return predictions
    return np.asarray(predictions > (0 if objective == "binary:logitraw" else _HALF), dtype=int)


def _averaged(function: Callable[..., Any], average: str) -> Callable[[Array, Array], Any]:
    return lambda labels, values: function(labels, values, average=average, zero_division=0)


CUSTOM: dict[str, Callable[[Array, Array], Any]] = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": _averaged(metrics.f1_score, "macro"),
    "f1_macro": _averaged(metrics.f1_score, "macro"),
    "f1_binary": _averaged(metrics.f1_score, "binary"),
    "precision": _averaged(metrics.precision_score, "binary"),
    "precision_macro": _averaged(metrics.precision_score, "macro"),
    "precision_micro": _averaged(metrics.precision_score, "micro"),
    "recall": _averaged(metrics.recall_score, "binary"),
    "recall_macro": _averaged(metrics.recall_score, "macro"),
    "recall_micro": _averaged(metrics.recall_score, "micro"),
    "mse": metrics.mean_squared_error,
    "r2": metrics.r2_score,
}
"""The metrics of the container that the library lacks."""
