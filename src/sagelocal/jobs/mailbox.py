"""How a supervisor asks the service to see to a job: an empty file named after it, which the launcher takes.

The store holds what there is to see: a job `InProgress` that nobody runs, one that is `Stopping`, one that is
over and that somebody may wait for. The file only says where to look, so one that is lost or there twice does
no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagelocal.jobs import bell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER = "mail"
_SEPARATOR = "@"
"""In no kind and in no name of a job."""


def put(data_dir: Path, kind: str, name: str) -> None:
    """Ask the service to see to the job."""
    folder = data_dir / "jobs" / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{kind}{_SEPARATOR}{name}").touch()
    bell.ring(data_dir)


def take(data_dir: Path) -> Iterator[tuple[str, str]]:
    """Give the kinds and names of the jobs that were asked about, and forget each as it is given."""
    folder = data_dir / "jobs" / _FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        path.unlink(missing_ok=True)
        kind, _, name = path.name.partition(_SEPARATOR)
        yield kind, name
