"""The whole stack with the chaos DAGs, and a hand on its processes: who runs, and SIGKILL for one of them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import psutil

from sagelocal.jobs.folder import JobFolder
from sagewind.stack import environment, supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewind.airflow_rest import Airflow
    from sagewind.stack.home import Home, Memory

SECONDS = 240
"""A bound for slow machines, no measure."""

MANY = 1000
ENDING_SECONDS = 20
"""A bound for the end of a process whose work is over."""


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

    def pid(self, name: str) -> int:
        """Return the process id of one of the stack's programs; 0 when there is none."""
        return next((state.pid for state in supervision.states(self.home) if state.name == name), 0)

    def kill(self, target: str, task: tuple[str, str], name: str) -> int:
        """SIGKILL one part of the stack; return how many processes that was.

        `worker` is who runs the task of `task` (a DAG and a run) now, `supervisor` who runs the jobs whose
        names start with `name`, `triggerer` both of its processes; of the others only the program itself, as
        its children outlive it.
        """
        if target == "worker":
            return sum(_kill(worker.pid) for worker in self._workers(*task))
        if target == "supervisor":
            return sum(map(_kill, self._supervisors(name)))
        pid = self.pid(target)
        below = _below(pid) if target == "triggerer" else []
        return sum(_kill(each) for each in [*(process.pid for process in below), pid] if each)

    def _workers(self, dag_id: str, run_id: str) -> list[psutil.Process]:
        """Return the process that runs the task now, and LocalExecutor's worker that watches over it."""
        where = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/work"
        title = f"airflow worker -- {self.airflow._get(where)['id']}"
        below = _below(self.pid("scheduler"))
        running = [process for process in below if _said(process).startswith(title)]
        parents = {process.ppid() for process in running}
        watching = [process for process in below if process.pid in parents and _is_busy(process)]
        return [*watching, *running]

    def supervisors(self, name: str) -> int:
        """Count the supervisors of jobs and endpoints whose names start with `name`."""
        return len(self._supervisors(name))

    def lose_replies(self, operations: Sequence[str]) -> None:
        """Let sagelocal carry out calls of these operations, and of no others, without an answer."""
        plan = [{"fault": "lost-reply", "operation": each, "times": MANY} for each in operations]
        httpx.put(
            f"{self.memory.address('sagelocal')}/_sagelocal/faults", json={"faults": plan}, trust_env=False
        )

    def _supervisors(self, name: str) -> list[int]:
        """Return who lives of the supervisors of jobs and endpoints whose names start with `name`.

        Their folders tell: one that was forked from a preloaded process has that one's command line.
        """
        found = (self.home.sagelocal / "jobs").glob(f"*/{name}*")
        # Not by `**`: that fails when a job takes away a folder in the meantime.
        told = [Path(folder) for root in found for folder, _, files in os.walk(root) if "pid" in files]
        return [pid for each in told if (pid := JobFolder(each).process())]

    def restarted(self, name: str, before: int) -> bool:
        """Tell whether a program runs again, and does its work, since it was `before`."""
        pid = self.pid(name)
        if pid in (0, before):
            return False
        if name == "sagelocal":
            return self._sagelocal_answers()
        return name != "triggerer" or bool(_below(pid))

    def _sagelocal_answers(self) -> bool:
        try:
            address = f"{self.memory.address('sagelocal')}/_sagelocal/health"
            return httpx.get(address, trust_env=False).is_success
        except httpx.HTTPError:
            return False

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

    def clear(self, dag_id: str, run_id: str, *, downstream: bool = False) -> None:
        """Clear the run's task `work`, and perhaps those after it, as a person does in the UI."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": ["work"],
            "only_failed": False,
            "reset_dag_runs": True,
            "include_downstream": downstream,
        }
        self.airflow._send("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def delete(self, dag_id: str, run_id: str) -> None:
        """Mark a run failed and delete it at once: Airflow deletes none that runs."""
        where = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self.airflow._send("PATCH", where, json={"state": "failed"})
        self.airflow._send("DELETE", where)

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Pause a DAG, or let it go on."""
        self.airflow._send("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": paused})

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


def _below(pid: int) -> list[psutil.Process]:
    """Return the living processes below one; none when it is dead itself."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _said(process: psutil.Process) -> str:
    """Return a process's command line: what it calls itself."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _is_busy(process: psutil.Process) -> bool:
    """Tell a worker that runs a task from an idle one, whose death would lock the executor's queue."""
    return "<idle>" not in _said(process)
