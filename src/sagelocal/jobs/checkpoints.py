"""Checkpoints: a folder of the container and a prefix on S3, kept alike while the job runs.

What is on S3 is there when the container starts, and what the script writes is on S3 soon after, so that a
job that is interrupted goes on where it was.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sagelocal import storage as objects
from sagelocal.container import sight as sights
from sagelocal.jobs import inputs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagelocal.container.sight import Found, Sight
    from sagelocal.storage import Storage

SCAN_SECONDS = 1.0
State = tuple[int, int]
"""A file's modification time in nanoseconds, and its size."""


class CheckpointSync:
    """Keeps one folder on S3, from a thread of its own."""

    def __init__(
        self, storage: Storage, uri: str, folder: Path, sight: Sight, say: Callable[[str], None]
    ) -> None:
        self._storage = storage
        self._uri = uri.rstrip("/")
        self._folder = folder
        self._sight = sight
        self._say = say
        self._left_out = sights.once(lambda words: say(f"Left out of the checkpoints: {words}"))
        self._kept: dict[str, State] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def restore(self) -> int:
        """Fetch what is on S3; return the number of files.

        Raises:
            StorageError: it cannot be fetched.

        """
        self._folder.mkdir(parents=True, exist_ok=True)
        prefix = f"{self._uri}/"
        items = [item for item in self._storage.list(prefix) if not item.key.endswith("/")]
        for item in items:
            name = inputs.relative_path(item.key, objects.parse(prefix).key)
            path = self._folder / name
            if ".." in path.relative_to(self._folder).parts:
                continue
            self._storage.download(item.uri, path)
            self._kept[name] = _state(path)
        return len(items)

    def start(self) -> None:
        """Begin to keep the folder on S3."""
        self._thread.start()

    def close(self) -> None:
        """Upload what is left, and end.

        Raises:
            StorageError: it cannot be uploaded.

        """
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._upload(self._changed())

    def _run(self) -> None:
        before: dict[Found, State] = {}
        while not self._over.wait(SCAN_SECONDS):
            changed = self._changed()
            # A file that is being written waits until it stays the same from one look to the next.
            settled = {file: state for file, state in changed.items() if before.get(file) == state}
            before = changed
            try:
                self._upload(settled)
            except (objects.StorageError, OSError) as error:
                self._say(f"Checkpoints did not reach S3, trying again: {error}")

    def _changed(self) -> dict[Found, State]:
        found: dict[Found, State] = {}
        for each in self._sight.contents(self._folder, self._left_out):
            state = _state(each.place)
            if not each.is_folder and self._kept.get(each.name) != state:
                found[each] = state
        return found

    def _upload(self, changed: dict[Found, State]) -> None:
        for file, state in changed.items():
            if file.place.is_file():
                self._storage.upload(file.place, f"{self._uri}/{file.name}")
                self._kept[file.name] = state


def _state(path: Path) -> State:
    try:
        info = path.lstat()
    except FileNotFoundError:
        return (0, -1)
    return (info.st_mtime_ns, info.st_size)
