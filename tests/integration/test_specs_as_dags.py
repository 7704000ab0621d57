"""Many specs are many DAGs: two each and no other, read quickly, and one that is broken alone is."""

import json
import os
import subprocess
import sys
import time

import pytest

from sagewind import scaffold

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


def read(folder, home):
    """Read the DAG folder in an Airflow of its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS"))}
    environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(folder)], env=environ, capture_output=True, text=True, check=False
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
    assert set(before["dags"]) == {"first", "first_score"}


def test_a_broken_spec_takes_no_other_with_it(project, tmp_path):
    (project / "dags" / "models" / "broken.yaml").write_text("name: broken\nimage: {versoin: '1.9-0'}\n")
    seen = read(project / "dags", tmp_path / "home")
    assert set(seen["dags"]) == {"first", "first_score", "broken"}
    assert seen["dags"]["broken"] == ["broken-spec"]


def test_two_hundred_specs_are_read_within_airflows_limit(project, tmp_path):
    for number in range(MANY - 1):
        add(project, f"model-{number:03d}")
    began = time.monotonic()
    seen = read(project / "dags", tmp_path / "home")
    assert seen["errors"] == {}, time.monotonic() - began
    assert len(seen["dags"]) == 2 * MANY
