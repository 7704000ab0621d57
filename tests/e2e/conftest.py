"""The whole stack for end-to-end tests: started as a user would, in a home of its own, once for a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest

from sagewind.airflow_rest import FINISHED_RUN, Airflow
from sagewind.stack import environment
from sagewind.stack import home as homes
from sagewind.stack.home import Home, Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).parents[2]
START_SECONDS = 700
RUN_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Launched:
    """A `sagewind` command that runs in a home."""

    home: Home
    process: subprocess.Popen[bytes]
    output: Path

    def says(self) -> str:
        return self.output.read_text(errors="replace")

    def await_words(self, words: str, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.says():
            assert self.process.poll() is None, self.says()
            assert time.monotonic() < deadline, self.says()
            time.sleep(0.2)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def await_gone(self, processes: list[psutil.Process], seconds: float = 60) -> list[psutil.Process]:
        """Wait for processes that are not ours to reap; return those that are still there."""
        deadline = time.monotonic() + seconds
        while (left := [each for each in processes if _lives(each)]) and time.monotonic() < deadline:
            time.sleep(0.2)
        return left

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(90)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A healthy stack."""

    home: Home
    memory: Memory
    airflow: Airflow
    variables: dict[str, str]
    """The environment that the stack's own programs have."""

    def client(self, service: str) -> Any:
        """Make an AWS client of this stack."""
        addresses = {name: url for name, url in self.variables.items() if name.startswith("AWS_ENDPOINT_URL")}
        specific = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
        return boto3.client(
            service,
            endpoint_url=addresses.get(specific, addresses["AWS_ENDPOINT_URL"]),
            region_name=environment.REGION,
            aws_access_key_id=environment.ACCESS_KEY,
            aws_secret_access_key=environment.SECRET_KEY,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `sagewind` in this stack's home."""
        return subprocess.run(
            command(self.home, *arguments), capture_output=True, text=True, check=False, timeout=RUN_SECONDS
        )

    def await_run(self, dag_id: str, run_id: str, seconds: float = RUN_SECONDS) -> str:
        deadline = time.monotonic() + seconds
        while (state := self.airflow.run_state(dag_id, run_id)) not in FINISHED_RUN:
            assert time.monotonic() < deadline, f"{dag_id} {run_id} is {state}"
            time.sleep(0.5)
        return state


def command(home: Home, *arguments: str) -> list[str]:
    program = Path(sys.executable).with_name("sagewind")
    return [str(program), "--project", str(home.project), "--home", str(home.root), *arguments]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="package")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Launched]]:
    """Start `sagewind <arguments>` in a home; whatever still runs in the end is stopped."""
    launched: list[Launched] = []

    def start(root: Path, *arguments: str) -> Launched:
        home = Home(root=root, project=PROJECT)
        output = tmp_path_factory.mktemp("output") / "output.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                command(home, *arguments), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )
        launched.append(Launched(home=home, process=process, output=output))
        return launched[-1]

    yield start
    for each in launched:
        if each.process.poll() is None:
            each.end(signal.SIGINT)


def await_dags(airflow: Airflow) -> None:
    """Wait until every DAG file has been read; Airflow is healthy before."""
    files = {path.name for path in (PROJECT / "dags").glob("*.py")}
    deadline = time.monotonic() + START_SECONDS
    while airflow.dag_files() | {Path(file).name for file in airflow.import_errors()} != files:
        assert time.monotonic() < deadline, f"Airflow has read {airflow.dag_files()} of {files}"
        time.sleep(0.5)


@pytest.fixture(scope="package")
def stack(launch: Callable[..., Launched], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The stack of `sagewind up`."""
    up = launch(tmp_path_factory.mktemp("stack") / "home", "up")
    up.await_words("Ctrl-C stops it all")
    memory = homes.read(up.home)
    assert memory is not None
    variables = environment.of_programs(up.home, memory, os.environ)
    with Airflow(memory.address("airflow"), user=homes.USER, password=memory.password) as airflow:
        await_dags(airflow)
        yield Running(home=up.home, memory=memory, airflow=airflow, variables=variables)
    left = up.descendants()
    assert up.end(signal.SIGINT) == 130
    assert up.await_gone(left) == []
