"""What needs DAGs of its own on a real scheduler, triggerer and API server, in a project of its own.

The Amazon provider's operators, sensors and triggers, a row each of the table in `outcomes`; and what a spec
has happen without anybody: runs that assets start, notices, a deadline.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
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
    deferred = {ends for ends, (_, log) in found.items() if "Pausing task as DEFERRED" in log}
    assert row.deferrable or not deferred
    # What has failed by the time of the first look, or is refused, is not waited for.
    assert deferred | {"bad"} == (set(row.ends) if row.deferrable else {"bad"})


# -- what happens by itself

BUCKET = "sagemaker-us-east-1-123456789012"
SPEC = Path(__file__).parent / "specs" / "eager.yaml"
LANDED = 300
"""Rows that land; the file that travels with the DAG has more."""

LAND = f"""
from pathlib import Path

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, Asset, task

with DAG("land", schedule=None):

    @task(outlets=[Asset(name="eager_data", uri="sagewind://eager/data")])
    def land():
        lines = (Path(__file__).parent / "data" / "diabetes.csv").read_text().splitlines()
        rows = chr(10).join(lines[: {LANDED} + 1])
        S3Hook().load_string(rows, "eager/history/ds=2026-01-01/rows.csv", "{BUCKET}")

    land()
"""


@dataclass(frozen=True, kw_only=True)
class Eager:
    """A model that starts by itself, and what its notifiers said."""

    stack: Stack
    queue: str
    heard: set[str] = field(default_factory=set)

    def told(self, words: str) -> str:
        """Wait for a message that begins with these words."""
        return str(until(lambda: self._message(words), f"{words!r} is not in {self.heard}"))

    def _message(self, words: str) -> str:
        sqs = self.stack.client("sqs")
        got = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        self.heard.update(each["Body"] for each in got)
        return next((body for body in self.heard if body.startswith(words)), "")

    def started_by_assets(self, dag_id: str) -> str:
        """Wait for the one run that an event started."""

        def runs() -> list[str]:
            found = self.stack.airflow._get(f"/dags/{dag_id}/dagRuns", run_type="asset_triggered")
            return [run["dag_run_id"] for run in found["dag_runs"]]

        [only] = until(runs, f"no event started {dag_id}")
        return str(only)

    def succeeds(self, dag_id: str, run_id: str) -> None:
        state = finished(self.stack, dag_id, run_id)
        assert state == "success", self.stack.airflow.tasks(dag_id, run_id)

    def result(self, run_id: str, task_id: str) -> Any:
        """Wait until a task of a training has ended well, and return its result."""

        def ended() -> bool:
            return self.stack.airflow.tasks("eager", run_id)[task_id].state == "success"

        until(ended, f"{task_id} of {run_id} has no result")
        return self.stack.airflow.result("eager", run_id, task_id)


@pytest.fixture(scope="module")
def eager(own: Stack) -> Eager:
    """Have a spec come into the running stack, and a DAG that lands its rows."""
    own.client("s3").create_bucket(Bucket=BUCKET)
    queue = own.client("sqs").create_queue(QueueName="eager")["QueueUrl"]
    spec = SPEC.read_text().replace("QUEUE", queue)
    (own.home.project / "dags" / "models" / "eager.yaml").write_text(spec)
    (own.home.project / "dags" / "land.py").write_text(LAND)
    for dag_id in ("eager", "eager_score", "land"):
        known(own, dag_id)
    return Eager(stack=own, queue=queue)


@pytest.fixture(scope="module")
def trained(eager: Eager) -> str:
    """Land rows; return the training which that starts."""
    eager.succeeds("land", eager.stack.airflow.trigger("land", {}))
    return eager.started_by_assets("eager")


@pytest.fixture(scope="module")
def promoted(eager: Eager, trained: str) -> str:
    """Approve what was trained, once its run is late; return the run."""
    version = eager.result(trained, "register.enrol")["arn"]
    eager.told(f"{trained} of eager: late")
    assert eager.stack.airflow.run_state("eager", trained) == "running"
    eager.stack.client("sagemaker").update_model_package(
        ModelPackageArn=version, ModelApprovalStatus="Approved"
    )
    eager.succeeds("eager", trained)
    return trained


def test_new_data_starts_a_training_upon_it(eager: Eager, trained: str) -> None:
    rows = eager.result(trained, "ready")
    assert rows["files"] == [f"s3://{BUCKET}/eager/history/ds=2026-01-01/rows.csv"]
    assert rows["rows"] == LANDED


def test_a_deadline_that_is_over_is_told_while_the_run_goes_on(eager: Eager, promoted: str) -> None:
    assert f"{promoted} of eager: late" in eager.heard


def test_a_deadline_without_a_notifier_is_told_in_the_triggerers_log(own: Stack) -> None:
    spec = yaml.safe_load(SPEC.read_text()) | {"name": "late", "deadline": {"minutes": 0.02}}
    del spec["data"]["history"], spec["notifications"]
    spec["data"]["landing"] = {"prefix": f"s3://{BUCKET}/nothing-lands-here/"}
    (own.home.project / "dags" / "models" / "late.yaml").write_text(yaml.safe_dump(spec))
    known(own, "late")
    own.airflow.trigger("late", {})
    log = own.home.logs / "triggerer.log"
    until(lambda: "late missed its deadline" in log.read_text(), "no word of the deadline")


def test_a_promoted_model_starts_its_scoring(eager: Eager, promoted: str) -> None:
    scored = eager.started_by_assets("eager_score")
    eager.succeeds("eager_score", scored)
    assert eager.stack.airflow.tasks("eager_score", scored)["score.publish"].state == "success"
    model = eager.stack.airflow.result("eager_score", scored, "score.prepare")
    assert eager.result(promoted, "register.enrol")["version"] == model["version"]
    assert eager.told(f"{scored} of eager_score: done")


def test_a_success_is_told(eager: Eager, promoted: str) -> None:
    assert eager.told(f"{promoted} of eager: done")


def test_a_failure_is_told_with_its_reason(eager: Eager) -> None:
    run_id = eager.stack.airflow.trigger("eager", {"data": "s3://nobody-has-this/rows.csv"})
    assert finished(eager.stack, "eager", run_id) == "failed"
    assert eager.told(f"{run_id} of eager: s3://nobody-has-this/rows.csv: there is no such bucket")
