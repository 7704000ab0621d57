"""A quarter of a year: trained on Mondays, scored daily, and the world changes in the middle.

Each week is simulated by backfills, as the scheduler would have run it: on Monday a model is trained on the
seven days before, and its approval is asked of a person, who answers through Airflow's API. Then the week's
days are scored, each by the champion of that day. When that finds drift, its event starts a training of that
day; the week's days are then scored once more, and those after the new champion's beginning change over.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.seasons import world

from sagewind.approvals import Approvals
from sagewind.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewind.airflow_rest import Question

BUCKET = "sagemaker-us-east-1-123456789012"
SECONDS = 900
READING = 4
"""Seconds. A task that resumes before the scheduler has heard that it paused is taken for a crashed one."""
WEEKS = world.WEEKS


class Season:
    """The simulation: what is done in a week, and what is there to be read afterwards."""

    def __init__(self, stack: Any) -> None:
        self.airflow = stack.airflow
        self.s3 = stack.client("s3")
        self.sagemaker = stack.client("sagemaker")
        self.cloudwatch = stack.client("cloudwatch")
        self.asked: dict[Question, float] = {}
        """What was asked, and when that was first seen."""

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=f"season/{key}", Body=body)

    def read(self, key: str) -> Any:
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=f"season/{key}")["Body"].read())

    def etag(self, day: dt.date) -> str:
        return str(self.s3.head_object(Bucket=BUCKET, Key=f"season/scores/ds={day}/scores.csv")["ETag"])

    def backfill(self, dag_id: str, first: dt.date, last: dt.date, *, again: bool = False) -> None:
        """Backfill the intervals of these days, and wait until nothing runs any more, approvals answered."""
        body = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T23:59:00Z",
            "max_active_runs": 4,
            "reprocess_behavior": "completed" if again else "none",
        }
        # The scheduler looks only twice a minute whether a backfill is over, and has one at a time for a DAG.
        self.until(lambda: all(each["completed_at"] for each in self.backfills(dag_id)))
        self.airflow._send("POST", "/api/v2/backfills", json=body)
        self.until(lambda: not self.approve() and not self.running() and not self.is_queued())

    def until(self, is_over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not is_over():
            assert time.monotonic() < deadline, self.running()
            time.sleep(1)  # each look costs a busy machine

    def backfills(self, dag_id: str) -> list[dict[str, Any]]:
        return list(self.airflow._get("/backfills", dag_id=dag_id, limit=100)["backfills"])

    def is_queued(self) -> bool:
        """Whether drift is to start a training, which has not begun.

        Airflow (3.3.2) leaves what is found while a training is queued to the next event; so this does not
        ask for events that started none.
        """
        return bool(self.airflow._get("/dags/season/assets/queuedEvents")["total_entries"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        found = self.airflow._get(f"/dags/{dag_id}/dagRuns", limit=100, order_by="-run_after")["dag_runs"]
        return list(found)

    def running(self) -> list[str]:
        found = self.airflow._get("/dags/~/dagRuns", state=["queued", "running"], limit=100)["dag_runs"]
        return [run["dag_run_id"] for run in found]

    def approve(self) -> int:
        """Answer as a person would, in Airflow's own screen; return how many questions there were."""
        questions = self.airflow.questions("season")
        for asked in questions:
            seen = self.asked.setdefault(asked, time.monotonic())
            if time.monotonic() - seen > READING:
                assert "rmse" in asked.body  # the gate's table is before their eyes
                self.airflow.answer(asked, "Approve")
        return len(questions)

    def champions(self) -> list[tuple[str, int]]:
        """Return the timeline: from when on, which version."""
        reigns = Approvals(Registry(self.sagemaker)).timeline("season")
        return [(reign.start.isoformat()[:10], reign.champion or 0) for reign in reigns]


@pytest.fixture(scope="module")
def season(stack):
    made = Season(stack)
    made.s3.create_bucket(Bucket=BUCKET)
    first = world.START - dt.timedelta(days=world.BEFORE)
    for day in world.days(first, world.BEFORE + 7 * WEEKS):
        made.put(f"history/ds={day}/rows.csv", world.table(day))
    for day in world.days(world.START, 7 * WEEKS):
        made.put(f"incoming/ds={day}/rows.csv", world.features(day))
    return made


@pytest.fixture(scope="module")
def lived(season):
    """Live through the weeks; return each week's first scores."""
    before = {}
    for number in range(WEEKS):
        began = time.monotonic()
        monday = world.START + dt.timedelta(days=7 * number)
        sunday = monday + dt.timedelta(days=6)
        season.backfill("season", monday, monday)
        for day in world.days(monday - dt.timedelta(days=7), 7 if number else 0):
            season.put(f"truth/ds={day}/rows.csv", world.table(day, "id", "progression"))
        known = len(season.runs("season"))
        season.backfill("season_score", monday, sunday)
        before |= {day: season.etag(day) for day in world.days(monday, 7)}
        if len(season.runs("season")) > known:  # drift has started a training
            season.backfill("season_score", monday, sunday, again=True)
        took = time.monotonic() - began
        sys.stdout.write(f"week {number + 1}: {took:.0f} s, champions {season.champions()[-3:]}\n")
        sys.stdout.flush()
    return before


def test_every_run_of_the_season_ended_well(season, lived):
    for dag_id in ("season", "season_score"):
        # The clock's own runs, of the present, have no data here.
        runs = [run for run in season.runs(dag_id) if run["run_type"] != "scheduled"]
        assert [run["dag_run_id"] for run in runs if run["state"] != "success"] == []


def test_every_day_has_its_partition(season, lived):
    for day in world.days(world.START, 7 * WEEKS):
        assert season.read(f"scores/ds={day}/_SUCCESS")["rows"] == world.ROWS


def test_the_drift_is_found_on_its_day(season, lived):
    for day in world.days(world.START, (world.DRIFT - world.START).days):
        assert season.read(f"monitor/ds={day}/drift.json")["drifted"] == [], day
    assert "bmi" in season.read(f"monitor/ds={world.DRIFT}/drift.json")["drifted"]
    alarms = season.cloudwatch.describe_alarms(AlarmNamePrefix="sagewind-season-")["MetricAlarms"]
    assert {each["AlarmName"] for each in alarms} == {"sagewind-season-drift", "sagewind-season-quality"}


def test_a_challenger_is_champion_from_the_day_after(season, lived):
    after = (world.DRIFT + dt.timedelta(days=1)).isoformat()
    assert after in [start for start, _ in season.champions()]


def test_the_scores_change_over_from_then_on_and_not_before(season, lived):
    monday = world.DRIFT - dt.timedelta(days=2)
    for day in world.days(monday, 3):
        assert season.etag(day) == lived[day]  # scored again: the same bytes
    after = world.days(world.DRIFT + dt.timedelta(days=1), 3)
    assert [day for day in after if season.etag(day) != lived[day]] == after


@pytest.mark.skipif(WEEKS < 9, reason="the last week is not three weeks after the change")
def test_the_model_recovers(season, lived):
    def error(day: dt.date) -> float:
        return float(season.read(f"monitor/ds={day}/quality.json")["metrics"]["rmse"])

    before, hit, last = (error(world.DRIFT + dt.timedelta(days=days)) for days in (-5, 0, 21))
    assert hit > 1.3 * before
    assert last < 1.2 * before


def test_its_timeline_is_told_and_drawn(season, lived, stack, tmp_path):
    picture = Path(os.environ.get("SEASONS_PICTURE", tmp_path / "season.svg"))
    program = Path(sys.executable).with_name("sagewind")
    command = [program, "--project", stack.home.project, "--home", stack.home.root, "timeline", "season"]
    done = subprocess.run(
        [*map(str, command), "--picture", str(picture)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{world.DRIFT}              drift of" in done.stdout
    assert done.stdout.count("version") > WEEKS
    assert picture.read_text().count('class="d"') > 0
