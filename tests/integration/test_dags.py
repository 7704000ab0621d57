"""The DAG files as Airflow sees them: which DAGs, what they import, what the plugin adds to their tasks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROVIDER = "airflow.providers.amazon.aws.operators.sagemaker"

FROM_SPECS = ("diabetes", "wine")
PIPELINE = [
    "ready",
    *("train.job", "train.model"),
    *("evaluate.contend", "evaluate.job"),
    "gate.judge",
    *("register.enrol", "register.settle", "register.promoted"),
    "deploy.endpoint",
    "bill",
]
_AT = PIPELINE.index("register.settle")
APPROVED_BY_A_PERSON = [*PIPELINE[:_AT], "register.approve", *PIPELINE[_AT:]]
SCORING = [
    *("score.prepare", "score.pending", "score.job", "score.publish"),
    *("monitor.watch", "monitor.drifted", "monitor.told"),
]
OURS = "sagewind.operators.sagemaker"

PROBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

bag = DagBag(sys.argv[1])
def again(dag):
    return DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
print(json.dumps({
    "errors": bag.import_errors,
    "tasks": {d.dag_id: [t.task_id for t in d.topological_sort()] for d in bag.dags.values()},
    "next": {
        d.dag_id: {t.task_id: sorted(t.downstream_task_ids) for t in d.tasks} for d in bag.dags.values()
    },
    "links": {
        d.dag_id: {t.task_id: sorted(t.extra_links) for t in again(d).tasks} for d in bag.dags.values()
    },
    "params": {d.dag_id: d.params.dump() for d in bag.dags.values()},
    "schedules": {d.dag_id: d.timetable.summary for d in map(again, bag.dags.values())},
    "fingerprints": {
        d.dag_id: DagSerialization.to_dict(d)["dag"]["tasks"] for d in bag.dags.values()
    },
}))
"""

IMPORTED = """
import json, runpy, sys
import airflow.sdk, airflow.sdk.definitions.param, {operators}
before = set(sys.modules)
runpy.run_path(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""

STARTING = """
import json, sys
from airflow.listeners.listener import get_listener_manager

class Job: pass
class TaskRunnerMarker: pass

get_listener_manager().hook.on_starting(component={"Job": Job, "task": TaskRunnerMarker}[sys.argv[1]]())
heavy = ("boto3", "sagewind.lives", "sagewind.operators.sagemaker")
print(json.dumps([name in sys.modules for name in heavy]))
"""


def python(code, argument, home):
    """Run code in a fresh interpreter with an Airflow of its own, and return the JSON that it prints last."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS"))}
    environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, argument], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return python(PROBE, str(ROOT / "dags"), tmp_path_factory.mktemp("airflow"))


def test_there_are_exactly_these_dags(seen):
    assert seen["errors"] == {}
    assert seen["tasks"] == {
        "iris": ["upload", "train", "model", "endpoint", "verify", "transform", "report"],
        "iris_score": ["gather", "transform", "settle"],
        "diabetes": PIPELINE,
        "wine": APPROVED_BY_A_PERSON,
        **{f"{name}_score": SCORING for name in FROM_SPECS},
        "rollback": ["rollback", "endpoint"],
        "janitor": ["sweep"],
    }


def test_scoring_a_table_waits_for_the_model_not_for_the_endpoint(seen):
    after = seen["next"]["iris"]
    assert after["model"] == ["endpoint", "transform"]
    assert after["endpoint"] == ["verify"]
    assert after["verify"] == after["transform"] == ["report"]


def test_each_sagemaker_task_has_its_link_and_no_other_task_has_one(seen):
    for links in seen["links"].values():
        for task_id, names in links.items():
            jobs = {"train", "model", "endpoint", "transform"}
            jobs |= {"train.job", "train.model", "evaluate.job", "score.job", "deploy.endpoint"}
            expected = task_id in jobs
            assert ("SageMaker" in names) is expected, (task_id, names)


def test_the_forms_defaults_are_the_specs(seen):
    assert seen["params"]["iris"] == {
        "n-estimators": 10,
        "min-samples-leaf": 3,
        "random-state": 28,
        "instance_type": "ml.m5.large",
        "data": None,
    }
    assert seen["params"]["iris_score"] == {"day": None, "sample_rows": 30}


def test_the_dags_run_by_cron(seen):
    assert seen["schedules"] == {
        "iris": "0 3 * * 1",
        "iris_score": "0 0 * * *",
        "diabetes": "Asset or 0 4 * * 1",
        "diabetes_score": "0 0 * * *",
        "wine": "Asset",
        "wine_score": "0 0 * * *",
        "rollback": "None",
        "janitor": "30 4 * * *",
    }


def test_a_dag_file_that_did_not_change_is_no_new_version(seen, tmp_path):
    assert python(PROBE, str(ROOT / "dags"), tmp_path)["fingerprints"] == seen["fingerprints"]


@pytest.mark.parametrize(
    ("file", "operators"),
    [
        ("iris.py", PROVIDER),
        ("iris_score.py", PROVIDER),
        ("from_specs.py", OURS),
        ("rollback.py", OURS),
        ("janitor.py", OURS),
    ],
)
def test_a_dag_file_imports_little_beyond_airflow_and_the_operators(file, operators, tmp_path):
    code = IMPORTED.format(operators=operators)
    added = set(python(code, str(ROOT / "dags" / file), tmp_path))
    roots = {name.partition(".")[0] for name in added}
    assert not roots & {"boto3", "pandas", "numpy", "sklearn", "sagemaker", "scipy", "pyarrow", "fastapi"}
    ours = {name for name in added if name.partition(".")[0] == "sagewind"}
    assert "sagewind.load" in ours or file in {"rollback.py", "janitor.py"}
    assert not {name for name in ours if name.startswith(("sagewind.ui", "sagewind.stack", "sagewind.cli"))}


def test_the_pure_part_imports_nothing_heavy(tmp_path):
    modules = ", ".join(
        f"sagewind.{name}" for name in ("spec", "naming", "requests", "load", "form", "waits")
    )
    code = f"import json, sys, {modules}; print(json.dumps(sorted(sys.modules)))"
    roots = {name.partition(".")[0] for name in python(code, "", tmp_path)}
    assert not roots & {"airflow", "boto3", "botocore", "pydantic", "numpy"}


@pytest.mark.parametrize(("component", "loaded"), [("Job", True), ("task", False)])
def test_what_dag_files_import_is_there_before_a_process_forks_and_is_no_burden_on_a_task(
    component, loaded, tmp_path
):
    assert python(STARTING, component, tmp_path) == [loaded] * 3


def test_each_dag_file_says_that_it_is_one():
    files = sorted((ROOT / "dags").glob("*.py"))
    assert files
    for file in files:
        assert file.read_text().startswith('"""Airflow DAG: ')


def test_dags_hold_no_classes_and_no_helpers():
    for file in (ROOT / "dags").glob("*.py"):
        assert "\ndef " not in file.read_text()
        assert "\nclass " not in file.read_text()


def test_plugins_is_one_file():
    assert [file.name for file in (ROOT / "plugins").rglob("*.py")] == ["sagewind_plugin.py"]
