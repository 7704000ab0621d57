"""The user's source folder in a container: fetched as the training toolkit fetches it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from sagelocal import archive
from sagelocal import storage as objects
from sagelocal.container import environment

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.container.layout import Layout
    from sagelocal.storage import Storage

REQUIREMENTS = "requirements.txt"


class SourceError(Exception):
    """The source folder cannot be had; the message names where it was to come from, and why not."""


def fetch(storage: Storage, uri: str, layout: Layout, draft: Path) -> None:
    """Fill the container's code folder from `uri`: an archive on S3, or a path inside the container.

    Raises:
        SourceError: it is not there, or no archive that can be unpacked safely.
        objects.UnreachableError: the object store does not answer.

    """
    if not uri:
        return
    try:
        if uri.startswith("s3://"):
            storage.download(uri, draft)
            archive.extract(draft, layout.code)
            draft.unlink()
        else:
            _local(uri.removeprefix("file://"), layout)
    except objects.UnreachableError:
        raise
    except (objects.StorageError, archive.ArchiveError, OSError, ValueError) as error:
        raise SourceError(f"the source archive {uri} cannot be used: {error}") from error


def _local(path: str, layout: Layout) -> None:
    place = layout.on_host(path)
    if place == layout.code:
        return
    if place.is_dir():
        shutil.copytree(place, layout.code, dirs_exist_ok=True)
    elif place.name.endswith((".tar.gz", ".tgz")):
        archive.extract(place, layout.code)
    else:
        shutil.copy2(place, layout.code)


def requirements(code: Path, script: str) -> str | None:
    """Return what is to be installed before the script runs; the toolkit does so for Python scripts only."""
    if script.endswith(".sh"):
        return None
    if is_package(code):
        own = (code / REQUIREMENTS).read_text() if (code / REQUIREMENTS).is_file() else ""
        return f"{own}\n.\n"
    listing = code / REQUIREMENTS
    return listing.read_text() if script.endswith(".py") and listing.is_file() else None


def allow_to_run(code: Path, script: str) -> None:
    """Let a shell run a script that is no Python, as the toolkit does, whatever its mode in the archive."""
    path = code / script
    if environment.is_command(script, is_package=is_package(code)) and path.is_file():
        path.chmod(0o777)


def is_package(code: Path) -> bool:
    """Tell whether the source folder is a Python package, which is installed and run as a module."""
    return (code / "setup.py").is_file()
