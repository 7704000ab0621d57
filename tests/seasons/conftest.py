"""The stack with the one model, for all weeks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.chaos.harness import Stack
from tests.seasons import world

from sagewind.airflow_rest import Airflow
from sagewind.stack import home as homes
from sagewind.stack.home import Home

START_SECONDS = 400


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    project = world.project(tmp_path_factory.mktemp("project"))
    home = Home(root=tmp_path_factory.mktemp("seasons") / "home", project=project)
    output = home.root.with_suffix(".txt")
    program = Path(sys.executable).with_name("sagewind")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [program, "--project", str(project), "--home", str(home.root), "up"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environ,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C stops it all" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.5)
        memory = homes.read(home)
        assert memory is not None
        with Airflow(memory.address("airflow"), user=homes.USER, password=memory.password) as airflow:
            yield Stack(home=home, memory=memory, airflow=airflow)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(90)
