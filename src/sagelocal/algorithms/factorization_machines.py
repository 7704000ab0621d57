"""Factorization machines of the second order, trained by Adam.

https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-howitworks.html:
y(x) = w0 + sum wi xi + sum <vi, vj> xi xj, with squared loss (regressor) or logistic loss (classifier).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.metrics import fbeta_score, log_loss

from sagelocal.algorithms import artifact, optimizers

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.data import Array, Dataset
    from sagelocal.algorithms.training import Job

_SEED = 0
_THRESHOLD = 0.5
_GROUPS = ("bias", "linear", "factors")
_UNIFORM_SCALE = 0.001


def train(job: Job) -> None:
    """Fit the train channel, printing each epoch's loss; score the test channel when there is one."""
    chosen = job.hyperparameters
    if chosen["predictor_type"] == "binary_classifier":
        job.check_classes(2)
    generator = np.random.default_rng(_SEED)
    model = Machine(
        classify=chosen["predictor_type"] == "binary_classifier",
        bias=_initial(chosen, "bias", (1,), generator),
        linear=_initial(chosen, "linear", (job.train.width,), generator),
        factors=_initial(chosen, "factors", (job.train.width, chosen["num_factors"]), generator),
    )
    optimizer = optimizers.Optimizer(epsilon=chosen["eps"] or optimizers.Optimizer.epsilon)
    features, labels = _rows(job.train), np.asarray(job.train.labels)
    for epoch in range(chosen["epochs"]):
        for batch in optimizers.batches(len(labels), chosen["mini_batch_size"], generator):
            gradients = _gradients(model, features[batch], labels[batch])
            rescale = 1 / len(batch) if chosen["rescale_grad"] is None else chosen["rescale_grad"]
            for name in _GROUPS:
                _descend(name, model, gradients[name] * rescale, chosen, optimizer)
        _print_metrics(job, "train", model, epoch)
    artifact.save(
        job.model_dir,
        {"algorithm": "factorization-machines", "classify": model.classify},
        bias=model.bias,
        linear=model.linear,
        factors=model.factors,
    )
    if "test" in job.channels:
        _print_metrics(job, "test", model, None)


def load(model_dir: Path) -> Machine:
    """Load the parameters."""
    values, arrays = artifact.load(model_dir)
    return Machine(classify=values["classify"], **arrays)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """`bias` is (1,), `linear` is (d,), `factors` is (d, k)."""

    classify: bool
    bias: Array
    linear: Array
    factors: Array

    @property
    def width(self) -> int:
        """The number of features that a row must have."""
        return int(self.linear.shape[0])

    def raw(self, features: Any) -> Array:
        """Return y(x) for CSR rows."""
        first = features @ self.factors
        second = features.multiply(features) @ self.factors**2
        return np.asarray(self.bias[0] + features @ self.linear + 0.5 * (first**2 - second).sum(axis=1))

    def scores(self, data: Dataset) -> Array:
        """Return the prediction, or the probability of class 1."""
        raw = self.raw(_rows(data))
        return np.asarray(expit(raw)) if self.classify else raw

    def predict(self, data: Dataset, *, verbose: bool) -> list[dict[str, Any]]:  # noqa: ARG002  (as all models)
        """Return `score`, and for a classifier `predicted_label`."""
        rows = [{"score": float(score)} for score in self.scores(data)]
        if self.classify:
            for row in rows:
                row["predicted_label"] = int(row["score"] >= _THRESHOLD)
        return rows


def _rows(data: Dataset) -> Any:
    return sparse.csr_matrix(data.features, dtype=np.float64)


def _gradients(model: Machine, features: Any, labels: Array) -> dict[str, Array]:
    """Return the gradients of the loss, summed over a mini-batch."""
    raw = model.raw(features)
    error = (expit(raw) if model.classify else raw) - labels
    projected = features @ model.factors
    squares = features.multiply(features).T @ error
    return {
        "bias": np.array([error.sum()]),
        "linear": np.asarray(features.T @ error),
        "factors": np.asarray(features.T @ (error[:, None] * projected) - squares[:, None] * model.factors),
    }


def _descend(
    name: str, model: Machine, gradient: Array, chosen: dict[str, Any], optimizer: optimizers.Optimizer
) -> None:
    parameters: Array = getattr(model, name)
    gradient = gradient + chosen[f"{name}_wd"] * parameters
    if chosen["clip_gradient"] is not None:
        gradient = np.clip(gradient, -chosen["clip_gradient"], chosen["clip_gradient"])
    optimizer.step(name, parameters, gradient, chosen[f"{name}_lr"])


def _initial(
    chosen: dict[str, Any], name: str, shape: tuple[int, ...], generator: np.random.Generator
) -> Array:
    match chosen[f"{name}_init_method"]:
        case "normal":
            return generator.normal(0.0, chosen[f"{name}_init_sigma"], shape)
        case "uniform":
            scale = chosen[f"{name}_init_scale"] or _UNIFORM_SCALE
            return generator.uniform(-scale, scale, shape)
        case _:
            return np.full(shape, chosen[f"{name}_init_value"] or 0.0)


def _print_metrics(job: Job, channel: str, model: Machine, epoch: int | None) -> None:
    data, console = job.channels[channel], job.console
    labels, scores = np.asarray(data.labels), model.scores(data)
    if not model.classify:
        squares = float(np.mean((scores - labels) ** 2))
        console.loss(channel, "rmse", math.sqrt(squares), epoch=epoch)
        console.loss(channel, "mse", squares, epoch=epoch)
        console.loss(channel, "absolute_loss", float(np.mean(np.abs(scores - labels))), epoch=epoch)
        if epoch is None:
            console.say(f"#test_score ({console.host}) : ('rmse', {math.sqrt(squares)})")
        return
    predicted = scores >= _THRESHOLD
    cross_entropy = log_loss(labels, np.clip(scores, 1e-15, 1 - 1e-15), labels=[0, 1])
    accuracy = float(np.mean(predicted == labels))
    console.score(channel, "binary_classification_accuracy", accuracy, epoch=epoch)
    console.loss(channel, "binary_classification_cross_entropy", cross_entropy, epoch=epoch)
    console.score(
        channel, "binary_f_1.000", fbeta_score(labels, predicted, beta=1, zero_division=0), epoch=epoch
    )
