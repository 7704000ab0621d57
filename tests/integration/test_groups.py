"""The task groups: a part in a DAG written by hand, and what a spec's wishes change in the DAGs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROBE = """
import dataclasses, json, sys
from pathlib import Path
from airflow.sdk import DAG, Asset
from sagewind import groups, lives, load, sections

models = Path(sys.argv[1])
plain = load.load(models / "diabetes.yaml", environ={})

def tasks(dag):
    return [task.task_id for task in dag.topological_sort()]

def changed(**sections):
    return dataclasses.replace(plain, **sections)

def names(asset):
    return [asset.name] if isinstance(asset, Asset) else sum(map(names, asset.objects), [])

with DAG("mine") as mine:
    groups.score(plain)
with DAG("half") as half:
    made = groups.ready(plain)
    groups.train(plain, made)
person = lives.pipeline(changed(approval=sections.Approval(by="person")))
registry = lives.pipeline(changed(approval=sections.Approval(by="registry")))
told = lives.pipeline(
    changed(
        deadline=sections.Deadline(minutes=30),
        notifications=sections.Notifications(
            on_failure="sagewind.notices.LogNotifier", arguments={"message": "help"}
        ),
    )
)
temporary = lives.pipeline(changed(endpoint=dataclasses.replace(plain.endpoint, temporary=True)))
landing = changed(data=dataclasses.replace(plain.data, starts_training=True))
promoted = changed(score=dataclasses.replace(plain.score, on_promotion=True))
unwatched = lives.scoring(changed(monitor=sections.Monitor(enabled=False)))
print(json.dumps({
    "score alone": tasks(mine),
    "half": tasks(half),
    "person": tasks(person),
    "registry": tasks(registry),
    "unwatched": tasks(unwatched),
    "started by": [
        sorted(names(dag.timetable.asset_condition))
        for dag in (lives.pipeline(plain), lives.pipeline(landing), lives.scoring(promoted))
    ],
    "teardowns": [task.task_id for task in temporary.topological_sort() if task.is_teardown],
    "deadline": [alert.interval.total_seconds() for alert in told.deadline],
    "notifier": type(told.default_args["on_failure_callback"]).__name__,
    "outlets": sorted(
        asset.name for dag in (person, lives.scoring(plain)) for task in dag.tasks for asset in task.outlets
    ),
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS"))}
    environ |= {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", PROBE, str(ROOT / "dags" / "models")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_a_group_stands_alone_in_a_dag_by_hand(seen):
    assert seen["score alone"] == ["score.prepare", "score.pending", "score.job", "score.publish"]
    assert seen["half"] == ["ready", "train.job", "train.model"]


def test_a_person_or_the_registry_is_asked_when_the_spec_says_so(seen):
    assert [name for name in seen["person"] if name.startswith("register.")] == [
        "register.enrol",
        "register.approve",
        "register.accepted",
        "register.settle",
        "register.promoted",
    ]
    assert "register.answered" in seen["registry"]


def test_without_a_watch_there_is_no_monitor(seen):
    assert not [name for name in seen["unwatched"] if name.startswith("monitor.")]


def test_a_temporary_endpoint_is_torn_down_and_the_bill_is_made_however_the_run_ends(seen):
    assert set(seen["teardowns"]) == {"bill", "deploy.teardown"}


def test_new_data_starts_training_and_a_new_champion_starts_scoring_when_the_spec_says_so(seen):
    assert seen["started by"] == [
        ["diabetes_drift"],
        ["diabetes_data", "diabetes_drift"],
        ["diabetes_champion"],
    ]


def test_deadlines_and_notifiers_are_the_specs(seen):
    assert seen["deadline"] == [1800.0]
    assert seen["notifier"] == "LogNotifier"


def test_each_event_has_its_asset(seen):
    assert seen["outlets"] == ["diabetes_champion", "diabetes_drift", "diabetes_scores"]
