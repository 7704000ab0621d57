"""Jobs that have ended are deleted, entry and folder, and their names are free again; their outputs stay."""

from __future__ import annotations

import contextlib
import time

import pytest
from botocore.exceptions import ClientError
from tests.integration import training_jobs as jobs
from tests.integration.operators.outcomes import tuning
from tests.integration.operators.test_others import processing

SAYS = "import sys\nprint('score=1;')\n"
LONG = "import time\ntime.sleep(3600)\n"


@pytest.fixture(scope="module")
def s3(aws):
    client = aws("s3")
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=jobs.BUCKET)
    return client


@pytest.fixture
def sagemaker(aws):
    return aws("sagemaker")


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def until(look):
    """Return what a look finds, once it finds something."""
    deadline = time.monotonic() + jobs.SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
    return found


def test_a_training_job_that_has_ended_is_deleted_and_its_name_is_free(s3, sagemaker, sagelocal_service):
    name = jobs.unique("gone")
    job = {"TrainingJobName": name}
    sagemaker.create_training_job(**jobs.request(s3, name, {"train.py": LONG}))
    code, words = refusal(sagemaker.delete_training_job, **job)
    assert (code, "only a job that has ended can be deleted" in words) == ("ResourceInUse", True)
    sagemaker.stop_training_job(**job)
    jobs.wait(sagemaker, name)

    sagemaker.delete_training_job(**job)

    assert "not found" in refusal(sagemaker.describe_training_job, **job)[1]
    assert refusal(sagemaker.delete_training_job, **job)[0] == "ResourceNotFound"
    assert not (sagelocal_service.data_dir / "jobs" / "training-job" / name).exists()
    sagemaker.create_training_job(**jobs.request(s3, name, {"train.py": SAYS}))
    assert jobs.wait(sagemaker, name)["TrainingJobStatus"] == "Completed"


def test_a_warm_pool_keeps_its_job(s3, sagemaker):
    name = jobs.unique("warm")
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    resources["KeepAlivePeriodInSeconds"] = 600
    request = jobs.request(s3, name, {"train.py": SAYS}, ResourceConfig=resources)
    sagemaker.create_training_job(**request)
    jobs.wait(sagemaker, name)
    code, words = refusal(sagemaker.delete_training_job, TrainingJobName=name)
    assert (code, "warm pool" in words) == ("ResourceInUse", True)
    sagemaker.update_training_job(TrainingJobName=name, ResourceConfig={"KeepAlivePeriodInSeconds": 0})
    sagemaker.delete_training_job(TrainingJobName=name)


def test_a_processing_job_is_deleted(s3, sagemaker):
    name = jobs.unique("gone")
    sagemaker.create_processing_job(**processing(s3, name, SAYS))
    waiter = sagemaker.get_waiter("processing_job_completed_or_stopped")
    waiter.wait(ProcessingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": jobs.SECONDS})
    sagemaker.delete_processing_job(ProcessingJobName=name)
    assert not sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]


def test_a_tuning_job_is_deleted_and_its_training_jobs_stay(s3, sagemaker):
    name = jobs.unique("tuned")
    whole = {"HyperParameterTuningJobName": name}
    sagemaker.create_hyper_parameter_tuning_job(**tuning(s3, name, SAYS))
    assert refusal(sagemaker.delete_hyper_parameter_tuning_job, **whole)[0] == "ValidationException"
    list_children = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job
    child = until(lambda: list_children(**whole)["TrainingJobSummaries"])[0]["TrainingJobName"]
    jobs.wait(sagemaker, child)
    code, words = refusal(sagemaker.delete_training_job, TrainingJobName=child)
    assert (code, "lists it" in words) == ("ResourceInUse", True)
    describe = sagemaker.describe_hyper_parameter_tuning_job
    until(lambda: describe(**whole)["HyperParameterTuningJobStatus"] in jobs.OVER)

    sagemaker.delete_hyper_parameter_tuning_job(**whole)

    assert refusal(sagemaker.describe_hyper_parameter_tuning_job, **whole)
    assert sagemaker.describe_training_job(TrainingJobName=child)["TrainingJobStatus"] == "Completed"
    sagemaker.delete_training_job(TrainingJobName=child)
