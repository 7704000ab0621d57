"""When a part of the stack is ready: asked of the part itself."""

from __future__ import annotations

import functools
import subprocess
from typing import TYPE_CHECKING

import httpx

from sagewind.stack import environment, postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewind.stack.home import Home, Memory

_SECONDS = 5.0
_FIRST_SECONDS = 120.0


def probes(home: Home, memory: Memory) -> Mapping[str, Callable[[], bool]]:
    """Return a probe for each part, by its name."""
    bucket = f"{memory.address('emulator')}/{environment.BUCKET}"
    return {
        "postgres": lambda: _postgres(home),
        # The bucket is the last thing that the emulator's account is given.
        "emulator": lambda: _answers(bucket, "HEAD"),
        "sagelocal": lambda: _answers(f"{memory.address('sagelocal')}/_sagelocal/health"),
        # The API that tasks talk to builds its routes at its first request, and answers nobody meanwhile:
        # some ten seconds of one core. Here, that happens before any task needs it.
        "api": lambda: _answers(f"{memory.address('airflow')}/execution/health", seconds=_FIRST_SECONDS),
        "airflow": lambda: _airflow(memory.address("airflow")),
    }


def _postgres(home: Home) -> bool:
    command = [
        str(postgres.binaries() / "pg_isready"),
        "--quiet",
        "-h",
        str(home.sockets),
        "-U",
        postgres.USER,
    ]
    return subprocess.run(command, check=False).returncode == 0


@functools.cache
def _http() -> httpx.Client:
    """Make the one client: each reads all of the machine's certificates, a tenth of a second."""
    return httpx.Client(trust_env=False)


def _answers(address: str, method: str = "GET", seconds: float = _SECONDS) -> bool:
    try:
        return _http().request(method, address, timeout=seconds).is_success
    except httpx.HTTPError:
        return False


def _airflow(address: str) -> bool:
    try:
        answer = _http().get(f"{address}/api/v2/monitor/health", timeout=_SECONDS)
        return answer.is_success and all(part["status"] == "healthy" for part in answer.json().values())
    except (httpx.HTTPError, ValueError):
        return False
