"""The whole stack with the chaos DAGs, and a hand on its processes: who runs, and SIGKILL for one of them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import psutil

from sagewind.stack import environment, supervision

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewind.airflow_rest import Airflow
    from sagewind.stack.home import Home, Memory

SECONDS = 240
"""A bound for slow machines, no measure."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A healthy stack with the chaos DAGs."""

    home: Home
    memory: Memory
    airflow: Airflow

    def client(self, service: str) -> Any:
        """Make an AWS client of this stack."""
        addresses = environment.aws(self.memory)
        specific = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
        return boto3.client(
            service,
            endpoint_url=addresses.get(specific, addresses["AWS_ENDPOINT_URL"]),
            region_name=environment.REGION,
            aws_access_key_id=environment.ACCESS_KEY,
            aws_secret_access_key=environment.SECRET_KEY,
        )

    def program(self, name: str) -> psutil.Process:
        """Return the process of one of the stack's programs."""
        pid = next(state.pid for state in supervision.states(self.home) if state.name == name)
        return psutil.Process(pid)

    def kill(self, target: str, folder: str, name: str) -> int:
        """SIGKILL one part of the stack; return how many processes that was.

        `worker` is whoever runs a task now, `supervisor` whoever runs a job of `folder` whose name starts so,
        `triggerer` both of its processes; of the others only the program itself, as its children outlive it.
        """
        if target == "worker":
            return sum(_kill(worker.pid) for worker in self._workers())
        if target == "supervisor":
            return self._kill_supervisors(folder, name)
        top = self.program(target)
        below = top.children() if target == "triggerer" else []
        return sum(_kill(process.pid) for process in [*below, top])

    def _workers(self) -> list[psutil.Process]:
        """Return LocalExecutor's workers that are busy, and their task processes."""
        below = self.program("scheduler").children(recursive=True)
        return [
            process
            for process in below
            if "airflow worker" in _said(process) and "idle" not in _said(process)
        ]

    def _kill_supervisors(self, folder: str, name: str) -> int:
        """SIGKILL the supervisors of the jobs whose names start so; return how many that was."""
        killed = 0
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if len(line) > 3 and line[2].startswith("sagelocal.jobs.") and f"/{folder}/{name}" in line[-1]:
                killed += _kill(process.pid)
        return killed

    def wait(self, what: str, condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
        """Wait until a condition holds, and return it."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
            time.sleep(0.05)
        return value

    def mark(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark the run's one task, as a person does in the UI."""
        where = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/work"
        self.airflow._send("PATCH", where, json={"new_state": state})

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear the run's one task, as a person does in the UI."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": ["work"],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.airflow._send("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def ended(self, dag_id: str, run_id: str, seconds: float = SECONDS) -> str:
        """Wait until a run is over, and return its state."""

        def state() -> str:
            found = self.airflow.run_state(dag_id, run_id)
            return found if found in {"success", "failed"} else ""

        return str(self.wait(f"{dag_id} {run_id} is over", state, seconds))

    def task_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of the run's one task."""
        return self.airflow.tasks(dag_id, run_id)["work"].state


def _kill(pid: int) -> int:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def _said(process: psutil.Process) -> str:
    """Return what a process calls itself."""
    try:
        return f"{process.name()} {' '.join(process.cmdline())}"
    except psutil.Error:
        return "idle"
