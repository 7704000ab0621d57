"""How a container's process ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass

SIGNAL_BASE = 128


@dataclass(frozen=True)
class Exit:
    """How a process ended: its code (128 + signal when a signal killed it), and the signal or 0."""

    code: int
    signal: int = 0

    @classmethod
    def of(cls, code: int) -> Exit:
        """Read a return code of `subprocess`: negative when a signal ended the process."""
        return cls(SIGNAL_BASE - code, -code) if code < 0 else cls(code)

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.code == 0

    def __str__(self) -> str:
        if self.signal:
            return f"killed by {signal.Signals(self.signal).name}"
        return f"exit code {self.code}"
