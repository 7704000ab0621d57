"""What a container says, kept in two places: the job folder's `container.log`, and its log stream."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.logs import LogSink

PLATFORM = "[sagelocal] "
"""Starts the lines that are ours, not the container's."""


class Report:
    """Takes lines from any thread, in the order of their arrival."""

    def __init__(self, path: Path, sink: LogSink) -> None:
        self._file = path.open("a", encoding="utf-8", errors="replace", buffering=1)
        self._sink = sink
        self._guard = threading.Lock()

    def line(self, text: str) -> None:
        """Take a line of the container."""
        with self._guard:
            self._file.write(f"{text}\n")
            self._sink.write(text)

    def say(self, text: str) -> None:
        """Take a line of the platform, marked as such; one for each line of the text."""
        for part in text.splitlines() or [""]:
            self.line(PLATFORM + part)

    def close(self) -> None:
        """Deliver the rest of the lines; what cannot be delivered stays in the file, with a word about it."""
        from sagelocal import logs  # noqa: PLC0415  (its error only)

        try:
            self._sink.close()
        except logs.LogsLostError as error:
            self._file.write(f"{PLATFORM}{error}\n")
        self._file.close()
