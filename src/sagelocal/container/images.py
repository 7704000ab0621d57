"""Which environment an image URI stands for.

SageMaker's own images are told apart by repository name and tag; the registry's account and region do not
matter, since they vary with the region for the same image. What is known is a table; anything else is refused
with a reason, never faked.
"""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass
from importlib import resources

from sagelocal import errors

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
    python: tuple[tuple[int, int], tuple[int, int]] = ((3, 11), (3, 14))
    """The interpreters that the locked versions have wheels for: from, up to and without."""

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


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image as it is run here."""

    uri: str
    repository: str
    tag: str
    framework: str
    requested_version: str
    """The framework version that the tag names."""
    framework_version: str
    """The one that is run; another only under the policy `nearest`."""
    requirements: str
    """The environment's packages, exact and with hashes, as the text of a requirements file."""
    training_module: str = ""
    warm: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    algorithm: bool = False
    """Whether it trains and serves by itself when there is no script of the user's."""

    @property
    def note(self) -> str:
        """Return what a job should record about a version that is not the requested one; empty when it is."""
        if self.framework_version == self.requested_version:
            return ""
        return (
            f"{self.repository}:{self.tag} stands for {self.framework} {self.requested_version}, which has "
            f"no wheel for Python {_spell(sys.version_info[:2])}; {self.framework_version} is used instead"
        )


def _algorithm(repository: str, framework: str, releases: tuple[Release, ...], *warm: str) -> Family:
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

_TAG = re.compile(r"(?P<release>.+?)-(?P<processor>cpu|gpu)(-py\d+)?(-.*)?")
_URI = re.compile(r"(?:[^/]+/)?(?P<repository>[^:@]+)(?::(?P<tag>[^:@]+))?(?:@.+)?")


@functools.lru_cache(maxsize=256)
def resolve(uri: str, policy: str = "exact", interpreter: tuple[int, int] | None = None) -> Image:
    """Return what `uri` stands for; `policy` as the setting `image_policy`, `interpreter` as (3, 11).

    Raises:
        errors.NotSupported: the repository or the tag is unknown, or its version cannot be installed and
            `policy` is `exact`. The message says why, and what works.

    """
    match = _URI.fullmatch(uri)
    family = FAMILIES.get(match["repository"]) if match else None
    if match is None or family is None:
        raise errors.NotSupported(
            f"sagelocal cannot run the image {uri!r}: it runs no container, only environments that stand for "
            f"known images; known repositories are {', '.join(sorted(FAMILIES))}"
        )
    release = _release(uri, match["tag"] or "", family)
    used = _installable(uri, release, family, policy, interpreter or sys.version_info[:2])
    return Image(
        uri=uri,
        repository=match["repository"],
        tag=match["tag"] or "",
        framework=family.framework,
        requested_version=release.version,
        framework_version=used.version,
        requirements=lock_text(used.lock),
        training_module=family.training_module,
        warm=family.warm,
        variables=family.variables,
        algorithm=family.algorithm,
    )


@functools.cache
def lock_text(name: str) -> str:
    """Return a file of `locks/`."""
    return (resources.files("sagelocal.container") / "locks" / name).read_text()


def _release(uri: str, tag: str, family: Family) -> Release:
    match = _TAG.fullmatch(tag)
    name = match["release"] if match else tag
    if match and match["processor"] == "gpu":
        raise errors.NotSupported(
            f"sagelocal cannot run the image {uri!r}: it needs a GPU; the cpu tag works"
        )
    for release in family.releases:
        if release.tag == name:
            return release
    known = ", ".join(release.tag for release in family.releases)
    raise errors.NotSupported(
        f"sagelocal cannot run the image {uri!r}: its tag is {tag!r}; known versions are {known}"
    )


def _installable(
    uri: str, release: Release, family: Family, policy: str, interpreter: tuple[int, int]
) -> Release:
    if release.installable(interpreter):
        return release
    choices = [other for other in family.releases if other.installable(interpreter)]
    python = _spell(interpreter)
    if not choices:
        raise errors.NotSupported(
            f"sagelocal cannot run the image {uri!r}: no {family.framework} version of these images has "
            f"wheels for Python {python}"
        )
    # The releases are in order of age; versions cannot be subtracted (0.24 was followed by 1.0).
    order = family.releases.index(release)
    nearest = min(choices, key=lambda other: abs(family.releases.index(other) - order))
    if policy == "nearest":
        return nearest
    raise errors.NotSupported(
        f"sagelocal cannot run the image {uri!r}: {family.framework} {release.version} has no wheel for "
        f"Python {python}; the nearest that works is {nearest.tag} ({family.framework} {nearest.version}). "
        "Ask for that tag, or start sagelocal with SAGELOCAL_IMAGE_POLICY=nearest"
    )


def _spell(interpreter: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in interpreter)
