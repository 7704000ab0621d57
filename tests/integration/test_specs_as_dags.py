"""Many specs are many DAGs: two each and no other, read quickly, and one that is broken alone is."""

import json
import os
import subprocess
import sys
import time

import pytest

from sagewind import scaffold

OF_ALL = {"janitor", "rollback"}
"""DAGs that are for all models."""
MANY = 200
SECONDS = 30
"""Airflow's own limit for one DAG file: `[core] dagbag_import_timeout`."""

PROBE = """
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
import sagewind.operators.sagemaker
began = time.monotonic()
bag = DagBag(sys.argv[1])
print(json.dumps({
    "seconds": time.monotonic() - began,
    "errors": bag.import_errors,
    "dags": {dag_id: sorted(dag.tags) for dag_id, dag in bag.dags.items()},
}))
"""

AHEAD = """
import json, os, sys
from pathlib import Path
from airflow.serialization.serialized_objects import DagSerialization
from sagewind import lives, preload

models = Path(sys.argv[1]) / "models"
preload.prepare()
preload.keep_dags()
ahead = {id(dag) for _, dags in lives._KEPT.values() for dag in dags}

def look():
    return {dag_id: id(dag) in ahead for dag_id, dag in lives.dags(models).items()}

def change(name, old, new):
    spec = models / f"{name}.yaml"
    assert old in spec.read_text()
    spec.write_text(spec.read_text().replace(old, new))
    return look()

def without_data():
    Path(sys.argv[1], "data", "first.csv").unlink()
    return look()

def serialized():
    first, second = (lives.dags(models) for _ in range(2))
    return [DagSerialization.to_dict(one["second"]) == DagSerialization.to_dict(other["second"])
            and one["second"] is not other["second"] for one, other in ((first, second),)]

def forked(what):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, json.dumps(what()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return json.loads(told.read())

found = {"unchanged": forked(look), "again": forked(lambda: (look(), look())[1]), "same": forked(serialized)}
found["changed"] = forked(lambda: change("second", "Says which", "Tells which"))
found["broken"] = forked(lambda: change("second", "name: second", "name: third"))
found["without data"] = forked(without_data)
print(json.dumps(found))
"""


def read(folder, home, probe=PROBE):
    """Read the DAG folder in an Airflow of its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS"))}
    environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    environ |= {"AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", probe, str(folder)], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def project(tmp_path):
    """What `sagewind init` makes of an empty folder."""
    scaffold.scaffold(tmp_path, "first")
    scaffold.project(tmp_path)
    return tmp_path


def add(project, name):
    """Add a spec that uses the first one's files."""
    first = (project / "dags" / "models" / "first.yaml").read_text()
    (project / "dags" / "models" / f"{name}.yaml").write_text(first.replace("name: first", f"name: {name}"))


def test_adding_a_spec_adds_exactly_its_two_dags(project, tmp_path):
    before = read(project / "dags", tmp_path / "home")
    add(project, "second")
    after = read(project / "dags", tmp_path / "home")
    assert before["errors"] == after["errors"] == {}
    assert set(after["dags"]) - set(before["dags"]) == {"second", "second_score"}
    assert set(before["dags"]) == {"first", "first_score"} | OF_ALL


def test_a_broken_spec_takes_no_other_with_it(project, tmp_path):
    (project / "dags" / "models" / "broken.yaml").write_text("name: broken\nimage: {versoin: '1.9-0'}\n")
    seen = read(project / "dags", tmp_path / "home")
    assert set(seen["dags"]) == {"first", "first_score", "broken.yaml"} | OF_ALL
    assert seen["dags"]["broken.yaml"] == ["broken-spec"]


def test_a_spec_that_breaks_leaves_no_other_tasks_to_the_runs_of_its_dags(project, tmp_path):
    first = project / "dags" / "models" / "first.yaml"
    first.write_text(first.read_text().replace("at_least", "at_leest"))
    seen = read(project / "dags", tmp_path / "home")
    assert set(seen["dags"]) == {"first.yaml"} | OF_ALL  # Airflow has the tasks of `first` wait for its DAG


def test_a_spec_whose_file_is_called_as_no_model_may_be_takes_no_other_with_it(project, tmp_path):
    models = project / "dags" / "models"
    for copy in ("first (1).yaml", "first_score.yaml", "first.yml"):
        (models / copy).write_bytes((models / "first.yaml").read_bytes())
    for hidden in (
        ".#first.yaml",
        "._first.yaml",
    ):  # an editor's lock, what macOS puts on other systems' disks
        (models / hidden).symlink_to("nowhere")
    seen = read(project / "dags", tmp_path / "home")
    assert seen["errors"] == {}
    broken = {dag_id for dag_id, tags in seen["dags"].items() if tags == ["broken-spec"]}
    assert broken == {"first__1_.yaml", "first_score.yaml", "first.yml"}
    assert set(seen["dags"]) - broken == {"first", "first_score"} | OF_ALL


def test_two_hundred_specs_are_read_within_airflows_limit(project, tmp_path):
    for number in range(MANY - 1):
        add(project, f"model-{number:03d}")
    began = time.monotonic()
    seen = read(project / "dags", tmp_path / "home")
    assert seen["errors"] == {}, time.monotonic() - began
    assert len(seen["dags"]) == 2 * MANY + len(OF_ALL)


def test_forks_take_the_dags_that_were_made_ahead_while_their_specs_say_the_same(project, tmp_path):
    add(project, "second")
    add(project, "told")
    told = project / "dags" / "models" / "told.yaml"
    told.write_text(told.read_text() + "notifications: {on_failure: sagewind.notices.LogNotifier}\n")
    seen = read(project / "dags", tmp_path / "home", AHEAD)
    first, second = ({name, f"{name}_score"} for name in ("first", "second"))
    ahead = {
        case: {dag_id for dag_id, is_ahead in seen[case].items() if is_ahead}
        for case in ("unchanged", "again", "changed", "broken", "without data")
    }
    assert ahead == {
        "unchanged": first | second,
        "again": set(),
        "changed": first,
        "broken": first,
        "without data": set(),
    }
    assert set(seen["unchanged"]) == set(seen["changed"]) == first | second | {"told", "told_score"}
    assert set(seen["broken"]) == first | {"second.yaml", "told", "told_score"}
    assert set(seen["without data"]) == {"first.yaml", "second.yaml", "told.yaml"}
    assert seen["same"] == [True]
