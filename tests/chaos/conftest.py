"""The stack with the chaos DAGs, once for all tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.chaos.harness import Stack

from sagewind.airflow_rest import Airflow
from sagewind.stack import home as homes
from sagewind.stack.home import Home

PROJECT = Path(__file__).parent / "project"
START_SECONDS = 1200


@pytest.fixture(scope="session")
def chaos(tmp_path_factory):
    home = Home(root=tmp_path_factory.mktemp("chaos") / "home", project=PROJECT)
    output = home.root.with_suffix(".txt")
    program = Path(sys.executable).with_name("sagewind")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [program, "--project", str(PROJECT), "--home", str(home.root), "up"],
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
