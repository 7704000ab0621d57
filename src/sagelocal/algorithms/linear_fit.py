"""Fits one linear model: normalise, descend in mini-batches, stop early; weights are in the data's units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sagelocal.algorithms import losses, optimizers
from sagelocal.algorithms.hyperparameters import AUTO

if TYPE_CHECKING:
    from sagelocal.algorithms.data import Array, Dataset
    from sagelocal.algorithms.losses import Loss

_SEED = 0
_LEAST_STEPS = 1000
"""Small data get more passes than `epochs` says, so that even a hundred rows see this many updates."""
_MOMENTUM = 0.9
_FACTOR = 0.99
_FACTOR_STEP = 10
_MINIMUM_RATE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Fit:
    """(d, outputs) weights and (outputs,) bias; `history` has each epoch's train and validation loss."""

    weights: Array
    bias: Array
    history: list[tuple[float, float]]
    best: float


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Features are `(x - mean) / deviation`, labels `(y - label_mean) / label_deviation`."""

    mean: Array
    deviation: Array
    label_mean: float
    label_deviation: float

    def features(self, data: Dataset) -> Any:
        """Return scaled features; sparse ones are scaled and not shifted, and so stay sparse."""
        if sparse.issparse(data.features):
            return sparse.csr_matrix(data.features @ sparse.diags(1.0 / self.deviation))
        return (data.dense() - self.mean) / self.deviation

    def labels(self, data: Dataset) -> Array:
        """Return scaled labels."""
        return (np.asarray(data.labels) - self.label_mean) / self.label_deviation


def fit(train: Dataset, validation: Dataset | None, chosen: dict[str, Any]) -> Fit:
    """Fit one model with hyperparameters in which the optimizer, its rate, `wd` and `l1` are values."""
    scale = _scale(train, chosen)
    loss = losses.choose_scaled(chosen, scale.label_deviation)
    unit = scale.label_deviation**loss.degree
    outputs = chosen["num_classes"] if chosen["predictor_type"] == "multiclass_classifier" else 1
    generator = np.random.default_rng(_SEED)
    descent = _Descent(loss, chosen, _initial(chosen, (train.width, outputs), generator))
    features, labels = scale.features(train), scale.labels(train)
    judged = (
        (features, labels) if validation is None else (scale.features(validation), scale.labels(validation))
    )
    row_weights = _row_weights(np.asarray(train.labels), chosen)
    history: list[tuple[float, float]] = []
    best, kept, waited = np.inf, descent.copy(), 0
    for _ in range(chosen["epochs"]):
        for batch in _epoch(len(labels), chosen, generator):
            descent.step(features[batch], labels[batch], row_weights[batch])
        history.append((descent.loss(features, labels) * unit, descent.loss(*judged) * unit))
        current = history[-1][1]
        if current < best:
            waited = 0 if current < best * (1 - chosen["early_stopping_tolerance"]) else waited + 1
            best, kept = current, descent.copy()
        else:
            waited += 1
        if waited >= chosen["early_stopping_patience"]:
            break
    weights, bias = _in_units(*kept, scale)
    return Fit(weights=weights, bias=bias, history=history, best=float(best))


class _Descent:
    def __init__(self, loss: Loss, chosen: dict[str, Any], weights: Array) -> None:
        self._loss = loss
        self._chosen = chosen
        self._weights = weights
        self._bias = np.full(weights.shape[1], float(chosen["init_bias"]) if chosen["use_bias"] else 0.0)
        self._steps = 0
        self._optimizer = optimizers.Optimizer(
            name=chosen["optimizer"],
            momentum=_value(chosen["momentum"], _MOMENTUM),
            beta_1=_value(chosen["beta_1"], optimizers.Optimizer.beta_1),
            beta_2=_value(chosen["beta_2"], optimizers.Optimizer.beta_2),
        )

    def step(self, features: Any, labels: Array, row_weights: Array) -> None:
        rate = self._rate()
        _, slopes = self._loss.evaluate(np.asarray(features @ self._weights + self._bias), labels)
        slopes = slopes * row_weights[:, None] / len(labels)
        decay, l1 = self._chosen["wd"], self._chosen["l1"]
        gradient = np.asarray(features.T @ slopes) + decay * self._weights + l1 * np.sign(self._weights)
        self._optimizer.step("weights", self._weights, gradient, rate)
        if self._chosen["use_bias"]:
            bias_decay = decay * _value(self._chosen["bias_wd_mult"], 0.0)
            bias_rate = rate * _value(self._chosen["bias_lr_mult"], 1.0)
            self._optimizer.step("bias", self._bias, slopes.sum(axis=0) + bias_decay * self._bias, bias_rate)

    def loss(self, features: Any, labels: Array) -> float:
        losses, _ = self._loss.evaluate(np.asarray(features @ self._weights + self._bias), labels)
        return float(np.mean(losses))

    def copy(self) -> tuple[Array, Array]:
        return self._weights.copy(), self._bias.copy()

    def _rate(self) -> float:
        self._steps += 1
        rate = float(self._chosen["learning_rate"])
        if not self._chosen["use_lr_scheduler"]:
            return rate
        step = _value(self._chosen["lr_scheduler_step"], _FACTOR_STEP)
        factor = _value(self._chosen["lr_scheduler_factor"], _FACTOR) ** (self._steps // step)
        least = _value(self._chosen["lr_scheduler_minimum_lr"], _MINIMUM_RATE)
        return float(max(rate * factor, min(rate, least)))


def _epoch(rows: int, chosen: dict[str, Any], generator: np.random.Generator) -> Any:
    """Yield the mini-batches of one epoch; an epoch of few rows passes over them several times."""
    size = min(chosen["mini_batch_size"], max(1, rows))
    steps = -(-rows // size)
    passes = max(1, _LEAST_STEPS // (steps * chosen["epochs"]))
    for _ in range(passes):
        yield from optimizers.batches(rows, size, generator)


def _scale(train: Dataset, chosen: dict[str, Any]) -> Scale:
    rows = train.take(np.arange(min(len(train), chosen["num_point_for_scaler"])))
    is_sparse = sparse.issparse(rows.features)
    scaler = StandardScaler(with_mean=not is_sparse).fit(rows.features)
    unbias = _value(chosen["unbias_data"], chosen["use_bias"]) and not is_sparse
    normalize = _value(chosen["normalize_data"], True)
    width = train.width
    mean = np.asarray(scaler.mean_) if unbias or (normalize and not is_sparse) else np.zeros(width)
    regress = chosen["predictor_type"] == "regressor"
    labels = np.asarray(rows.labels, dtype=np.float64)
    normalize_label = regress and _value(chosen["normalize_label"], True)
    unbias_label = regress and chosen["use_bias"] and _value(chosen["unbias_label"], True)
    return Scale(
        mean=mean if chosen["use_bias"] else np.zeros(width),
        deviation=np.asarray(scaler.scale_) if normalize else np.ones(width),
        label_mean=float(labels.mean()) if unbias_label else 0.0,
        label_deviation=float(labels.std()) or 1.0 if normalize_label else 1.0,
    )


def _in_units(weights: Array, bias: Array, scale: Scale) -> tuple[Array, Array]:
    plain = weights / scale.deviation[:, None] * scale.label_deviation
    return plain, bias * scale.label_deviation + scale.label_mean - scale.mean @ plain


def _initial(chosen: dict[str, Any], shape: tuple[int, int], generator: np.random.Generator) -> Array:
    if chosen["init_method"] == "normal":
        return generator.normal(0.0, chosen["init_sigma"], shape)
    return generator.uniform(-chosen["init_scale"], chosen["init_scale"], shape)


def _row_weights(labels: Array, chosen: dict[str, Any]) -> Array:
    if chosen["predictor_type"] == "multiclass_classifier" and chosen["balance_multiclass_weights"]:
        codes = labels.astype(int)
        counts = np.bincount(codes, minlength=chosen["num_classes"])
        return np.asarray(len(labels) / (np.count_nonzero(counts) * counts[codes]))
    positive = chosen["positive_example_weight_mult"]
    if chosen["predictor_type"] != "binary_classifier" or positive == AUTO:
        return np.ones(len(labels))
    if positive == "balanced":
        positive = (labels == 0).sum() / max(1, (labels == 1).sum())
    return np.where(labels == 1, positive, 1.0)


def _value(given: Any, automatic: Any) -> Any:
    return automatic if given == AUTO else given
