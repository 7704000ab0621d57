"""What needs DAGs of its own on a real scheduler, triggerer and API server, in a project of its own.

The Amazon provider's operators, sensors and triggers, a row each of the table in `outcomes`; and what a spec
has happen without anybody: runs that assets start, notices, a deadline.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.chaos.starting import started
from tests.integration import training_jobs as jobs
from tests.integration.operators.outcomes import ROWS, Requests, Row
from tests.integration.operators.test_outcomes import DAG_FILE, stopping
from tests.seasons import world

from sagewind.airflow_rest import FINISHED_RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chaos.harness import Stack

SECONDS = 600
"""A bound for slow machines, no measure."""

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of a project without DAGs, with room for all jobs that wait to be stopped."""
    project = world.empty(tmp_path_factory.mktemp("project"))
    root = tmp_path_factory.mktemp("own") / "home"
    with started(project, root, SAGELOCAL_MAX_RUNNING_JOBS="20") as stack:
        yield stack


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.5)
    return value


def known(stack: Stack, dag_id: str) -> None:
    """Wait until Airflow has read a DAG."""
    until(lambda: dag_id in stack.airflow.dag_ids(), f"{dag_id}: {stack.airflow.import_errors()}")


def finished(stack: Stack, dag_id: str, run_id: str) -> str:
    over = until(
        lambda: (state := stack.airflow.run_state(dag_id, run_id)) in FINISHED_RUN and state,
        f"{dag_id} {run_id}",
    )
    return str(over)


# -- the provider's classes


@pytest.fixture(scope="module")
def outcomes(own: Stack) -> dict[str, tuple[str, str]]:
    """Run a task for each of a row's outcomes; return each one's state and log."""
    own.client("s3").create_bucket(Bucket=jobs.BUCKET)
    requests = Requests(own.client, jobs.unique("o"))
    tasks = {
        f"{row.name}.{ends}": (row.of, requests.arguments(row, ends)) for row in ROWS for ends in row.ends
    }
    folder = own.home.project / "dags"
    (folder / "tasks.json").write_text(json.dumps(tasks))
    (folder / "outcomes.py").write_text(DAG_FILE)
    known(own, "outcomes")
    with stopping(own.client("sagemaker"), requests.long):
        run_id = own.airflow.trigger("outcomes", {})
        finished(own, "outcomes", run_id)
    ended = own.airflow.tasks("outcomes", run_id)
    return {
        name: (ended[name].state, "\n".join(own.airflow.log("outcomes", run_id, ended[name])))
        for name in tasks
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_task_has_the_colour_of_its_work(outcomes: dict[str, tuple[str, str]], row: Row) -> None:
    found = {ends: outcomes[f"{row.name}.{ends}"] for ends in row.ends}
    assert {ends: state for ends, (state, _) in found.items()} == row.ends, found
    # To stop what is over is refused before anything is waited for.
    refused = {"bad"} if row.stem == "StopPipeline" else set()
    deferred = {ends for ends, (_, log) in found.items() if "Pausing task as DEFERRED" in log}
    assert deferred == (set(row.ends) - refused if row.deferrable else set())


# -- what happens by itself


@pytest.fixture(scope="module")
def eager(own: Stack) -> Stack:
    """Have a spec come into the running stack, which tells of the ends of its runs in a queue."""
    queue = own.client("sqs").create_queue(QueueName="eager")["QueueUrl"]
    spec = (Path(__file__).parent / "specs" / "eager.yaml").read_text().replace("QUEUE", queue)
    (own.home.project / "dags" / "models" / "eager.yaml").write_text(spec)
    known(own, "eager")
    return own


def event(stack: Stack, name: str) -> None:
    """Say that an asset has changed, as whoever lands data does by Airflow's API."""
    [asset] = stack.airflow._get("/assets", name_pattern=name)["assets"]
    body = {"asset_id": asset["id"], "extra": {}}
    stack.airflow._send("POST", "/api/v2/assets/events", json=body)


def started_by_assets(stack: Stack, dag_id: str) -> list[str]:
    runs = stack.airflow._get(f"/dags/{dag_id}/dagRuns", run_type="asset_triggered")["dag_runs"]
    return [run["dag_run_id"] for run in runs]


def told(stack: Stack, words: str) -> str:
    """Wait for a message of the queue that has these words."""
    sqs = stack.client("sqs")
    queue = sqs.get_queue_url(QueueName="eager")["QueueUrl"]

    def message() -> str:
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return next((each["Body"] for each in got if words in each["Body"]), "")

    return str(until(message, f"no message has {words!r}"))


def test_new_data_trains_and_a_promoted_model_scores_and_both_are_told(eager: Stack) -> None:
    event(eager, "eager_data")
    [trained] = until(lambda: started_by_assets(eager, "eager"), "no training was started")
    assert finished(eager, "eager", trained) == "success", eager.airflow.tasks("eager", trained)
    assert told(eager, trained) == f"{trained} of eager: done"
    [scored] = until(lambda: started_by_assets(eager, "eager_score"), "no scoring was started")
    assert finished(eager, "eager_score", scored) == "success", eager.airflow.tasks("eager_score", scored)
    assert eager.airflow.tasks("eager_score", scored)["score.publish"].state == "success"
    assert told(eager, scored) == f"{scored} of eager_score: done"


def test_a_failure_is_told_with_its_reason(eager: Stack) -> None:
    run_id = eager.airflow.trigger("eager", {"data": "s3://nobody-has-this/rows.csv"})
    assert finished(eager, "eager", run_id) == "failed"
    assert "nobody-has-this" in told(eager, f"{run_id} of eager: ")


def test_a_deadline_that_is_over_is_told_while_the_run_goes_on(eager: Stack) -> None:
    log = eager.home.logs / "triggerer.log"
    until(lambda: "eager missed its deadline" in log.read_text(), "no word of the deadline")
