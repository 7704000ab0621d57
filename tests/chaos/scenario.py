"""One scenario: work of several kinds runs at once, a part of the stack is killed at a moment of each."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.chaos import harness, work
from tests.integration import training_jobs as jobs

if TYPE_CHECKING:
    from tests.chaos.harness import Stack

FINISHED = frozenset({"success", "failed"})
WORK_SECONDS = 10.0


@dataclass
class Case:
    """One kind of work in a scenario."""

    kind: str
    name: str
    dag_id: str
    run_id: str
    killed: int = 0
    state: str = ""
    found: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many jobs did the work."""
        return sum(status in {"Completed", "InService"} for status in self.found.values())

    @property
    def left(self) -> int:
        """How many jobs still run."""
        return sum(status in work.RUNNING for status in self.found.values())

    @property
    def right(self) -> bool:
        """Whether it was hit, and came out as it should."""
        return self.killed > 0 and self.state == "success" and self.done == 1 and self.left == 0


def play(stack: Stack, target: str, moment: str, kinds: tuple[str, ...]) -> list[Case]:
    """Start work of each kind, kill `target` at `moment` of each, wait until all runs are over, and count."""
    s3, sagemaker = stack.client("s3"), stack.client("sagemaker")
    work.bucket(s3)
    # Only a task that waits in a worker has a worker to kill while its job runs.
    suffix = "_here" if target == "worker" else ""
    cases = [_start(stack, s3, kind, suffix) for kind in kinds]
    waiting = list(cases)
    deadline = time.monotonic() + harness.SECONDS
    while waiting and time.monotonic() < deadline:
        for case in [each for each in waiting if _has_come(stack, sagemaker, each, moment)]:
            case.killed = stack.kill(target, work.KINDS[case.kind].folder, case.name)
            if case.killed:
                waiting.remove(case)
                _await_back(stack, target)
        waiting = [case for case in waiting if not _state(stack, case)]
        time.sleep(0.05)
    for case in cases:
        case.state = _ended(stack, case)
        # A tuning job has 32 characters, so a second one keeps only the start of the name.
        case.found = work.found(case.kind, sagemaker, case.name[:11] if case.kind == "tune" else case.name)
    return cases


def _start(stack: Stack, s3: Any, kind: str, suffix: str) -> Case:
    name, dag_id = jobs.unique(kind), f"chaos_{kind}{suffix}"
    request = work.request(kind, s3, name, WORK_SECONDS)
    return Case(
        kind=kind, name=name, dag_id=dag_id, run_id=stack.airflow.trigger(dag_id, {"config": request})
    )


def _has_come(stack: Stack, sagemaker: Any, case: Case, moment: str) -> bool:
    """Tell whether a case is at its moment: job just created, job running and task waiting, job just over."""
    try:
        statuses = set(work.found(case.kind, sagemaker, case.name).values())
    except Exception:  # noqa: BLE001 - the service may be the one that was killed a moment ago
        return False
    if moment == "created":
        return bool(statuses)
    if moment == "ended":
        return bool(statuses & work.OVER)
    waits = stack.task_state(case.dag_id, case.run_id) in (
        {"running"} if "_here" in case.dag_id else {"deferred"}
    )
    return bool(statuses & work.RUNNING) and waits


def _await_back(stack: Stack, target: str) -> None:
    """Wait until a program that was killed has been started again."""
    if target in {"worker", "supervisor"}:
        return
    stack.wait(f"{target} is back", lambda: _runs(stack, target))


def _runs(stack: Stack, target: str) -> bool:
    try:
        program = stack.program(target)
        return program.is_running() and (target != "triggerer" or bool(program.children()))
    except Exception:  # noqa: BLE001 - not yet
        return False


def _ended(stack: Stack, case: Case) -> str:
    deadline = time.monotonic() + harness.SECONDS
    while not (state := _state(stack, case)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return state or "still running"


def _state(stack: Stack, case: Case) -> str:
    """Return the end of a case's run; empty while it has none."""
    try:
        state = stack.airflow.run_state(case.dag_id, case.run_id)
    except Exception:  # noqa: BLE001 - Airflow may be busy with a crash
        return ""
    return state if state in FINISHED else ""
