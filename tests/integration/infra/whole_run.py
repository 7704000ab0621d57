"""Runs every DAG of this repository, and what is beside them, by `dag.test()`: for its calls of AWS's API.

Started by a test in a process of its own, with Airflow's and AWS's settings in the environment.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb
from tests.integration.infra import recording

from sagewind import aws, load
from sagewind.janitor import Janitor
from sagewind.jobs.kinds import PROCESSING, TRAINING, TRANSFORM, TUNING
from sagewind.jobs.service import CallError, Jobs
from sagewind.ui.models.amazon import Amazon

DAGS = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
DAY = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).date().isoformat()
RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("sorter", {}),  # a table in DynamoDB, a temporary endpoint
    ("diabetes", {}),  # captured requests, alarms, a budget
    ("diabetes", {}),  # now there is a champion to compare with
    ("diabetes_score", {"day": DAY, "champion": "today"}),
    ("wine", {}),  # tuned, measured by a batch
    ("wine_score", {"day": DAY, "champion": "today"}),
    ("iris", {}),
    ("iris_score", {"day": DAY}),
    ("rollback", {"model": "diabetes"}),
    ("janitor", {"delete": True}),
)


def main() -> None:
    """Run them all; tell how each run ended, and which of its tasks did not succeed."""
    initdb()
    dags = DagBag(str(DAGS)).dags
    told = []
    for dag_id, conf in RUNS:
        run = dags[dag_id].test(run_conf=conf)
        odd = {each.task_id: each.state for each in run.get_task_instances() if each.state != "success"}
        told.append([dag_id, run.state, odd])
    stop()
    sweep()
    look()
    Path(os.environ["TOLD"]).write_text(json.dumps(told))


def stop() -> None:
    """Ask for the end of a job of each kind, as a killed task does; those here have ended already."""
    calls = Path(os.environ[recording.VARIABLE])
    for kind in (TRAINING, PROCESSING, TRANSFORM, TUNING):
        operation = f"Create{kind.key}"
        made = [each for each in recording.read(calls) if each.operation == operation]
        with contextlib.suppress(CallError):
            Jobs(aws.client("sagemaker"), kind).stop(made[0].params[kind.name_key])


def sweep() -> None:
    """Take away what nobody needs, as the DAG `janitor` does when it is no longer new."""
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    done = Janitor(aws.client("sagemaker"), now=later, run_is_over=lambda _: True).sweep(delete=True)
    assert done.failed == (), done


def look() -> None:
    """Ask what the Models page does."""
    amazon = Amazon(clients=aws.client)
    for file in sorted((DAGS / "models").glob("*.yaml")):
        model = load.load(file)
        amazon.standing(model)
        amazon.versions(model)
        amazon.endpoint(model)
        amazon.scored(model, 3)
        amazon.watched(model, 3)
        amazon.cost(model)
        for version in amazon.versions(model)[0][:1]:
            amazon.card(version)


if __name__ == "__main__":
    main()
