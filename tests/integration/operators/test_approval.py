"""An approval given elsewhere, with boto3, reaches the task that waits for it in the triggerer."""

import asyncio
import contextlib

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.integration import training_jobs

from sagewind.operators.sagemaker import SageMakerModelApprovalSensor

CONTAINER = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/any:1", "ModelDataUrl": "s3://b/m.tar.gz"}


@pytest.fixture
def version(aws):
    """A version that waits for its approval."""
    sagemaker = aws("sagemaker")
    group = training_jobs.unique("approval")
    with contextlib.suppress(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_model_package_group(ModelPackageGroupName=group)
    return sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [CONTAINER],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]


def sensor(arn, timeout=60):
    return lambda: SageMakerModelApprovalSensor(
        task_id="answered", model_package_arn=arn, poke_interval=0.1, timeout=timeout
    )


@pytest.mark.parametrize(("status", "answer"), [("Approved", "Approve"), ("Rejected", "Reject")])
def test_an_answer_given_elsewhere_ends_the_wait(attempt, aws, version, status, answer):
    waiting = attempt(sensor(version))
    deferred = waiting.start()
    assert isinstance(deferred, TaskDeferred)

    async def both():
        event = asyncio.create_task(waiting.event(deferred))
        await asyncio.sleep(0.3)
        assert not event.done()
        await asyncio.to_thread(
            aws("sagemaker").update_model_package, ModelPackageArn=version, ModelApprovalStatus=status
        )
        return await event

    assert waiting.resume(deferred, asyncio.run(both())) == answer
    assert attempt(sensor(version)).start() == answer  # known already: no wait at all


def test_no_answer_in_time_is_a_rejection(attempt, version):
    waiting = attempt(sensor(version, timeout=0.2))
    assert waiting.finish(waiting.start()) == "Reject"
