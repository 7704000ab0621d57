"""Whole DAGs on our operators: the provider's published ones with the import changed, and unusual ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.chaos import work
from tests.integration import pipeline_definitions as pipelines
from tests.integration import training_jobs as jobs
from tests.integration import whole_dags

PROJECT = Path(__file__).parent / "project"
TRUE = {"Type": "LessThanOrEqualTo", "LeftValue": 3.0, "RightValue": 6.0}
PROVIDED, OURS = "airflow.providers.amazon.aws.operators.sagemaker", "sagewind.operators.sagemaker"


def configs(s3, sagemaker, name):
    """Return what the DAGs hand to the operators."""
    made = {kind: work.request(kind, s3, name, 1.0) for kind in work.KINDS}
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/rows.csv", Body=b"1,2\n")
    rows = jobs.channel("train", f"s3://{jobs.BUCKET}/{name}/rows.csv")
    made["tune"]["TrainingJobDefinition"]["InputDataConfig"] = [rows]  # the provider insists
    deployed = work.request("deploy", s3, name, 1.0)
    model = deployed["Model"] | {"ModelName": name}
    variants = [each | {"ModelName": name} for each in deployed["EndpointConfig"]["ProductionVariants"]]
    config = {"EndpointConfigName": name, "ProductionVariants": variants}
    checks = [pipelines.step(f"Check{n}", "Condition", {"Conditions": [TRUE]}) for n in range(2)]
    return made | {
        "name": name,
        "image": model["PrimaryContainer"]["Image"],
        "artifact": model["PrimaryContainer"]["ModelDataUrl"],
        "model": model,
        "config": config,
        "endpoint": {"EndpointName": name, "EndpointConfigName": name},
        "transform": made["transform"]["Transform"],
        "pipeline": pipelines.create(sagemaker, *checks),
    }


@pytest.fixture
def run(sagelocal_service, s3, aws, tmp_path):
    def run_file(file, **variables):
        given = configs(s3, aws("sagemaker"), jobs.unique("dag"))
        told, said = whole_dags.run(
            PROJECT / file, tmp_path, sagelocal_service, CONFIGS=json.dumps(given), **variables
        )
        return given["name"], told, said

    return run_file


@pytest.mark.parametrize("operators", [PROVIDED, OURS], ids=["provider", "ours"])
def test_published_dags_run_with_the_import_changed(run, aws, operators):
    name, told, said = run("published.py", OPERATORS=operators)
    assert told["condition"].pop("bad") == "skipped"
    for dag_id, states in told.items():
        assert set(states.values()) == {"success"}, (dag_id, states, said[-5000:])
    sagemaker = aws("sagemaker")
    assert sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Completed"
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    sagemaker.delete_endpoint(EndpointName=name)


def test_unusual_uses_work(run, aws):
    name, told, said = run("unusual.py", AIRFLOW_CONN_AWS_OTHER="aws://")
    assert told["answer"] == [1.0], said[-5000:]
    wanted = {f"model.{task}[{number}]": "success" for task in ("train", "process") for number in (0, 1)}
    wanted |= {f"{task}[-1]": "success" for task in ("pairs", "elsewhere", "deploy", "ask", "delete")}
    assert told["states"] == wanted | {"fail[-1]": "failed"}, said[-5000:]
    sagemaker = aws("sagemaker")
    assert sagemaker.list_endpoints(NameContains=name)["Endpoints"] == []
    found = sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    ends = ("1", "2", "unusual")
    assert sorted(each["TrainingJobName"] for each in found) == [f"{name}-{end}" for end in ends]
