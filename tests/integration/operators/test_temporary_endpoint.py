"""A temporary endpoint is there for the tasks that use it, and gone when one of them fails: by `dag.test()`.

That is Airflow without a scheduler: it, too, runs the triggers that tasks wait for.
"""

import json
import os
import subprocess
import sys

import pytest
from tests.integration import training_jobs as jobs
from tests.integration.operators import hosting

from sagewind import scaffold

DAG_FILE = '''
"""Airflow DAG: a temporary endpoint, and a task that uses it and fails."""
import dataclasses, json, os

from airflow.sdk import DAG, task
from sagewind import aws, groups, load

plain = load.load(os.environ["SPEC"], environ={})
name = os.environ["NAME"]
model = dataclasses.replace(plain, endpoint=dataclasses.replace(plain.endpoint, name=name, temporary=True))

@task
def judged():
    return {"golden": [{"Body": "1,2\\\\n", "Expected": [1.0]}]}

@task(retries=0)
def use():
    found = aws.client("sagemaker").describe_endpoint(EndpointName=name)
    raise RuntimeError("used while it was " + found["EndpointStatus"])

def part(made, *ids):
    return groups.Part(first=made, last=made, result=made, ids=(made.operator.task_id,))

with DAG("temporary", schedule=None) as dag:
    trained = groups.Part(first=None, last=None, ids=("", "", name))
    groups.deploy(model, trained, part(judged())).during(part(use()))

if __name__ == "__main__":
    from airflow.utils.db import initdb
    initdb()
    run = dag.test()
    print(json.dumps({"run": run.state, **{each.task_id: each.state for each in run.get_task_instances()}}))
'''


@pytest.fixture
def ended(environment, s3, tmp_path):
    """Run the DAG, and return how its tasks ended, and what was said."""
    scaffold.scaffold(tmp_path, "sorter")
    file = tmp_path / "dags" / "temporary.py"
    file.write_text(DAG_FILE)
    name = jobs.unique("temporary")
    environment.client("sagemaker").create_model(**hosting.model_request(s3, name, answer=1.0))
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")}
    environ |= {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "SPEC": str(tmp_path / "dags" / "models" / "sorter.yaml"),
        "NAME": name,
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, file], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return name, json.loads(done.stdout.strip().splitlines()[-1]), done.stdout + done.stderr


def test_a_temporary_endpoint_is_gone_when_the_run_has_failed(ended, aws):
    name, states, said = ended
    assert states == {
        "run": "failed",
        "judged": "success",
        "deploy.endpoint": "success",
        "use": "failed",
        "deploy.teardown": "success",
    }, said[-5000:]
    assert "used while it was InService" in said
    assert aws("sagemaker").list_endpoints(NameContains=name)["Endpoints"] == []
