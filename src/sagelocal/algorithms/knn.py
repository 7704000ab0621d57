"""K-nearest neighbours: sample, reduce the dimension, index, vote.

https://docs.aws.amazon.com/sagemaker/latest/dg/kNN_how-it-works.html. The index is scikit-learn's exact
search whatever `index_type` says: AWS's approximate FAISS indexes approximate the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sagelocal.algorithms import artifact
from sagelocal.algorithms.errors import CustomerError

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.data import Array, Dataset
    from sagelocal.algorithms.training import Job

_SEED = 0
_SKLEARN_METRIC = {"L2": "euclidean", "COSINE": "cosine"}


def train(job: Job) -> None:
    """Sample and index the train channel; score the test channel when there is one."""
    chosen = job.hyperparameters
    generator = np.random.default_rng(_SEED)
    data = job.train
    if len(data) > chosen["sample_size"]:
        data = data.take(np.sort(generator.choice(len(data), chosen["sample_size"], replace=False)))
    if chosen["k"] > len(data):
        raise CustomerError(f"k is {chosen['k']}; it must be at most the sample's {len(data)} rows")
    if chosen["index_type"] == "faiss.IVFPQ" and chosen["index_metric"] != "L2":
        raise CustomerError(
            f"index_metric is {chosen['index_metric']}; with index_type faiss.IVFPQ it must be L2"
        )
    if chosen["index_type"] != "faiss.Flat":
        job.console.say(f"index_type {chosen['index_type']}: searched exactly, which it approximates")
    features, projection = data.dense(), _projection(chosen, generator)
    values = {"algorithm": "knn"} | {name: chosen[name] for name in ("k", "predictor_type", "index_metric")}
    arrays = {
        "features": features @ projection if projection is not None else features,
        "labels": np.asarray(data.labels),
    }
    if projection is not None:
        arrays["projection"] = projection
    artifact.save(job.model_dir, values, **arrays)
    if "test" in job.channels:
        _score(job, load(job.model_dir))


def load(model_dir: Path) -> Knn:
    """Load the index."""
    values, arrays = artifact.load(model_dir)
    return Knn(
        k=values["k"],
        width=arrays.get("projection", arrays["features"].T).shape[0],
        classify=values["predictor_type"] == "classifier",
        search=_search(values["index_metric"], arrays["features"]),
        labels=arrays["labels"],
        projection=arrays.get("projection"),
    )


@dataclass(frozen=True, kw_only=True)
class Knn:
    """An index with its labels."""

    k: int
    width: int
    classify: bool
    search: Any
    labels: Array
    projection: Array | None

    def predict(self, data: Dataset, *, verbose: bool) -> list[dict[str, Any]]:
        """Return `predicted_label`, and in verbose mode `distances` and `labels`, nearest first."""
        distances, labels = self._neighbours(data)
        predicted = self._vote(labels)
        rows: list[dict[str, Any]] = [{"predicted_label": float(label)} for label in predicted]
        if verbose:
            for row, near, label in zip(rows, distances, labels, strict=True):
                row |= {"distances": near.tolist(), "labels": label.tolist()}
        return rows

    def _neighbours(self, data: Dataset) -> tuple[Array, Array]:
        features = data.dense()
        if self.projection is not None:
            features = features @ self.projection
        distances, indices = self.search.kneighbors(features, n_neighbors=self.k)
        return distances, self.labels[indices]

    def _vote(self, labels: Array) -> Array:
        if not self.classify:
            return np.asarray(labels.mean(axis=1))
        classes, codes = np.unique(labels, return_inverse=True)
        codes = codes.reshape(labels.shape)
        counts = (codes[:, :, None] == np.arange(len(classes))).sum(axis=1)
        return np.asarray(classes[counts.argmax(axis=1)])


class InnerProduct:
    """Exact search for the largest inner products, with scikit-learn's interface."""

    def __init__(self, features: Array) -> None:
        self._features = features

    def kneighbors(self, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
        """Return products and row numbers, largest product first."""
        products = queries @ self._features.T
        order = np.argsort(-products, axis=1, kind="stable")[:, :n_neighbors]
        return np.take_along_axis(products, order, axis=1), order


def _search(metric: str, features: Array) -> Any:
    if metric == "INNER_PRODUCT":
        return InnerProduct(features)
    return NearestNeighbors(metric=_SKLEARN_METRIC[metric]).fit(features)


def _projection(chosen: dict[str, Any], generator: np.random.Generator) -> Array | None:
    """Return the (feature_dim, target) matrix of the dimension reduction; None when there is none."""
    kind, target, width = (
        chosen["dimension_reduction_type"],
        chosen["dimension_reduction_target"],
        chosen["feature_dim"],
    )
    if kind is None:
        return None
    if target is None or target >= width:
        raise CustomerError(
            f"dimension_reduction_target is {target}; with dimension_reduction_type it must be "
            f"greater than 0 and less than feature_dim ({width})"
        )
    signs = generator.choice([-1.0, 1.0], size=(width, target if kind == "sign" else 1))
    if kind == "sign":
        return np.asarray(signs / np.sqrt(target), dtype=np.float32)
    # Fast Johnson-Lindenstrauss: random signs, a Hadamard transform, some of its rows.
    padded = 1 << (width - 1).bit_length()
    rows = generator.choice(padded, size=target, replace=False)
    parity = np.bitwise_count(rows[None, :] & np.arange(width)[:, None]) % 2
    return np.asarray(signs * (1.0 - 2.0 * parity) / np.sqrt(target), dtype=np.float32)


def _score(job: Job, model: Knn) -> None:
    test = job.channels["test"]
    predicted = np.array([row["predicted_label"] for row in model.predict(test, verbose=False)])
    if model.classify:
        accuracy = float(np.mean(predicted == test.labels))
        job.console.score("test", "accuracy", accuracy)
        job.console.say(f"#test_score ({job.console.host}) : ('accuracy', {accuracy})")
    else:
        error = float(np.mean((predicted - test.labels) ** 2))
        job.console.loss("test", "mse", error)
        job.console.say(f"#test_score ({job.console.host}) : ('mse', {error})")
