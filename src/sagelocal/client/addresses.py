"""Where a running service and its emulator answer, kept in the data directory for later commands.

Ports may be any free ones, so a command that runs beside the service must be told. The service's lock says
whether what is written is still true: it is held as long as the service lives.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE = "addresses.json"
LOCK = "service.lock"


class NotServingError(Exception):
    """No service runs in that data directory."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The service's URL, the rest of AWS's, and the region of both."""

    sagelocal: str
    aws: str
    region: str


def url(host: str, port: int) -> str:
    """Return the URL of a socket as a client on this machine reaches it; every-interface means loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (read, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def write(data_dir: Path, addresses: Addresses) -> None:
    """Record the addresses of the service that holds the data directory's lock."""
    draft = data_dir / f".{FILE}"
    draft.write_text(json.dumps(asdict(addresses)))
    draft.replace(data_dir / FILE)


def read(data_dir: Path) -> Addresses:
    """Return the addresses of the service that runs in the data directory.

    Raises:
        NotServingError: none does.

    """
    if not _held(data_dir / LOCK) or not (data_dir / FILE).exists():
        raise NotServingError(
            f"no sagelocal serves the data directory {data_dir}; start one by `sagelocal serve`, "
            "or name the directory of a running one by --data"
        )
    return Addresses(**json.loads((data_dir / FILE).read_text()))


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
