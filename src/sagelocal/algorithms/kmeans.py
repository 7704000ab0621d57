"""K-means for streams, in AWS's two steps.

First the data pass by in mini-batches and `k * extra_center_factor` centres follow them, old points losing
weight by `half_life_time_size`; then Lloyd's algorithm reduces those centres, weighted, to `k`.
https://docs.aws.amazon.com/sagemaker/latest/dg/algo-kmeans-tech-notes.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin_min

from sagelocal.algorithms import artifact
from sagelocal.algorithms.errors import CustomerError
from sagelocal.algorithms.hyperparameters import AUTO, TUNED

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.data import Array, Dataset
    from sagelocal.algorithms.training import Job

_SEED = 0
_AUTO_FACTOR = 4
_AUTO_TRIALS = 10
_INIT = {"kmeans++": "k-means++", "random": "random"}


def train(job: Job) -> None:
    """Find the centres of the train channel; print their distances on train and test."""
    features = job.train.dense().astype(np.float64)
    if job.hyperparameters["k"] > len(features):
        raise CustomerError(f"k is {job.hyperparameters['k']}; it must be at most the {len(features)} rows")
    generator = np.random.default_rng(_SEED)
    centres, counts = _stream(features, job.hyperparameters, generator)
    final = _reduce(centres, counts, job.hyperparameters)
    artifact.save(job.model_dir, {"algorithm": "kmeans"}, centers=final.astype(np.float32))
    _print_distances(job, "train", final, ("msd",))
    if "test" in job.channels:
        _print_distances(job, "test", final, _wanted(job.hyperparameters))


def load(model_dir: Path) -> Clusters:
    """Load the centres."""
    _, arrays = artifact.load(model_dir)
    return Clusters(centers=arrays["centers"])


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """The (k, d) centres."""

    centers: Array

    @property
    def width(self) -> int:
        """The number of features that a row must have."""
        return int(self.centers.shape[1])

    def predict(self, data: Dataset, *, verbose: bool) -> list[dict[str, Any]]:  # noqa: ARG002  (as all models)
        """Return `closest_cluster` and `distance_to_cluster` (Euclidean) for each row."""
        closest, distances = pairwise_distances_argmin_min(data.dense(), self.centers)
        return [
            {"closest_cluster": float(index), "distance_to_cluster": float(distance)}
            for index, distance in zip(closest, distances, strict=True)
        ]


def _stream(features: Array, chosen: dict[str, Any], generator: np.random.Generator) -> tuple[Array, Array]:
    factor = _AUTO_FACTOR if chosen["extra_center_factor"] == AUTO else chosen["extra_center_factor"]
    size = chosen["mini_batch_size"]
    count = min(chosen["k"] * factor, len(features))
    centres = _first_centres(features[: max(size, count)], count, chosen["init_method"], generator)
    weights = np.zeros(count)
    half_life = chosen["half_life_time_size"]
    for _ in range(chosen["epochs"]):
        order = generator.permutation(len(features))
        for start in range(0, len(features), size):
            batch = features[order[start : start + size]]
            if half_life:
                weights *= 0.5 ** (len(batch) / half_life)
            _follow(centres, weights, batch)
    return centres, weights


def _first_centres(rows: Array, count: int, method: str, generator: np.random.Generator) -> Array:
    if method == "kmeans++":
        centres, _ = kmeans_plusplus(rows, count, random_state=_SEED)
        return np.array(centres)
    return np.array(rows[generator.choice(len(rows), count, replace=False)])


def _follow(centres: Array, weights: Array, batch: Array) -> None:
    """Move each centre to the weighted mean of what it stood for and of the points that are nearest to it."""
    nearest, _ = pairwise_distances_argmin_min(batch, centres)
    counts = np.bincount(nearest, minlength=len(centres))
    sums = np.zeros_like(centres)
    np.add.at(sums, nearest, batch)
    hit = counts > 0
    total = weights + counts
    centres[hit] += (sums[hit] - counts[hit, None] * centres[hit]) / total[hit, None]
    weights[:] = total


def _reduce(centres: Array, weights: Array, chosen: dict[str, Any]) -> Array:
    used = weights > 0
    trials = chosen["local_lloyd_num_trials"]
    if used.sum() <= chosen["k"]:
        return centres[np.argsort(-weights, kind="stable")[: chosen["k"]]]
    lloyd = KMeans(
        n_clusters=chosen["k"],
        init=_INIT[chosen["local_lloyd_init_method"]],
        n_init=_AUTO_TRIALS if trials == AUTO else trials,
        max_iter=chosen["local_lloyd_max_iter"],
        tol=chosen["local_lloyd_tol"],
        random_state=_SEED,
    )
    lloyd.fit(centres[used], sample_weight=weights[used])
    return np.asarray(lloyd.cluster_centers_)


def _wanted(chosen: dict[str, Any]) -> tuple[str, ...]:
    """Return the metrics of the test channel: those asked for, and the one that a tuning job goes by."""
    given: tuple[str, ...] = chosen["eval_metrics"]
    channel, _, name = (chosen[TUNED] or "").partition(":")
    return given if channel != "test" or name in given else (*given, name)


def _print_distances(job: Job, channel: str, centres: Array, names: tuple[str, ...]) -> None:
    _, distances = pairwise_distances_argmin_min(job.channels[channel].dense(), centres)
    squares = distances**2
    values = {"msd": squares.mean(), "ssd": squares.sum()}
    for name in names:
        job.console.loss(channel, name, float(values[name]))
