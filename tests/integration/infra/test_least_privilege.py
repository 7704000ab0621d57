"""The roles of the template allow every call that all DAGs make, and allow nothing that no call needs.

All DAGs of the repository are run against the local services; each call of AWS's API is written down, those
of Airflow and those of the jobs apart. What only AWS itself asks of a role is listed here with its reason.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.integration import whole_dags
from tests.integration.conftest import start
from tests.integration.infra import policies, recording
from tests.integration.infra.policies import Need
from tests.integration.infra.test_stack import make
from tests.integration.test_whole_dags import put_table

from sagewind import scaffold

ROOT = Path(__file__).parents[3]
SECONDS = 1800
"""A bound for slow machines, no measure."""
TABLE = "sorter-rows"
GIVEN = {"OwnKey": "yes", "UsesVpc": "yes", "DynamoDBTable": TABLE, "LandingBucket": "streams"}

OF_AIRFLOW_ON_AWS = {
    "kms:CreateGrant": "SageMaker encrypts a job's volumes in the caller's name",
    "kms:Decrypt": "S3 reads objects of a bucket with a key in the caller's name",
    "kms:DescribeKey": "SageMaker looks at the key that a request names",
    "kms:GenerateDataKey": "S3 writes objects of a bucket with a key in the caller's name",
    "dynamodb:DescribeTable": "data.dynamodb.export: point_in_time; the emulator exports no tables",
    "dynamodb:ExportTableToPointInTime": "as above",
    "dynamodb:DescribeExport": "as above",
    "s3:PutObjectAcl": "DynamoDB asks it of whoever has a table exported",
    "s3:AbortMultipartUpload": "boto3 takes back an upload in parts that failed",
    "sagemaker:DeleteTags": "an update takes the expiry away from an endpoint that is to stay from now on",
}
OF_JOBS_ON_AWS = {
    "ecr:GetAuthorizationToken": "SageMaker fetches images with the job's role",
    "ecr:BatchCheckLayerAvailability": "as above",
    "ecr:BatchGetImage": "as above",
    "ecr:GetDownloadUrlForLayer": "as above",
    "logs:DescribeLogStreams": "SageMaker's agent finds the stream that it writes to",
    "kms:Decrypt": "S3 reads objects of a bucket with a key in the job's name",
    "kms:GenerateDataKey": "S3 writes objects of a bucket with a key in the job's name",
    "s3:AbortMultipartUpload": "an upload in parts that failed is taken back",
    **dict.fromkeys(
        (
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ),
        "a job in a VPC has a network interface there",
    ),
}
OF_SAGELOCAL = frozenset({"logs:GetLogEvents"})
"""sagelocal looks whether a stream is still there; on AWS nothing in the job's name does."""


def project(folder: Path, made: dict[str, Any]) -> Path:
    """Write a project: the repository's DAGs in the stack's account, and one more; return its DAG folder."""
    dags = folder / "dags"
    shutil.copytree(ROOT / "dags", dags)
    shutil.copytree(ROOT / "sm_code", folder / "sm_code")
    scaffold.scaffold(folder, "sorter")
    account = f"role: {made['outputs']['Role']}\n  bucket: {made['outputs']['BucketOfModels']}"
    changes = {
        "diabetes": [
            ("score:\n", "endpoint: {capture_percent: 100}\n\nscore:\n"),
            ("monitor:\n", "monitor:\n  alarm: true\n"),
            ("budget:\n", "budget:\n  month: 100\n"),
        ],
        "wine": [("by: person", "by: gate"), ("max_jobs: 3", "max_jobs: 2")],
        "iris": [],
        "sorter": [
            ("data:\n", f"endpoint: {{temporary: true}}\n\ndata:\n  dynamodb: {{table: {TABLE}}}\n"),
        ],
    }
    for name, replaced in changes.items():
        file = dags / "models" / f"{name}.yaml"
        text = file.read_text()
        for old, new in replaced:
            assert old in text, (name, old)
            text = text.replace(old, new, 1)
        file.write_text(f"{text}\naccount:\n  {account}\n")
    return dags


@pytest.fixture(scope="module")
def stack(emulator: Any, aws: Any) -> dict[str, Any]:
    return make(aws, **GIVEN)


@pytest.fixture(scope="module")
def recorded(stack: Any, emulator: Any, aws: Any, tmp_path_factory: Any) -> dict[str, list[recording.Call]]:
    """Run every DAG; return the calls of Airflow and those of the jobs."""
    folder = tmp_path_factory.mktemp("least")
    dags = project(folder, stack)
    with contextlib.suppress(aws("dynamodb").exceptions.ResourceInUseException):
        put_table(aws("dynamodb"), TABLE)
    local = start(
        folder / "data",
        "--on-exit",
        "stop",
        **emulator.client_environment,
        **recording.environment(folder / "jobs.jsonl"),
    )
    try:
        run(folder, dags, local)
    finally:
        local.end()
    return {name: recording.read(folder / f"{name}.jsonl") for name in ("airflow", "jobs")}


def run(folder: Path, dags: Path, local: Any) -> None:
    recorder = recording.environment(folder / "airflow.jsonl")
    recorder["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
    script = Path(__file__).with_name("whole_run.py")
    told, said = whole_dags.run(
        script, folder, local, seconds=SECONDS, AIRFLOW__CORE__DAGS_FOLDER=str(dags), **recorder
    )
    assert [(dag_id, state) for dag_id, state, _ in told if state != "success"] == [], (told, said[-6000:])


def statements(aws: Any, stack: dict[str, Any], of: str) -> list[dict[str, Any]]:
    """Return the statements of a role, as the stack has rendered them."""
    iam = aws("iam")
    if of == "jobs":
        role = stack["resources"]["ExecutionRole"]
        document = iam.get_role_policy(RoleName=role, PolicyName="jobs")["PolicyDocument"]
    else:
        where = stack["outputs"]["AirflowPolicyArn"]
        version = iam.get_policy(PolicyArn=where)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=where, VersionId=version)
        document = found["PolicyVersion"]["Document"]
    return list(document["Statement"])


def needed(recorded: dict[str, list[recording.Call]], of: str) -> set[Need]:
    account = policies.Account()
    needs = {need for call in recorded[of] for need in account.needs(call)}
    return {need for need in needs if of != "jobs" or need.action not in OF_SAGELOCAL}


@pytest.mark.parametrize("of", ["airflow", "jobs"])
def test_every_call_is_allowed(of, recorded, stack, aws):
    given = statements(aws, stack, of)
    refused = {
        (need.action, need.resource) for need in needed(recorded, of) if not policies.allowed(need, given)
    }
    assert sorted(refused) == []


@pytest.mark.parametrize(("of", "unseen"), [("airflow", OF_AIRFLOW_ON_AWS), ("jobs", OF_JOBS_ON_AWS)])
def test_nothing_is_allowed_that_nothing_needs(of, unseen, recorded, stack, aws):
    seen = {need.action for need in needed(recorded, of)}
    given = policies.actions(statements(aws, stack, of))
    assert sorted(given - seen - set(unseen)) == []
    assert sorted(set(unseen) - given) == []  # no reason for what is not allowed anyway
    assert sorted(set(unseen) & seen) == []  # nor for what was seen


def test_what_is_not_marked_may_be_neither_made_nor_changed(stack, aws):
    given = statements(aws, stack, "airflow")
    somebodys = policies.arn("sagemaker", "endpoint/somebody-elses")
    marked = {f"aws:ResourceTag/{policies.MARK}": "iris"}
    for action in ("DeleteEndpoint", "UpdateEndpoint", "InvokeEndpoint", "AddTags", "DeleteTags"):
        need = Need(action=f"sagemaker:{action}", resource=somebodys)
        assert not policies.allowed(need, given), action
        assert policies.allowed(Need(action=need.action, resource=somebodys, context=marked), given), action
    assert not policies.allowed(Need(action="sagemaker:CreateEndpoint", resource=somebodys), given)


def test_no_other_role_may_be_passed_nor_this_one_to_another_service(stack, aws):
    given, role = statements(aws, stack, "airflow"), stack["outputs"]["Role"]
    to = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    assert policies.allowed(Need(action="iam:PassRole", resource=role, context=to), given)
    other = Need(action="iam:PassRole", resource=f"{role}-admin", context=to)
    assert not policies.allowed(other, given)
    lambdas = {"iam:PassedToService": "lambda.amazonaws.com"}
    assert not policies.allowed(Need(action="iam:PassRole", resource=role, context=lambdas), given)
