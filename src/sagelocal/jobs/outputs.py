"""Uploads the output folders of a processing job: at its end, or file by file while it runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sagelocal import storage as objects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagelocal.jobs.processing_plan import Output
    from sagelocal.storage import Storage

State = tuple[int, int]
"""A file's modification time in nanoseconds, and its size."""


class Folder:
    """One output's folder on one host."""

    def __init__(self, storage: Storage, output: Output, folder: Path) -> None:
        self._storage = storage
        self._output = output
        self._folder = folder
        self._seen: dict[Path, State] = {}
        self._sent: dict[Path, State] = {}

    @property
    def continuous(self) -> bool:
        """Whether it is uploaded while the job runs."""
        return self._output.continuous

    def look(self) -> None:
        """Upload the files that have not changed since the last look, when the output is continuous.

        Raises:
            StorageError: the store did not take one.

        """
        if not self.continuous:
            return
        found = self._files()
        self._send({path: state for path, state in found.items() if self._seen.get(path) == state})
        self._seen = found

    def finish(self) -> int:
        """Upload all that is not on S3 yet, and return how many files are there in all."""
        found = self._files()
        self._send(found)
        return len(found)

    def _send(self, files: dict[Path, State]) -> None:
        new = {path: state for path, state in files.items() if self._sent.get(path) != state}
        target = objects.parse(self._output.uri)
        transfers: list[Callable[[], None]] = [
            partial(self._storage.upload, path, target.join(path.relative_to(self._folder).as_posix()).uri)
            for path in new
        ]
        if transfers:
            objects.in_parallel(transfers)
        self._sent |= new

    def _files(self) -> dict[Path, State]:
        found = {}
        for path in sorted(self._folder.rglob("*")):
            # A link may lead anywhere on the machine.
            if path.is_file() and not path.is_symlink():
                status = path.stat()
                found[path] = (status.st_mtime_ns, status.st_size)
        return found
