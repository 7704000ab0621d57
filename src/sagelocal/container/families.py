"""The images that stand for an environment: a table of SageMaker's own repositories and their versions.

Tags are those of the SageMaker SDK's `image_uri_config/*.json`; variables are what the images' own
Dockerfiles set that a script or its libraries read.
"""

from __future__ import annotations

from dataclasses import dataclass

SKLEARN = "sagemaker-scikit-learn"


@dataclass(frozen=True, kw_only=True)
class Release:
    """One framework version of a repository, and how it is had on this machine."""

    tag: str
    """The version part of the image's tag, without `-cpu-py3`."""
    version: str
    """The framework's own version."""
    lock: str = ""
    """The file in `locks/` with every package of its environment; empty: no interpreter of ours has it."""
    python: tuple[tuple[int, int], tuple[int, int]] = ((3, 11), (3, 15))
    """The interpreters that the locked versions have wheels for: from, up to and without."""

    lack: str = ""
    """Why there is no lock, where it is not for the want of a wheel of its own."""

    def installable(self, interpreter: tuple[int, int]) -> bool:
        """Say whether the interpreter can have it."""
        low, high = self.python
        return bool(self.lock) and low <= interpreter < high


@dataclass(frozen=True, kw_only=True)
class Family:
    """A repository's images: their framework, and what they set for their programs."""

    framework: str
    releases: tuple[Release, ...]
    """Oldest first."""
    training_module: str = ""
    """What the image's own ENV names as SAGEMAKER_TRAINING_MODULE; scripts see it as SM_FRAMEWORK_MODULE."""
    warm: tuple[str, ...] = ()
    """Modules whose bytecode is compiled when the environment is made, since jobs cannot write it."""
    variables: tuple[tuple[str, str], ...] = ()
    """Other variables that the image's own ENV sets."""
    algorithm: bool = False
    """Whether it is a built-in algorithm: without a script of the user's it trains and serves by itself."""
    preload: bool = True
    """Whether scripts may be forked from an interpreter that has imported `warm`."""
    programs: tuple[tuple[str, str], ...] = ()
    """The image's own programs: the name in `bin`, and the file in `programs/` that does its work."""
    stand_ins: tuple[str, ...] = ()
    """The packages of `stand_ins/` that stand for toolkits which its images contain."""
    heavy: str = ""
    """What a log says before an environment of extraordinary size is made."""


def _algorithm(
    repository: str,
    framework: str,
    releases: tuple[Release, ...],
    *warm: str,
    stand_ins: tuple[str, ...] = (),
) -> Family:
    """Return the family of a built-in algorithm; its server is told which one it is."""
    return Family(
        framework=framework,
        releases=releases,
        warm=("sklearn.utils.extmath", "sklearn.metrics", "scipy.sparse", "uvloop", "httptools", *warm),
        variables=(
            ("SAGELOCAL_HANDLERS", "sagelocal.algorithms.handlers"),
            ("SAGELOCAL_ALGORITHM", repository),
        ),
        algorithm=True,
        stand_ins=stand_ins,
    )


_FIRST = (
    Release(tag="1", version="1", lock="builtin.txt"),
    Release(tag="latest", version="1", lock="builtin.txt"),
)
_XGBOOST = "xgboost"

FAMILIES: dict[str, Family] = {
    SKLEARN: Family(
        framework="scikit-learn",
        training_module="sagemaker_sklearn_container.training:main",
        variables=(
            ("SAGEMAKER_TRAINING_MODULE", "sagemaker_sklearn_container.training:main"),
            ("SAGEMAKER_SERVING_MODULE", "sagemaker_sklearn_container.serving:main"),
        ),
        warm=(
            *("sklearn.ensemble", "sklearn.linear_model", "sklearn.model_selection", "sklearn.pipeline"),
            *(
                "sklearn.preprocessing",
                "sklearn.compose",
                "sklearn.metrics",
                "sklearn.datasets",
                "sklearn.svm",
            ),
            *("pandas", "joblib", "yaml", "uvloop", "httptools"),
        ),
        stand_ins=("sagemaker_containers", "sagemaker_inference", "sagemaker_training"),
        releases=(
            Release(tag="0.20.0", version="0.20.0"),
            Release(tag="0.23-1", version="0.23.2"),
            Release(tag="1.0-1", version="1.0.2"),
            Release(tag="1.2-1", version="1.2.1", lock="sklearn-1.2-1.txt", python=((3, 11), (3, 12))),
            Release(tag="1.4-2", version="1.4.2", lock="sklearn-1.4-2.txt", python=((3, 11), (3, 13))),
            Release(tag="1.4-2-py312", version="1.4.2", lock="sklearn-1.4-2.txt", python=((3, 11), (3, 13))),
            Release(tag="1.9-0", version="1.9.0", lock="sklearn-1.9-0.txt"),
        ),
    ),
    "knn": _algorithm("knn", "K-Nearest Neighbors", _FIRST, "sklearn.neighbors"),
    "pca": _algorithm("pca", "PCA", _FIRST, "sklearn.decomposition"),
    "kmeans": _algorithm("kmeans", "K-Means", _FIRST, "sklearn.cluster"),
    "linear-learner": _algorithm("linear-learner", "Linear Learner", _FIRST, "sklearn.preprocessing"),
    "factorization-machines": _algorithm("factorization-machines", "Factorization Machines", _FIRST),
    "sagemaker-xgboost": _algorithm(
        "sagemaker-xgboost",
        "XGBoost",
        (
            Release(tag="0.90-1", version="0.90"),
            Release(tag="0.90-2", version="0.90"),
            Release(tag="1.0-1", version="1.0.0"),
            Release(tag="1.2-1", version="1.2.0"),
            Release(tag="1.2-2", version="1.2.0"),
            Release(tag="1.3-1", version="1.3.3"),
            Release(tag="1.5-1", version="1.5.2"),
            Release(tag="1.7-1", version="1.7.4", lock="xgboost-1.7-1.txt", python=((3, 11), (3, 12))),
            Release(tag="3.0-5", version="3.0.5", lock="xgboost-3.0-5.txt"),
        ),
        *(_XGBOOST, "pandas", "yaml"),
        stand_ins=("sagemaker_containers", "sagemaker_inference"),
    ),
    _XGBOOST: _algorithm(
        _XGBOOST,
        "XGBoost",
        (
            Release(tag="1", version="0.72"),
            Release(tag="latest", version="0.72"),
            Release(tag="3.0-5", version="3.0.5", lock="xgboost-3.0-5.txt"),
        ),
        _XGBOOST,
    ),
}
"""By repository name. Tags: the SageMaker SDK's `image_uri_config/*.json`."""
