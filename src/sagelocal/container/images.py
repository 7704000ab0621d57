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
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal import errors
from sagelocal.container import deep_learning, families

if TYPE_CHECKING:
    from sagelocal.container.families import Family, Release

FAMILIES: dict[str, Family] = {**families.FAMILIES, **deep_learning.FAMILIES}
"""By repository name."""


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
    preload: bool = True
    """Whether scripts may be forked from an interpreter that has imported `warm`."""
    programs: tuple[tuple[str, str], ...] = ()
    """The image's own programs: their names, and their text without the first line."""
    stand_ins: tuple[tuple[str, str], ...] = ()
    """The modules that stand for toolkits which the image contains: their paths, and their text."""
    lack: str = ""
    """Why the requested version is not had here."""
    heavy: str = ""
    """What to say before an environment of extraordinary size is made."""

    @property
    def note(self) -> str:
        """Return what a job should record about a version that is not the requested one; empty when it is."""
        if self.framework_version == self.requested_version:
            return ""
        return (
            f"{self.repository}:{self.tag} stands for {self.framework} {self.requested_version}, which "
            f"{self.lack}; {self.framework_version} is used instead"
        )


_TAG = re.compile(r"(?P<release>.+?)-(?P<processor>cpu|gpu)(-py\d+)?(-.*)?")
_MINOR = re.compile(r"\d+\.\d+")
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
        preload=family.preload,
        programs=tuple((name, _program_text(file)) for name, file in family.programs),
        stand_ins=tuple(each for name in family.stand_ins for each in _stand_in(name)),
        lack=_lack(release, interpreter or sys.version_info[:2]),
        heavy=family.heavy,
    )


@functools.cache
def lock_text(name: str) -> str:
    """Return a file of `locks/`."""
    return (resources.files("sagelocal.container") / "locks" / name).read_text()


def _program_text(name: str) -> str:
    return (resources.files("sagelocal.container") / "programs" / name).read_text()


@functools.cache
def _stand_in(name: str) -> tuple[tuple[str, str], ...]:
    """Return the files of a package of `stand_ins/`."""
    folder = Path(__file__).parent / "stand_ins"
    files = sorted((folder / name).rglob("*.py"))
    return tuple((str(file.relative_to(folder)), file.read_text()) for file in files)


def _release(uri: str, tag: str, family: Family) -> Release:
    match = _TAG.fullmatch(tag)
    name = match["release"] if match else tag
    if match and match["processor"] == "gpu":
        raise errors.NotSupported(
            f"sagelocal cannot run the image {uri!r}: it needs a GPU; the cpu tag works"
        )
    # The deep learning containers have a tag for the newest 2.6.x too.
    for release in reversed(family.releases):
        if release.tag == name or (_MINOR.fullmatch(name) and release.tag.startswith(f"{name}.")):
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
        f"sagelocal cannot run the image {uri!r}: {family.framework} {release.version} "
        f"{_lack(release, interpreter)}; the nearest that works is {nearest.tag} "
        f"({family.framework} {nearest.version}). Ask for that tag, or start sagelocal with "
        "SAGELOCAL_IMAGE_POLICY=nearest"
    )


def _lack(release: Release, interpreter: tuple[int, int]) -> str:
    return release.lack or f"has no wheel for Python {_spell(interpreter)}"


def _spell(interpreter: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in interpreter)
