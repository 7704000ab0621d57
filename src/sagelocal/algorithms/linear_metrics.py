"""The metrics that the linear learner prints for a channel, and the thresholds that it calibrates by them.

https://docs.aws.amazon.com/sagemaker/latest/dg/linear-learner-tuning.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    fbeta_score,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
)

if TYPE_CHECKING:
    from sagelocal.algorithms.console import Console
    from sagelocal.algorithms.data import Array

_HALF = 0.5


def regression(console: Console, channel: str, labels: Array, scores: Array) -> None:
    """Print the metrics of a regressor."""
    console.loss(channel, "mse", float(np.mean((scores - labels) ** 2)))
    console.loss(channel, "absolute_loss", float(np.mean(np.abs(scores - labels))))


def binary(
    console: Console, channel: str, labels: Array, scores: Array, *, threshold: float, beta: float
) -> None:
    """Print the metrics of a binary classifier."""
    predicted = scores > threshold
    console.score(channel, "binary_classification_accuracy", accuracy_score(labels, predicted))
    console.score(channel, f"binary_f_{beta:.3f}", fbeta_score(labels, predicted, beta=beta, zero_division=0))
    console.score(channel, "precision", precision_score(labels, predicted, zero_division=0))
    console.score(channel, "recall", recall_score(labels, predicted, zero_division=0))
    if len(np.unique(labels)) > 1:
        console.score(channel, "roc_auc_score", roc_auc_score(labels, scores))


def multiclass(
    console: Console, channel: str, labels: Array, scores: Array, *, top_k: int, beta: float
) -> None:
    """Print the metrics of a multiclass classifier; `scores` is (n, classes)."""
    predicted = scores.argmax(axis=1)
    macro: dict[str, Any] = {"average": "macro", "zero_division": 0}
    ranks = (scores > scores[np.arange(len(labels)), labels.astype(int)][:, None]).sum(axis=1)
    console.score(channel, "multiclass_accuracy", accuracy_score(labels, predicted))
    console.score(channel, f"multiclass_top_k_accuracy_{top_k}", float(np.mean(ranks < top_k)))
    console.score(channel, "dcg", float(np.mean(1.0 / np.log2(ranks + 2.0))))
    console.score(channel, "macro_recall", recall_score(labels, predicted, **macro))
    console.score(channel, "macro_precision", precision_score(labels, predicted, **macro))
    console.score(channel, f"macro_f_{beta:.3f}", fbeta_score(labels, predicted, beta=beta, **macro))


def calibrate(labels: Array, scores: Array, chosen: dict[str, Any]) -> tuple[float, float]:
    """Return the score above which the label is 1, and how good that is: more is better.

    Both are by `binary_classifier_model_selection_criteria`. Where that is the loss, or there is only one
    class, nothing is calibrated, and all models are as good.
    """
    criterion = chosen["binary_classifier_model_selection_criteria"]
    if criterion in ("loss_function", "cross_entropy_loss") or len(np.unique(labels)) < 2:  # noqa: PLR2004
        return _HALF, 0.0
    if criterion == "accuracy":
        threshold = _most_accurate(labels, scores)
        return threshold, float(accuracy_score(labels, scores > threshold))
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    precision, recall = precision[:-1], recall[:-1]
    if criterion == "f_beta":
        square = chosen["f_beta"] ** 2
        bottom = np.maximum(square * precision + recall, 1e-12)
        value = (1 + square) * precision * recall / bottom
    elif criterion == "precision_at_target_recall":
        value = np.where(recall >= chosen["target_recall"], precision, -1.0)
    else:
        value = np.where(precision >= chosen["target_precision"], recall, -1.0)
    best = int(value.argmax())
    return _below(float(thresholds[best])), float(value[best])


def _most_accurate(labels: Array, scores: Array) -> float:
    order = np.argsort(scores, kind="stable")
    ordered, sorted_scores = labels[order], scores[order]
    # Cut before row i: the rows below are 0, the others 1.
    right = (
        np.concatenate([[0], np.cumsum(ordered == 0)])
        + ordered.sum()
        - np.concatenate([[0], ordered.cumsum()])
    )
    edges = np.concatenate([[-np.inf], (sorted_scores[:-1] + sorted_scores[1:]) / 2, [np.inf]])
    distinct = np.concatenate([[True], sorted_scores[:-1] < sorted_scores[1:], [True]])
    best = right == right[distinct].max()
    candidates = edges[best & distinct & np.isfinite(edges)]
    # Of equally good thresholds the one nearest to 0.5: it is the least surprising.
    return float(candidates[np.abs(candidates - _HALF).argmin()]) if len(candidates) else _HALF


def _below(threshold: float) -> float:
    return float(np.nextafter(threshold, -np.inf))
