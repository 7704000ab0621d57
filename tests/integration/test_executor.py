"""The stack's executor: begins when the API answers; a task that has ended wakes its scheduler."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from sagewind.stack import environment
from sagewind.stack.home import Home, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOK = """
import threading
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState
from sagewind.executor import PromptLocalExecutor

executor = PromptLocalExecutor(parallelism=1)
executor.start()
key = TaskInstanceKey("iris", "train", "monday", 1)
executor.running.add(key)
executor.nap = {nap}
report = threading.Timer({after}, executor.result_queue.put, [(key, TaskInstanceState.SUCCESS, None)])
report.start()
executor.heartbeat()
print("told:", *(state for state, _ in executor.get_event_buffer().values()))
report.join()
executor.end()
"""
"""One look of the scheduler, by an executor whose task ends `after` seconds."""


class Api(http.server.BaseHTTPRequestHandler):
    """The API that tasks talk to, which is not ready when it is asked first."""

    asked: list[str]
    answers: list[HTTPStatus]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.answers.pop(0))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    Api.asked, Api.answers = [], [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.NOT_FOUND, HTTPStatus.OK]
    with http.server.HTTPServer(("127.0.0.1", 0), Api) as server:
        serving = threading.Timer(0.3, server.serve_forever)  # till then nobody accepts
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/execution/"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(("nap", "after", "told"), [(60, 0.2, "told: success"), (0.01, 2, "told:")])
def test_a_task_that_ends_wakes_the_scheduler_and_one_that_does_not_leaves_it_alone(
    nap: float, after: float, told: str, api: str, tmp_path: Path
) -> None:
    looked = subprocess.run(
        [sys.executable, "-c", LOOK.format(nap=nap, after=after)],
        env={
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": api,
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert [line.strip() for line in looked.stdout.splitlines() if line.startswith("told:")] == [told]
    assert Api.asked == ["/execution/health"] * 3


START = """
import multiprocessing
multiprocessing.set_start_method("forkserver")  # Python's own choice from 3.14 on
from airflow.utils.process_utils import set_component_mp_start_method
set_component_mp_start_method("scheduler")
print(multiprocessing.get_start_method())
"""
"""What Airflow's scheduler does before it makes its executor."""


def test_the_stacks_scheduler_forks_who_runs_its_tasks(tmp_path: Path) -> None:
    ports = {"airflow": 1001, "sagelocal": 1002, "emulator": 1003}
    home = Home(root=tmp_path, project=tmp_path)
    started = subprocess.run(
        [sys.executable, "-c", START],
        env=environment.of_programs(home, Memory(ports=ports), {"PATH": "/usr/bin:/bin"}),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert started.stdout.splitlines()[-1] == "fork"
