"""A run of a DAG as it goes on: asked of Airflow at intervals, given as snapshots."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from sagewind.airflow_rest import FINISHED_RUN, FINISHED_TASK, AirflowError, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

POLL_SECONDS = 0.5


class Source(Protocol):
    """What is asked: `airflow_rest.Airflow`, or a twin in tests."""

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the run's state."""

    def task_order(self, dag_id: str) -> list[str]:
        """List the DAG's tasks in order."""

    def tasks(self, dag_id: str, run_id: str) -> Mapping[str, Task]:
        """Return the run's tasks by id."""

    def log(self, dag_id: str, run_id: str, task: Task) -> list[str]:
        """Return the lines of a task's log."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A task as the view shows it: elapsed seconds (None before its start) and what it said last."""

    name: str
    state: str
    seconds: float | None
    says: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run at a moment."""

    state: str
    steps: Sequence[Step]

    @property
    def failed(self) -> list[str]:
        """The tasks that failed themselves, not for another's sake."""
        return [step.name for step in self.steps if step.state == "failed"]


def follow(
    source: Source,
    dag_id: str,
    run_id: str,
    *,
    pause: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Snapshot]:
    """Yield snapshots of a run until it has ended; the last one has the final states."""
    order = source.task_order(dag_id)
    while True:
        state = source.run_state(dag_id, run_id)
        tasks = source.tasks(dag_id, run_id)
        words = functools.partial(_last_words, source, dag_id, run_id)
        steps = [_step(name, tasks.get(name), now(), words) for name in order]
        yield Snapshot(state=state, steps=steps)
        if state in FINISHED_RUN:
            return
        pause(POLL_SECONDS)


def _step(name: str, task: Task | None, now: datetime, words: Callable[[Task], str]) -> Step:
    if task is None or task.state is None:
        return Step(name=name, state="waiting", seconds=None, says="")
    if task.start is None:
        return Step(name=name, state=task.state, seconds=None, says="")
    end = task.end if task.end and task.state in FINISHED_TASK else now
    says = "" if task.state in FINISHED_TASK else words(task)
    return Step(name=name, state=task.state, seconds=(end - task.start).total_seconds(), says=says)


def _last_words(source: Source, dag_id: str, run_id: str, task: Task) -> str:
    try:
        lines = source.log(dag_id, run_id, task)
    except AirflowError:
        return ""  # the log is not there yet
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
