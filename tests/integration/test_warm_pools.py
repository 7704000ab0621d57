"""Managed warm pools as a client sees them: kept after a job, taken over by the next, let go of."""

import contextlib

import pytest
from tests.integration import training_jobs as jobs

SCRIPT = "import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('m')"
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 7}


@pytest.fixture
def train(aws):
    s3, sagemaker = aws("s3"), aws("sagemaker")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=jobs.BUCKET)

    def run(seconds):
        name = jobs.unique("pool")
        resources = RESOURCES | {"KeepAlivePeriodInSeconds": seconds}
        asked = jobs.request(s3, name, {"t.py": SCRIPT}, ResourceConfig=resources)
        sagemaker.create_training_job(**asked)
        started = sagemaker.describe_training_job(TrainingJobName=name)
        jobs.wait(sagemaker, name)
        return name, started["WarmPoolStatus"]["Status"]

    return run


def test_a_pool_is_kept_taken_over_and_let_go_of(aws, train):
    sagemaker = aws("sagemaker")

    def status(name):
        return sagemaker.describe_training_job(TrainingJobName=name)["WarmPoolStatus"]

    first, at_start = train(600)
    assert at_start == "InUse"
    assert status(first)["Status"] == "Available"
    listed = sagemaker.list_training_jobs(WarmPoolStatusEquals="Available", NameContains=first)
    assert [each["TrainingJobName"] for each in listed["TrainingJobSummaries"]] == [first]

    second, _ = train(600)
    assert (status(first)["Status"], status(first)["ReusedByJob"]) == ("Reused", second)
    assert status(second)["Status"] == "Available"

    sagemaker.update_training_job(TrainingJobName=second, ResourceConfig={"KeepAlivePeriodInSeconds": 0})
    assert status(second)["Status"] == "Terminated"
    with pytest.raises(sagemaker.exceptions.ClientError, match="has no warm pool"):
        sagemaker.update_training_job(TrainingJobName=first, ResourceConfig={"KeepAlivePeriodInSeconds": 9})
