"""Metrics as functions of the means of columns, so that a bootstrap of any is one matrix product.

`accuracy` is the mean of one column (was this row right?); `rmse` the root of the mean of another; macro
F1 comes from three columns per class. Resampling rows then only changes the weights of the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class ScoreError(SagewindError):
    """A metric is unknown, or its rows are not what it is defined on."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric: `columns` makes n x k numbers of n rows, `combine` turns b x k means into b values."""

    name: str
    maximise: bool
    numeric: bool
    columns: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Floats]
    combine: Callable[[Floats], Floats]

    def rows(self, labels: Sequence[str], predictions: Sequence[str]) -> Floats:
        """Return the n x k columns of these rows.

        Raises:
            ScoreError: the lengths differ, there is no row, or a value of a numeric metric is not a
            finite number.

        """
        if len(labels) != len(predictions) or not labels:
            raise ScoreError(f"{self.name}: got {len(labels)} labels and {len(predictions)} predictions")
        if self.numeric:
            truth, guess = _numbers(self.name, labels), _numbers(self.name, predictions)
            return self.columns(truth, guess, truth[:0])
        truth, guess = np.asarray(labels, dtype=str), np.asarray(predictions, dtype=str)
        return self.columns(truth, guess, np.unique(truth))

    def of(self, labels: Sequence[str], predictions: Sequence[str]) -> float:
        """Return the metric's value on these rows."""
        return float(self.combine(self.rows(labels, predictions).mean(axis=0, keepdims=True))[0])


def _numbers(name: str, values: Sequence[str]) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except ValueError as error:
        raise ScoreError(f"{name}: expected numbers: {error}") from error
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise ScoreError(f"{name}: expected finite numbers; row {row + 1} is {values[row]!r}")
    return numbers


def _first(means: Floats) -> Floats:
    return means[:, 0]


def _right(truth: NDArray[Any], guess: NDArray[Any], _: NDArray[Any]) -> Floats:
    right: Floats = (truth == guess).astype(np.float64)[:, None]
    return right


def _per_class(truth: NDArray[Any], guess: NDArray[Any], classes: NDArray[Any]) -> Floats:
    """Per class of the truth: hit, predicted, actual."""
    actual, predicted = truth[:, None] == classes, guess[:, None] == classes
    return np.concatenate([actual & predicted, predicted, actual], axis=1).astype(np.float64)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide, with 0 for 0/0, as scikit-learn's `zero_division=0`."""
    quotient: Floats = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return quotient


def _macro_f1(means: Floats) -> Floats:
    hit, predicted, actual = np.split(means, 3, axis=1)
    mean: Floats = _ratio(2 * hit, predicted + actual).mean(axis=1)
    return mean


def _balanced_accuracy(means: Floats) -> Floats:
    hit, _, actual = np.split(means, 3, axis=1)
    present = actual > 0
    mean: Floats = _ratio(hit, actual).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    return mean


def _squared(truth: Floats, guess: Floats, _: Floats) -> Floats:
    return ((truth - guess) ** 2)[:, None]


def _absolute(truth: Floats, guess: Floats, _: Floats) -> Floats:
    return np.abs(truth - guess)[:, None]


def _moments(truth: Floats, guess: Floats, _: Floats) -> Floats:
    centred = truth - truth.mean()
    return np.stack([(truth - guess) ** 2, centred, centred**2], axis=1)


def _r2(means: Floats) -> Floats:
    error, mean, square = means.T
    variance = square - mean**2
    return np.where(variance > 0, 1 - error / np.where(variance > 0, variance, 1), 0.0)


SCORES: dict[str, Score] = {
    each.name: each
    for each in (
        Score(name="accuracy", maximise=True, numeric=False, columns=_right, combine=_first),
        Score(name="macro_f1", maximise=True, numeric=False, columns=_per_class, combine=_macro_f1),
        Score(
            name="balanced_accuracy",
            maximise=True,
            numeric=False,
            columns=_per_class,
            combine=_balanced_accuracy,
        ),
        Score(name="mae", maximise=False, numeric=True, columns=_absolute, combine=_first),
        Score(name="mse", maximise=False, numeric=True, columns=_squared, combine=_first),
        Score(
            name="rmse",
            maximise=False,
            numeric=True,
            columns=_squared,
            combine=lambda means: np.sqrt(_first(means)),
        ),
        Score(name="r2", maximise=True, numeric=True, columns=_moments, combine=_r2),
    )
}
"""Every metric that can be computed from predictions; named as in SageMaker's model-quality JSON."""


def score(name: str) -> Score:
    """Return the metric of this name.

    Raises:
        ScoreError: there is none.

    """
    try:
        return SCORES[name]
    except KeyError:
        raise ScoreError(f"metric: got {name!r}, expected one of {', '.join(sorted(SCORES))}") from None
