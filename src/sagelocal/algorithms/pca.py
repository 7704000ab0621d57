"""Principal component analysis, regular (exact) or randomized.

https://docs.aws.amazon.com/sagemaker/latest/dg/how-pca-works.html. As AWS's own does, components come in
ascending order of their singular values: the largest is last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD

from sagelocal.algorithms import artifact
from sagelocal.algorithms.errors import CustomerError

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.data import Array, Dataset
    from sagelocal.algorithms.training import Job

_SEED = 0
_AUTO_EXTRA = -1
_AUTO_LEAST = 10
_LEAST = 1  # of scikit-learn


def train(job: Job) -> None:
    """Fit the components of the train channel."""
    chosen = job.hyperparameters
    wanted, width, rows = chosen["num_components"], chosen["feature_dim"], len(job.train)
    most = min(width, rows)
    if wanted > most:
        raise CustomerError(
            f"num_components is {wanted}; it must be at most {most} ({rows} rows, {width} features)"
        )
    features = job.train.dense().astype(np.float64)
    model = _estimator(chosen).fit(features)
    artifact.save(
        job.model_dir,
        {"algorithm": "pca"},
        mean=features.mean(axis=0) if chosen["subtract_mean"] else np.zeros(width),
        components=model.components_[::-1],
        singular_values=model.singular_values_[::-1],
    )


def load(model_dir: Path) -> Projection:
    """Load the components."""
    _, arrays = artifact.load(model_dir)
    return Projection(mean=arrays["mean"], components=arrays["components"])


@dataclass(frozen=True, kw_only=True)
class Projection:
    """The principal components as a linear map: (d,) mean and (c, d) components."""

    mean: Array
    components: Array

    @property
    def width(self) -> int:
        """The number of features that a row must have."""
        return int(self.components.shape[1])

    def predict(self, data: Dataset, *, verbose: bool) -> list[dict[str, Any]]:  # noqa: ARG002  (as all models)
        """Return `projection` for each row."""
        projected = (data.dense() - self.mean) @ self.components.T
        return [{"projection": row.tolist()} for row in projected]


def _estimator(chosen: dict[str, Any]) -> Any:
    count, extra = chosen["num_components"], chosen["extra_components"]
    extra = max(_AUTO_LEAST, count) if extra == _AUTO_EXTRA else max(_LEAST, extra)
    randomized = chosen["algorithm_mode"] == "randomized"
    if chosen["subtract_mean"]:
        solver = "randomized" if randomized else "full"
        return PCA(count, svd_solver=solver, n_oversamples=extra, random_state=_SEED)
    # Without centring the components are the right singular vectors of the data themselves.
    return TruncatedSVD(
        count,
        algorithm="randomized",
        n_oversamples=extra if randomized else max(extra, chosen["feature_dim"]),
        n_iter=5 if randomized else 10,
        random_state=_SEED,
    )
