"""Loopback ports for the stack's servers: remembered, customary or any free one, never one that is claimed.

Between the choice of a port and its use by the server another stack could choose the same, and take that
server for its own. So each choice is claimed as long as the launcher lives, too: by a name of the kernel's
(an abstract unix socket), which like a port exists once for all users of the machine.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST = "127.0.0.1"
CUSTOMARY: Mapping[str, int] = {"airflow": 8080, "sagelocal": 8088, "emulator": 4566}


class Claims:
    """The ports that this launcher has claimed."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def claim(self, port: int) -> bool:
        """Claim a port; False when somebody else has claimed it or listens on it."""
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0sagewind-port-{port}")
        except OSError:
            mark.close()
            return False
        if not is_free(port):
            mark.close()
            return False
        self._held.append(mark)
        return True

    def release(self) -> None:
        """Give up every claim."""
        while self._held:
            self._held.pop().close()


def choose(remembered: Mapping[str, int], claim: Callable[[int], bool]) -> dict[str, int]:
    """Choose a port for each server: the remembered one, else the customary one, else any that is free."""
    chosen: dict[str, int] = {}
    for name, customary in CUSTOMARY.items():
        for port in (remembered.get(name, 0), customary):
            if port and port not in chosen.values() and claim(port):
                chosen[name] = port
                break
        else:
            chosen[name] = _any()
    return chosen


def is_free(port: int) -> bool:
    """Say whether a loopback port can be bound now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _any() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
