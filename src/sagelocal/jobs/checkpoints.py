"""Checkpoints: a folder of the container and a prefix on S3, kept alike while the job runs.

What is on S3 is there when the container starts, and what the script writes is on S3 soon after, so that a
job that is interrupted goes on where it was.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sagelocal import archive
from sagelocal import storage as objects
from sagelocal.jobs import inputs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagelocal.storage import Storage

SCAN_SECONDS = 1.0


class CheckpointSync:
    """Keeps one folder on S3, from a thread of its own."""

    def __init__(self, storage: Storage, uri: str, folder: Path, say: Callable[[str], None]) -> None:
        self._storage = storage
        self._uri = uri.rstrip("/")
        self._folder = folder
        self._say = say
        self._kept: dict[str, tuple[int, int]] = {}
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
            self._kept[name] = self._state(name)
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
        before: dict[str, tuple[int, int]] = {}
        while not self._over.wait(SCAN_SECONDS):
            changed = self._changed()
            # A file that is being written waits until it stays the same from one look to the next.
            settled = {name: state for name, state in changed.items() if before.get(name) == state}
            before = changed
            try:
                self._upload(settled)
            except (objects.StorageError, OSError) as error:
                self._say(f"Checkpoints did not reach S3, trying again: {error}")

    def _changed(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for name in archive.files(self._folder):
            state = self._state(name)
            if self._kept.get(name) != state:
                found[name] = state
        return found

    def _state(self, name: str) -> tuple[int, int]:
        try:
            info = (self._folder / name).stat()
        except FileNotFoundError:
            return (0, -1)
        return (info.st_mtime_ns, info.st_size)

    def _upload(self, changed: dict[str, tuple[int, int]]) -> None:
        for name, state in changed.items():
            path = self._folder / name
            if path.is_file():
                self._storage.upload(path, f"{self._uri}/{name}")
                self._kept[name] = state
