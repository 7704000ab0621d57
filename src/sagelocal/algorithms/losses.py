"""The loss functions of the linear learner: each gives losses and gradients with respect to the raw scores.

https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html, `loss`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logsumexp, softmax

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagelocal.algorithms.data import Array

Pair = tuple["Array", "Array"]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """`evaluate`: raw scores (n, outputs) and labels (n,) → losses (n,), gradients (n, outputs)."""

    objective: str
    """What the log calls it."""
    evaluate: Callable[[Array, Array], Pair]
    degree: int = 0
    """Labels and thresholds of n times the size multiply it by n to this power."""


def choose(hyperparameters: dict[str, Any]) -> Loss:
    """Return the loss that the hyperparameters ask for; `auto` is the predictor type's own."""
    name = hyperparameters["loss"]
    if name == "auto":
        name = _AUTO[hyperparameters["predictor_type"]]
    return _MAKERS[name](hyperparameters)


def choose_scaled(hyperparameters: dict[str, Any], deviation: float) -> Loss:
    """Return the loss for labels divided by `deviation`; thresholds are given in the labels' own unit."""
    thresholds = {name: hyperparameters[name] / deviation for name in ("huber_delta", "loss_insensitivity")}
    return choose(hyperparameters | thresholds)


def allowed(predictor_type: str) -> tuple[str, ...]:
    """Return the losses that fit a predictor type."""
    return _ALLOWED[predictor_type]


def _logistic(_: dict[str, Any]) -> Loss:
    def evaluate(raw: Array, labels: Array) -> Pair:
        signs = 2.0 * labels - 1.0
        losses = np.logaddexp(0.0, -signs * raw[:, 0])
        return losses, (expit(raw[:, 0]) - labels)[:, None]

    return Loss(objective="binary_classification_cross_entropy_objective", evaluate=evaluate)


def _hinge(chosen: dict[str, Any]) -> Loss:
    def evaluate(raw: Array, labels: Array) -> Pair:
        signs = 2.0 * labels - 1.0
        slack = chosen["margin"] - signs * raw[:, 0]
        return np.maximum(slack, 0.0), np.where(slack > 0, -signs, 0.0)[:, None]

    return Loss(objective="hinge_loss_objective", evaluate=evaluate)


def _softmax(_: dict[str, Any]) -> Loss:
    def evaluate(raw: Array, labels: Array) -> Pair:
        rows, codes = np.arange(len(raw)), labels.astype(int)
        gradients = softmax(raw, axis=1)
        gradients[rows, codes] -= 1.0
        return np.asarray(logsumexp(raw, axis=1) - raw[rows, codes]), gradients

    return Loss(objective="multiclass_cross_entropy_objective", evaluate=evaluate)


def _of_residuals(objective: str, degree: int, function: Callable[[Array], Pair]) -> Loss:
    def evaluate(raw: Array, labels: Array) -> Pair:
        losses, gradients = function(raw[:, 0] - labels)
        return losses, gradients[:, None]

    return Loss(objective=objective, evaluate=evaluate, degree=degree)


def _squared(_: dict[str, Any]) -> Loss:
    return _of_residuals("mse_objective", 2, lambda error: (error**2, 2.0 * error))


def _absolute(_: dict[str, Any]) -> Loss:
    return _of_residuals("absolute_loss_objective", 1, lambda error: (np.abs(error), np.sign(error)))


def _insensitive_squared(chosen: dict[str, Any]) -> Loss:
    def function(error: Array) -> Pair:
        excess = np.maximum(np.abs(error) - chosen["loss_insensitivity"], 0.0)
        return excess**2, 2.0 * excess * np.sign(error)

    return _of_residuals("eps_insensitive_squared_loss_objective", 2, function)


def _insensitive_absolute(chosen: dict[str, Any]) -> Loss:
    def function(error: Array) -> Pair:
        excess = np.maximum(np.abs(error) - chosen["loss_insensitivity"], 0.0)
        return excess, np.where(excess > 0, np.sign(error), 0.0)

    return _of_residuals("eps_insensitive_absolute_loss_objective", 1, function)


def _quantile(chosen: dict[str, Any]) -> Loss:
    def function(error: Array) -> Pair:
        slope = np.where(error < 0, -chosen["quantile"], 1.0 - chosen["quantile"])
        return slope * error, slope

    return _of_residuals("quantile_loss_objective", 1, function)


def _huber(chosen: dict[str, Any]) -> Loss:
    def function(error: Array) -> Pair:
        delta = chosen["huber_delta"]
        inside = np.abs(error) <= delta
        losses = np.where(inside, 0.5 * error**2, delta * (np.abs(error) - 0.5 * delta))
        return losses, np.clip(error, -delta, delta)

    return _of_residuals("huber_loss_objective", 2, function)


_MAKERS: dict[str, Callable[[dict[str, Any]], Loss]] = {
    "logistic": _logistic,
    "hinge_loss": _hinge,
    "softmax_loss": _softmax,
    "squared_loss": _squared,
    "absolute_loss": _absolute,
    "eps_insensitive_squared_loss": _insensitive_squared,
    "eps_insensitive_absolute_loss": _insensitive_absolute,
    "quantile_loss": _quantile,
    "huber_loss": _huber,
}
_AUTO = {
    "binary_classifier": "logistic",
    "multiclass_classifier": "softmax_loss",
    "regressor": "squared_loss",
}
_ALLOWED = {
    "binary_classifier": ("auto", "logistic", "hinge_loss"),
    "multiclass_classifier": ("auto", "softmax_loss"),
    "regressor": (
        "auto",
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
