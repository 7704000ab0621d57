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
LONG_SECONDS = 30.0
"""For work that is to be killed while its task waits: on a busy machine that takes a while to begin."""

LOOK_SECONDS = 3.0
PATIENCE = {"created": 1.0, "running": 5.0, "ended": 0.0}
"""Seconds that a case at its moment is kept waiting for others, so that one blow hits them all.

But a client whose answer to Create is lost asks again after a second, and knows then.
"""


@dataclass
class Case:
    """One kind of work in a scenario."""

    kind: str
    name: str
    dag_id: str
    run_id: str
    killed: int = 0
    """How many processes were killed."""
    may_be_gone: bool = False
    """Whether there may be nobody to kill: a job's supervisor ends with the job."""
    state: str = ""
    found: dict[str, str] = field(default_factory=dict)
    processes: int = 0
    """Supervisors that are still there when the run is over, but for the one of an endpoint that serves."""

    @property
    def done(self) -> int:
        """How many jobs did the work."""
        return sum(status in {"Completed", "InService"} for status in self.found.values())

    @property
    def left(self) -> int:
        """How many jobs, or their processes, still run."""
        return max(self.processes, sum(status in work.RUNNING for status in self.found.values()))

    @property
    def right(self) -> bool:
        """Whether it was hit, and came out as it should."""
        hit = self.killed > 0 or self.may_be_gone
        return hit and self.state == "success" and self.done == 1 and self.left == 0


def play(stack: Stack, target: str, moment: str, kinds: tuple[str, ...]) -> list[Case]:
    """Start work of each kind, kill `target` at `moment` of each, wait until all runs are over, and count."""
    s3, sagemaker = stack.client("s3"), stack.client("sagemaker")
    work.bucket(s3)
    if moment == "created":
        stack.lose_replies([work.KINDS[kind].create for kind in kinds])
    # Only a task that waits in a worker has a worker to kill while its job runs.
    suffix = "_here" if target == "worker" else ""
    seconds = LONG_SECONDS if moment == "running" else WORK_SECONDS
    cases = [_start(stack, s3, kind, suffix, seconds) for kind in kinds]
    _kill_all(stack, sagemaker, cases, target, moment)
    stack.lose_replies([])
    for case in cases:
        case.may_be_gone = target == "supervisor" and moment == "ended" and case.kind != "deploy"
        case.state = _ended(stack, case)
        # A tuning job has 32 characters, so a second one keeps only the start of the name.
        fragment = case.name[:11] if case.kind == "tune" else case.name
        case.found = work.found(case.kind, sagemaker, fragment)
        case.processes = _left(stack, case.name, keep=case.kind == "deploy")
        if case.kind == "deploy" and case.found:
            sagemaker.delete_endpoint(EndpointName=case.name)
    return cases


def _kill_all(stack: Stack, sagemaker: Any, cases: list[Case], target: str, moment: str) -> None:
    """Kill `target` when the cases are at their moment; pass by one that is over before."""
    waiting = list(cases)
    deadline, look, since = time.monotonic() + harness.SECONDS, 0.0, None
    while waiting and time.monotonic() < deadline:
        come = [case for case in waiting if _has_come(stack, sagemaker, case, moment)]
        now = time.monotonic()
        since = (since or now) if come else None
        if since and (len(come) == len(waiting) or now - since >= PATIENCE[moment]):
            _kill(stack, target, come)
            waiting = [case for case in waiting if not case.killed]
        if now > look:  # seldom: Airflow has its own work to do
            waiting = [case for case in waiting if not _state(stack, case)]
            look = now + LOOK_SECONDS
        time.sleep(0.1)


def _kill(stack: Stack, target: str, cases: list[Case]) -> None:
    """Kill who works for these cases: each one's own, or the one program that works for all."""
    before = stack.pid(target)
    if not before:
        for case in cases:
            case.killed = stack.kill(target, (case.dag_id, case.run_id), case.name)
        return
    killed = stack.kill(target, ("", ""), "")
    for case in cases:
        case.killed = killed
    if killed:
        stack.wait(f"{target} is back", lambda: stack.restarted(target, before))


def _left(stack: Stack, name: str, *, keep: bool) -> int:
    """Count the supervisors that are left; they may take a moment to end after the job's status says so."""
    deadline = time.monotonic() + harness.ENDING_SECONDS
    while (left := stack.supervisors(name) - keep) > 0 and time.monotonic() < deadline:
        time.sleep(0.5)
    return max(0, left)


def _start(stack: Stack, s3: Any, kind: str, suffix: str, seconds: float) -> Case:
    name, dag_id = jobs.unique(kind), f"chaos_{kind}{suffix}"
    request = work.request(kind, s3, name, seconds)
    return Case(
        kind=kind, name=name, dag_id=dag_id, run_id=stack.airflow.trigger(dag_id, {"config": request})
    )


def _has_come(stack: Stack, sagemaker: Any, case: Case, moment: str) -> bool:
    """Tell whether a case is at its moment: job made, not answered; running, task waiting; just over."""
    try:
        statuses = set(work.found(case.kind, sagemaker, case.name).values())
    except Exception:  # noqa: BLE001 - the service may be the one that was killed a moment ago
        return False
    if moment == "created":
        return bool(statuses)
    if moment == "ended":
        return bool(statuses & work.OVER)
    waiting = "running" if "_here" in case.dag_id else "deferred"
    return bool(statuses & work.RUNNING) and stack.task_state(case.dag_id, case.run_id) == waiting


def _ended(stack: Stack, case: Case) -> str:
    deadline = time.monotonic() + harness.SECONDS
    while not (state := _state(stack, case)) and time.monotonic() < deadline:
        time.sleep(1.0)
    return state or "still running"


def _state(stack: Stack, case: Case) -> str:
    """Return the end of a case's run; empty while it has none."""
    try:
        state = stack.airflow.run_state(case.dag_id, case.run_id)
    except Exception:  # noqa: BLE001 - Airflow may be busy with a crash
        return ""
    return state if state in FINISHED else ""
