"""A backfill of fifty days of scoring, twice, as a user makes it, by the real scheduler."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Running

BUCKET = "sagemaker-us-east-1-123456789012"
FIRST = dt.date(2026, 1, 1)
DAYS = [FIRST + dt.timedelta(days=number) for number in range(50)]
CORRUPT = DAYS[9]
ROWS = "5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n"
SECONDS = 1800  # a bound for slow machines, no measure


def put(stack: Running, day: dt.date, rows: str) -> None:
    key = f"iris/incoming/ds={day}/rows.csv"
    stack.client("s3").put_object(Bucket=BUCKET, Key=key, Body=rows.encode())


def partitions(stack: Running) -> dict[str, str]:
    """Return every object of the days' scores, and its ETag."""
    s3, home = stack.client("s3"), "iris/scores/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=home)
    found = {
        each["Key"].removeprefix(home): each["ETag"] for page in pages for each in page.get("Contents", ())
    }
    return {key: tag for key, tag in found.items() if key <= f"ds={DAYS[-1]}/~"}


def jobs(stack: Running) -> int:
    """Return how many transform jobs there were for days."""
    listed = stack.client("sagemaker").get_paginator("list_transform_jobs")
    pages = listed.paginate(NameContains="iris-score-")
    return sum(len(page["TransformJobSummaries"]) for page in pages)


def backfills(stack: Running) -> list[dict[str, Any]]:
    answer = stack.airflow._get("/dags/iris_score/dagRuns", run_type="backfill", limit=100)
    return list(answer["dag_runs"])


def await_all(stack: Running, began: dt.datetime) -> dict[str, str]:
    """Wait until every day's run has ended since a moment; return run id → state."""
    deadline = time.monotonic() + SECONDS
    while True:
        runs = backfills(stack)
        ended = [
            each for each in runs if each["end_date"] and dt.datetime.fromisoformat(each["end_date"]) > began
        ]
        over = {each["dag_run_id"]: each["state"] for each in ended if each["state"] in {"success", "failed"}}
        if len(over) == len(DAYS):
            return over
        assert time.monotonic() < deadline, [(each["dag_run_id"], each["state"]) for each in runs]
        time.sleep(1)


def await_completed(stack: Running) -> None:
    """Wait until the scheduler has seen that every backfill is over: it looks twice a minute."""
    deadline = time.monotonic() + SECONDS
    while not all(
        each["completed_at"] for each in stack.airflow._get("/backfills", dag_id="iris_score")["backfills"]
    ):
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.fixture(scope="module")
def scored(stack: Running) -> dict[str, str]:
    """Fifty days, one of them corrupt; return run id → state."""
    trained = stack.airflow.trigger("iris", {})
    assert stack.await_run("iris", trained) == "success"  # scoring takes the deployed model
    put(stack, CORRUPT, ROWS + "4.9,3.0,oops,0.2\n6.3,2.9\n")
    began = dt.datetime.now(dt.UTC)
    dates = ("--from-date", f"{DAYS[0]}", "--to-date", f"{DAYS[-1]}")
    created = stack.run("airflow", "backfill", "create", "--dag-id", "iris_score", *dates)
    assert created.returncode == 0, created.stderr
    return await_all(stack, began)


def test_a_corrupt_day_fails_alone_says_which_rows_and_is_repaired_by_clearing_it(
    stack: Running, scored: dict[str, str]
) -> None:
    [failed] = [run_id for run_id, state in scored.items() if state == "failed"]
    assert f"{CORRUPT + dt.timedelta(days=1)}" in failed  # a run's id has the end of its interval
    log = "\n".join(
        stack.airflow.log("iris_score", failed, stack.airflow.tasks("iris_score", failed)["gather"])
    )
    assert "row 3: PetalLength is 'oops'; a number is needed; row 4 has 2 values; 4 are needed" in log
    assert not [key for key in partitions(stack) if f"{CORRUPT}" in key]
    assert jobs(stack) == len(DAYS) - 1

    put(stack, CORRUPT, ROWS)
    body = {"dry_run": False, "dag_run_id": failed, "only_failed": True, "reset_dag_runs": True}
    stack.airflow._send("POST", "/api/v2/dags/iris_score/clearTaskInstances", json=body)
    assert stack.await_run("iris_score", failed) == "success"
    assert f"ds={CORRUPT}/_SUCCESS" in partitions(stack)


def test_the_same_days_again_are_the_same_bytes_without_another_job(stack: Running) -> None:
    before, had = partitions(stack), jobs(stack)
    assert sorted(before) == [f"ds={day}/{name}" for day in DAYS for name in ("_SUCCESS", "rows.csv.out")]
    await_completed(stack)
    began = dt.datetime.now(dt.UTC)
    body = {
        "dag_id": "iris_score",
        "from_date": f"{DAYS[0]}T00:00:00Z",
        "to_date": f"{DAYS[-1]}T00:00:00Z",
        "reprocess_behavior": "completed",
    }
    stack.airflow._send("POST", "/api/v2/backfills", json=body)
    assert set(await_all(stack, began).values()) == {"success"}
    assert partitions(stack) == before
    assert jobs(stack) == had == len(DAYS)


def test_the_scheduler_lives(stack: Running) -> None:
    health = httpx.get(f"{stack.memory.address('airflow')}/api/v2/monitor/health", trust_env=False).json()
    assert health["scheduler"]["status"] == "healthy"
