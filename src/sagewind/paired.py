"""Two models on the same rows: the difference of a metric with a confidence interval by a paired bootstrap.

Both models answered the same held-out rows, so rows are resampled together and the interval is about the
difference itself: much narrower than what two separate intervals would say. The seed is fixed, so a
repeated gate decides alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sagewind.errors import SagewindError
from sagewind.gate import Comparison
from sagewind.scores import score

if TYPE_CHECKING:
    from sagewind.evaluation import Predictions
    from sagewind.scores import Floats

SEED = 20260101
RESAMPLES = 2000
_CELLS = 4_000_000
"""Weights held in memory at once: resamples times distinct rows."""
_SHOWN = 5


class PairingError(SagewindError):
    """Two sets of predictions are not about the same rows."""


def compare(
    challenger: Predictions,
    champion: Predictions,
    *,
    metric: str,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compare two models on the same rows: each one's value, and an interval of challenger - champion.

    Raises:
        PairingError: the ids or the labels differ; the message shows the first few. ScoreError: the
        metric is unknown or not defined on these rows.

    """
    if not 0 < confidence < 1:
        raise PairingError(f"confidence: got {confidence}, expected a number between 0 and 1")
    measure = score(metric)
    other = _align(challenger, champion)
    new = measure.rows(challenger.labels, challenger.predictions)
    old = measure.rows(challenger.labels, other)
    width = new.shape[1]
    means = _resampled_means(np.concatenate([new, old], axis=1), resamples, seed)
    deltas = measure.combine(means[:, :width]) - measure.combine(means[:, width:])
    tail = (1 - confidence) / 2
    low, high = np.quantile(deltas, [tail, 1 - tail])
    return Comparison(
        metric=metric,
        maximise=measure.maximise,
        rows=len(challenger.ids),
        challenger=measure.of(challenger.labels, challenger.predictions),
        champion=measure.of(challenger.labels, other),
        low=float(low),
        high=float(high),
        confidence=confidence,
    )


def _align(challenger: Predictions, champion: Predictions) -> tuple[str, ...]:
    """Return the champion's predictions in the challenger's order of ids."""
    theirs = {key: place for place, key in enumerate(champion.ids)}
    ids = set(challenger.ids)
    if ids != theirs.keys():
        odd = sorted(ids ^ theirs.keys())
        raise PairingError(
            f"{challenger.source} and {champion.source} are not about the same rows: "
            f"{len(odd)} id(s) in only one of them, first {odd[:_SHOWN]}"
        )
    places = [theirs[key] for key in challenger.ids]
    unequal = [
        key
        for key, label, place in zip(challenger.ids, challenger.labels, places, strict=True)
        if champion.labels[place] != label
    ]
    if unequal:
        raise PairingError(
            f"{challenger.source} and {champion.source} disagree about the truth of {len(unequal)} row(s), "
            f"first {unequal[:_SHOWN]}"
        )
    return tuple(champion.predictions[place] for place in places)


def _resampled_means(rows: Floats, resamples: int, seed: int) -> Floats:
    """Return the column means of `resamples` bootstrap samples of the rows (resamples x columns).

    Equal rows are counted once: drawing how often each distinct row occurs from a multinomial
    distribution is the bootstrap itself, and a classifier's rows have only a handful of distinct values.
    """
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    total = len(rows)
    step = max(1, _CELLS // len(distinct))
    parts = [
        generator.multinomial(total, counts / total, size=min(step, resamples - start)) @ distinct
        for start in range(0, resamples, step)
    ]
    means: Floats = np.concatenate(parts) / total
    return means
