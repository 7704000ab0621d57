"""A project's stack, started as a user starts it, and stopped like by Ctrl-C.

By SIGTERM, which does the same: a shell has what it runs in the background ignore SIGINT.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.harness import Stack

from sagewind.airflow_rest import Airflow
from sagewind.stack import home as homes
from sagewind.stack.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_SECONDS = 1200
"""A bound for slow machines, no measure."""


@contextlib.contextmanager
def started(project: Path, root: Path, **variables: str) -> Iterator[Stack]:
    """Run `sagewind up` for a project, in a home of its own, with these variables in its environment."""
    home = Home(root=root, project=project)
    with _up(home, variables):
        memory = homes.read(home)
        assert memory is not None
        with Airflow(memory.address("airflow"), user=homes.USER, password=memory.password) as airflow:
            yield Stack(home=home, memory=memory, airflow=airflow)


@contextlib.contextmanager
def _up(home: Home, variables: Mapping[str, str]) -> Iterator[None]:
    output = home.root.with_suffix(".txt")
    program = Path(sys.executable).with_name("sagewind")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [program, "--project", str(home.project), "--home", str(home.root), "up"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environ | variables,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C stops it all" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.5)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(90)
