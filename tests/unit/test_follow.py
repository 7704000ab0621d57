"""Following a run: snapshots until it ends, in the order of the DAG, and how they are shown."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from sagewind.airflow_rest import AirflowError, Task, topological
from sagewind.cli import view
from sagewind.follow import Snapshot, Step, follow

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def task(name: str, state: str | None, started: bool = True, ended: bool = False) -> Task:
    return Task(
        name=name,
        state=state,
        try_number=1,
        start=NOON if started else None,
        end=NOON + timedelta(seconds=4) if ended else None,
    )


@dataclass
class Twin:
    """An Airflow whose run goes through given moments."""

    moments: list[tuple[str, dict[str, Task]]]
    logs: dict[str, list[str]] = field(default_factory=dict)

    def run_state(self, dag_id: str, run_id: str) -> str:
        return self.moments[0][0]

    def task_order(self, dag_id: str) -> list[str]:
        return ["first", "second"]

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Task]:
        return self.moments.pop(0)[1]

    def log(self, dag_id: str, run_id: str, task: Task) -> list[str]:
        if task.name not in self.logs:
            raise AirflowError("404")
        return self.logs[task.name]


def snapshots(twin: Twin) -> list[Snapshot]:
    return list(follow(twin, "d", "r", pause=lambda _: None, now=lambda: NOON + timedelta(seconds=9)))


def test_a_run_is_followed_until_it_has_ended() -> None:
    twin = Twin(
        moments=[
            ("queued", {}),
            ("running", {"first": task("first", "running"), "second": task("second", None, started=False)}),
            (
                "success",
                {
                    "first": task("first", "success", ended=True),
                    "second": task("second", "success", ended=True),
                },
            ),
        ],
        logs={"first": ["hello", "epoch 3", ""]},
    )
    seen = snapshots(twin)
    assert [snapshot.state for snapshot in seen] == ["queued", "running", "success"]
    assert seen[0].steps[0] == Step(name="first", state="waiting", seconds=None, says="")
    assert seen[1].steps[0] == Step(name="first", state="running", seconds=9, says="epoch 3")
    assert seen[2].steps[0] == Step(name="first", state="success", seconds=4, says="")


def test_a_log_that_is_not_there_yet_says_nothing() -> None:
    twin = Twin(moments=[("failed", {"first": task("first", "running")})])
    assert snapshots(twin)[0].steps[0].says == ""


def test_only_what_failed_itself_is_to_blame() -> None:
    twin = Twin(
        moments=[
            (
                "failed",
                {"first": task("first", "failed", ended=True), "second": task("second", "upstream_failed")},
            )
        ]
    )
    assert snapshots(twin)[0].failed == ["first"]


def test_tasks_are_ordered_after_what_they_wait_for() -> None:
    assert topological({"c": [], "a": ["b", "c"], "b": ["c"]}) == ["a", "b", "c"]


def test_a_circle_of_tasks_is_refused() -> None:
    with pytest.raises(ValueError, match="wait for each other: a, b"):
        topological({"a": ["b"], "b": ["a"]})


def test_plain_output_has_a_line_for_each_change() -> None:
    running = Step(name="train", state="running", seconds=1.0, says="x")
    done = Step(name="train", state="success", seconds=2.5, says="")
    moments = [
        Snapshot(state="running", steps=[running]),
        Snapshot(state="running", steps=[running]),
        Snapshot(state="success", steps=[done]),
    ]
    out = io.StringIO()
    last = view.show(Console(file=out, force_terminal=False, width=80), moments)
    assert out.getvalue().splitlines() == [
        "train        running          1.0 s",
        "train        success          2.5 s",
    ]
    assert last == moments[-1]


def test_where_a_question_is_answered_is_told_once() -> None:
    asking = Step(name="approve", state="awaiting_input", seconds=1.0, says="")
    moments = [Snapshot(state="running", steps=[asking])] * 2
    out = io.StringIO()
    view.show(Console(file=out, force_terminal=False, width=80), moments, question="http://there")
    assert out.getvalue().splitlines() == [
        "approve      awaiting_input   1.0 s",
        "it asks a person, until it is answered: http://there",
    ]


def test_a_terminal_shows_state_time_and_last_words() -> None:
    out = io.StringIO()
    step = Step(name="train", state="running", seconds=1.0, says="epoch 3")
    Console(file=out, width=80).print(view.table(Snapshot(state="running", steps=[step])))
    assert out.getvalue().split() == ["▶", "train", "running", "1.0", "s", "epoch", "3"]
