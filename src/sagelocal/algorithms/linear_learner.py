"""Linear learner: linear and logistic regression by mini-batch gradient descent, several models at once.

https://docs.aws.amazon.com/sagemaker/latest/dg/ll_how-it-works.html: normalise; train models with the given
and with close hyperparameters; calibrate their thresholds; keep the one that is best on the validation
channel (on the train channel when there is none).
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax

from sagelocal.algorithms import artifact, linear_fit, linear_metrics, losses
from sagelocal.algorithms.errors import CustomerError
from sagelocal.algorithms.hyperparameters import AUTO

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.data import Array, Dataset
    from sagelocal.algorithms.training import Job

REGRESSOR, BINARY, MULTICLASS = "regressor", "binary_classifier", "multiclass_classifier"

_AUTO_RATES = {
    "sgd": (0.1, 0.01, 0.5),
    "adam": (0.05, 0.2, 0.005),
    "adagrad": (0.1, 0.5, 0.01),
    "rmsprop": (0.01, 0.05),
}
_AUTO_DECAYS = (0.0, 1e-4)
_AUTO_MODELS = 6


def train(job: Job) -> None:
    """Fit models, keep the best, print the metrics of every channel."""
    chosen = job.hyperparameters
    _check(job)
    loss = losses.choose(chosen)
    fits = []
    for number, candidate in enumerate(_candidates(chosen)):
        fit = linear_fit.fit(job.train, job.channels.get("validation"), candidate)
        job.console.say(
            f"model {number}: learning_rate={candidate['learning_rate']}, wd={candidate['wd']}, "
            f"l1={candidate['l1']}: loss {fit.best}"
        )
        fits.append(fit)
    calibrated = [_calibrated(job, fit) for fit in fits]
    (model, _), best = min(zip(calibrated, fits, strict=True), key=lambda pair: (-pair[0][1], pair[1].best))
    for epoch, (train_loss, validation_loss) in enumerate(best.history):
        job.console.loss("train", loss.objective, train_loss, epoch=epoch)
        if "validation" in job.channels:
            job.console.loss("validation", loss.objective, validation_loss, epoch=epoch)
    artifact.save(
        job.model_dir,
        {
            "algorithm": "linear-learner",
            "predictor_type": model.predictor_type,
            "threshold": model.threshold,
            "probabilities": model.probabilities,
        },
        weights=model.weights,
        bias=model.bias,
    )
    for channel in job.channels:
        _print_metrics(job, channel, model, loss)


def load(model_dir: Path) -> Linear:
    """Load the weights."""
    values, arrays = artifact.load(model_dir)
    values.pop("algorithm")
    return Linear(weights=arrays["weights"], bias=arrays["bias"], **values)


@dataclass(frozen=True, kw_only=True)
class Linear:
    """`weights` is (d, outputs) and `bias` is (outputs,), in the units of the data."""

    predictor_type: str
    threshold: float
    probabilities: bool
    weights: Array
    bias: Array

    @property
    def width(self) -> int:
        """The number of features that a row must have."""
        return int(self.weights.shape[0])

    def raw(self, data: Dataset) -> Array:
        """Return the raw scores, (n, outputs)."""
        features = data.features if sparse.issparse(data.features) else data.dense()
        return np.asarray(features @ self.weights + self.bias)

    def scores(self, data: Dataset) -> Array:
        """Return predictions or probabilities: (n,), or (n, classes) for several classes."""
        raw = self.raw(data)
        if self.predictor_type == MULTICLASS:
            return np.asarray(softmax(raw, axis=1))
        return np.asarray(expit(raw[:, 0])) if self.probabilities else raw[:, 0]

    def predict(self, data: Dataset, *, verbose: bool) -> list[dict[str, Any]]:  # noqa: ARG002  (as all models)
        """Return `score`, and for classifiers `predicted_label`."""
        scores = self.scores(data)
        if self.predictor_type == MULTICLASS:
            labels = scores.argmax(axis=1)
            return [
                {"score": row.tolist(), "predicted_label": int(label)}
                for row, label in zip(scores, labels, strict=True)
            ]
        rows = [{"score": float(score)} for score in scores]
        if self.predictor_type == BINARY:
            for row in rows:
                row["predicted_label"] = int(row["score"] > self.threshold)
        return rows


def _check(job: Job) -> None:
    chosen = job.hyperparameters
    kind, count = chosen["predictor_type"], chosen["num_classes"]
    if kind == MULTICLASS and count is None:
        raise CustomerError(
            "No value(s) were specified for 'num_classes' which is required for multiclass_classifier"
        )
    if chosen["loss"] not in losses.allowed(kind):
        raise CustomerError(
            f"Loss '{chosen['loss']}' cannot be used with predictor_type '{kind}'; "
            f"allowed: {', '.join(losses.allowed(kind))}"
        )
    if kind != REGRESSOR:
        job.check_classes(2 if kind == BINARY else count)


def _candidates(chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the hyperparameters of each model: as given first, `auto` replaced by close values."""
    optimizer = "adam" if chosen["optimizer"] == AUTO else chosen["optimizer"]
    rates = _AUTO_RATES[optimizer] if chosen["learning_rate"] == AUTO else (chosen["learning_rate"],)
    decays = _AUTO_DECAYS if chosen["wd"] == AUTO else (chosen["wd"],)
    l1 = 0.0 if chosen["l1"] == AUTO else chosen["l1"]
    # A tuning job turns the inner tuning off: it sets this hyperparameter.
    count = _AUTO_MODELS if chosen["num_models"] == AUTO else chosen["num_models"]
    grid = [
        chosen | {"optimizer": optimizer, "learning_rate": rate, "wd": decay, "l1": l1}
        for decay, rate in itertools.product(decays, rates)
    ]
    return grid[:count]


def _calibrated(job: Job, fit: linear_fit.Fit) -> tuple[Linear, float]:
    """Return the model of a fit, and how good it is by a criterion that is not its loss: more is better."""
    chosen = job.hyperparameters
    probabilities = chosen["loss"] != "hinge_loss"
    model = Linear(
        predictor_type=chosen["predictor_type"],
        threshold=0.5 if probabilities else 0.0,
        probabilities=probabilities and chosen["predictor_type"] == BINARY,
        weights=fit.weights,
        bias=fit.bias,
    )
    if not model.probabilities:
        return model, 0.0
    data = job.channels.get("validation", job.train)
    if chosen["num_calibration_samples"] != AUTO:
        data = data.take(np.arange(min(len(data), chosen["num_calibration_samples"])))
    threshold, goodness = linear_metrics.calibrate(np.asarray(data.labels), model.scores(data), chosen)
    return dataclasses.replace(model, threshold=threshold), goodness


def _print_metrics(job: Job, channel: str, model: Linear, loss: losses.Loss) -> None:
    data, chosen, console = job.channels[channel], job.hyperparameters, job.console
    labels, scores = np.asarray(data.labels), model.scores(data)
    value, _ = loss.evaluate(model.raw(data), labels)
    console.loss(channel, loss.objective, float(np.mean(value)))
    if model.predictor_type == REGRESSOR:
        linear_metrics.regression(console, channel, labels, scores)
    elif model.predictor_type == BINARY:
        linear_metrics.binary(
            console, channel, labels, scores, threshold=model.threshold, beta=chosen["f_beta"]
        )
    else:
        linear_metrics.multiclass(
            console, channel, labels, scores, top_k=chosen["accuracy_top_k"], beta=chosen["f_beta"]
        )
