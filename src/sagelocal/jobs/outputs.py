"""Uploads the output folders of a processing job: at its end, or file by file while it runs."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING

from sagelocal import storage as objects
from sagelocal.container import sight as sights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagelocal.container.sight import Found, Sight
    from sagelocal.jobs.processing_plan import Output
    from sagelocal.storage import Storage

LOOK_SECONDS = 1.0
"""Between two looks at outputs that are uploaded while the job runs."""
State = tuple[int, int]
"""A file's modification time in nanoseconds, and its size."""


class Folder:
    """One output's folder on one host."""

    def __init__(
        self, storage: Storage, output: Output, folder: Path, sight: Sight, say: Callable[[str], None]
    ) -> None:
        self._storage = storage
        self._output = output
        self._folder = folder
        self._sight = sight
        self._left_out = sights.once(lambda words: say(f"Left out of the output {output.name!r}: {words}"))
        self._seen: dict[Found, State] = {}
        self._sent: dict[Found, State] = {}

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
        self._send({file: state for file, state in found.items() if self._seen.get(file) == state})
        self._seen = found

    def finish(self) -> int:
        """Upload all that is not on S3 yet, and return how many files are there in all."""
        found = self._files()
        self._send(found)
        return len(found)

    def _send(self, files: dict[Found, State]) -> None:
        new = {file: state for file, state in files.items() if self._sent.get(file) != state}
        target = objects.parse(self._output.uri)
        transfers: list[Callable[[], None]] = [
            partial(self._storage.upload, file.place, target.join(file.name).uri) for file in new
        ]
        if transfers:
            objects.in_parallel(transfers)
        self._sent |= new

    def _files(self) -> dict[Found, State]:
        found = {}
        for each in self._sight.contents(self._folder, self._left_out):
            if not each.is_folder:
                with contextlib.suppress(FileNotFoundError):  # the job may delete what it wrote
                    status = each.place.lstat()
                    found[each] = (status.st_mtime_ns, status.st_size)
        return found


class Continuous:
    """Uploads folders while the job runs, from a thread of its own: the job is not to wait for S3."""

    def __init__(self, folders: list[Folder], say: Callable[[str], None]) -> None:
        self._folders = [folder for folder in folders if folder.continuous]
        self._say = say
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outputs", daemon=True)

    def start(self) -> None:
        """Begin, where there is anything to do."""
        if self._folders:
            self._thread.start()

    def close(self) -> None:
        """End; what is not on S3 yet is left to `Folder.finish`."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for folder in self._folders:
                tell_failure(folder.look, self._say)


def tell_failure(upload: Callable[[], object], say: Callable[[str], None]) -> None:
    """Upload while the job runs; what fails now is tried again, at the latest at the end."""
    try:
        upload()
    except (objects.StorageError, OSError) as error:
        say(f"An output was not uploaded yet: {error}")
