"""The service and the emulator of the integration tests, and jobs that may take as long as a download."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration import training_jobs
from tests.integration.conftest import aws, emulator, sagelocal_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["aws", "emulator", "sagelocal_service"]

ACCOUNT = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
SECONDS = 1800
"""For one job: its environment may have to be downloaded first."""


def until(describe: Callable[[], dict[str, Any]], status: str, over: set[str]) -> dict[str, Any]:
    """Describe something until its status is one of `over`."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = describe()
        if found[status] in over:
            return found
        time.sleep(0.2)
    raise AssertionError(f"still {found[status]} after {SECONDS} s")


@pytest.fixture(scope="session")
def s3(aws):
    """Give S3 with the tests' bucket."""
    client = aws("s3")
    client.create_bucket(Bucket=training_jobs.BUCKET)
    return client


@pytest.fixture
def train(aws, s3) -> Callable[..., dict[str, Any]]:
    """Train a script in an image; return the description of the job."""

    def train(image: str, script: str, hosts: int = 1, **hyperparameters: str) -> dict[str, Any]:
        name = training_jobs.unique("framework")
        asked = training_jobs.request(
            s3,
            name,
            {"train.py": script},
            algorithm={"TrainingImage": f"{ACCOUNT}/{image}"},
            hyperparameters=hyperparameters,
            StoppingCondition={"MaxRuntimeInSeconds": SECONDS},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 10},
        )
        client = aws("sagemaker")
        client.create_training_job(**asked)
        return until(
            lambda: client.describe_training_job(TrainingJobName=name),
            "TrainingJobStatus",
            training_jobs.OVER,
        )

    return train


@pytest.fixture
def serve(aws) -> Iterator[Callable[[str, str], Callable[..., tuple[str, str]]]]:
    """Deploy an artifact in an image; return what invokes the endpoint."""
    client, made = aws("sagemaker"), []

    def serve(image: str, artifact: str) -> Callable[..., tuple[str, str]]:
        name = f"framework-{uuid.uuid4().hex[:8]}"
        made.append(name)
        container = {
            "Image": f"{ACCOUNT}/{image}",
            "ModelDataUrl": artifact,
        }
        client.create_model(ModelName=name, ExecutionRoleArn=training_jobs.ROLE, PrimaryContainer=container)
        variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large"}
        client.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        found = until(
            lambda: client.describe_endpoint(EndpointName=name), "EndpointStatus", {"InService", "Failed"}
        )
        assert found["EndpointStatus"] == "InService", found.get("FailureReason")

        def invoke(body: str | bytes, kind: str, accept: str = "application/json") -> tuple[str, str]:
            answer = aws("sagemaker-runtime").invoke_endpoint(
                EndpointName=name, Body=body, ContentType=kind, Accept=accept
            )
            return answer["Body"].read().decode(), answer["ContentType"]

        return invoke

    yield serve
    for name in made:
        client.delete_endpoint(EndpointName=name)
