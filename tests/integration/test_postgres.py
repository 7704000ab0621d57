"""PostgreSQL of the stack, on machines that are little more than bare."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from sagelocal.container import isolation
from sagewind.stack import postgres

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60
PEOPLE = """\
root:x:0:0:root:/root:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""


def test_root_may_start_it_where_there_are_no_users_but_the_systems(tmp_path: Path) -> None:
    isolated = isolation.probe("auto")
    if not isolated.bwrap:
        pytest.skip(isolated.reason)
    people, home = tmp_path / "passwd", tmp_path / "home"
    people.write_text(PEOPLE)
    sockets = home / "run"
    sockets.mkdir(parents=True)
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(isolated.bwrap, "--unshare-user", "--uid", "0", "--gid", "0", "--dev-bind", "/", "/"),
                *("--ro-bind", str(people), "/etc/passwd", "--die-with-parent"),
                *(sys.executable, "-m", "sagewind.stack.postgres", str(home / "data"), str(sockets)),
            ],
            stdout=log,
            stderr=log,
        )
        try:
            assert is_ready(server, sockets), (home / "log").read_text()
        finally:
            server.terminate()
            server.wait()


def is_ready(server: subprocess.Popen[bytes], sockets: Path) -> bool:
    """Wait until the server answers; tell whether it does."""
    ask = [str(postgres.binaries() / "pg_isready"), "--quiet", "-h", str(sockets)]
    deadline = time.monotonic() + SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if subprocess.run(ask, check=False).returncode == 0:
            return True
        time.sleep(0.1)
    return False
