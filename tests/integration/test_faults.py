"""Faults on demand, on the real service, with the fixtures that we ship."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from tests.integration import served_models, training_jobs

from sagelocal.faults import FaultError

pytest_plugins = ["sagelocal.testing"]

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "faults.md"
ONCE = Config(retries={"total_max_attempts": 1})
QUICK = "print('hello from the script')\n"
SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
}
AT_FIRST_SLOW = """
import os, time
path = "/opt/ml/checkpoints/seen"
if not os.path.exists(path):
    open(path, "w").close()
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def sagemaker(sagelocal):
    sagelocal.client("s3").create_bucket(Bucket=training_jobs.BUCKET)
    return sagelocal.client("sagemaker", config=ONCE)


@pytest.fixture
def train(sagelocal, sagemaker):
    """Create a training job, and return its name."""

    def train(script=QUICK, **changes):
        name = training_jobs.unique("fault")
        request = training_jobs.request(sagelocal.client("s3"), name, {"train.py": script}, **changes)
        sagemaker.create_training_job(**request)
        return name

    return train


def test_without_a_plan_nothing_goes_wrong(faults, sagemaker, train):
    assert faults.left() == []
    assert training_jobs.wait(sagemaker, train())["TrainingJobStatus"] == "Completed"


def test_a_job_without_capacity_fails_as_on_aws_and_the_next_does_not(faults, sagemaker, train):
    faults.capacity()
    failed = training_jobs.wait(sagemaker, train())
    assert failed["TrainingJobStatus"] == failed["SecondaryStatus"] == "Failed"
    assert failed["FailureReason"].startswith("CapacityError: Unable to provision")
    assert "TrainingStartTime" not in failed
    assert training_jobs.wait(sagemaker, train())["TrainingJobStatus"] == "Completed"


def test_a_quota_refuses_the_call(faults, sagemaker, train):
    faults.limit()
    with pytest.raises(ClientError) as refused:
        train()
    assert refused.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    assert sagemaker.list_training_jobs(NameContains="nothing")["TrainingJobSummaries"] == []


def test_boto3_rides_out_throttling_and_server_errors(faults, sagelocal):
    faults.throttle("ListModels", times=2)
    faults.error("ListModels", status=502)
    patient = sagelocal.client(
        "sagemaker", config=Config(retries={"mode": "standard", "total_max_attempts": 5})
    )
    answer = patient.list_models()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 3
    assert faults.left() == []


def test_a_lost_reply_leaves_the_job_created(faults, sagemaker, train):
    faults.lost_reply()
    before = {each["TrainingJobName"] for each in sagemaker.list_training_jobs()["TrainingJobSummaries"]}
    with pytest.raises(ConnectionClosedError):
        train()
    after = {each["TrainingJobName"] for each in sagemaker.list_training_jobs()["TrainingJobSummaries"]}
    (created,) = after - before
    assert training_jobs.wait(sagemaker, created)["TrainingJobStatus"] == "Completed"


def test_a_spot_job_is_interrupted_and_goes_on(faults, sagemaker, train):
    faults.interrupt(seconds=1)
    checkpoints = {"S3Uri": f"s3://{training_jobs.BUCKET}/{training_jobs.unique('checkpoints')}/"}
    name = train(AT_FIRST_SLOW, CheckpointConfig=checkpoints, **SPOT)
    found = training_jobs.wait(sagemaker, name)
    assert found["TrainingJobStatus"] == "Completed"
    assert "Interrupted" in [each["Status"] for each in found["SecondaryStatusTransitions"]]


def test_logs_come_late_with_their_true_times(faults, sagelocal, sagemaker, train):
    faults.delay_logs(seconds=3)
    name = train()
    ended = training_jobs.wait(sagemaker, name)["TrainingEndTime"].timestamp()
    logs = sagelocal.client("logs")
    assert _lines(logs, name) == []
    end = time.monotonic() + training_jobs.SECONDS
    while not (found := [each for each in _lines(logs, name) if "hello from" in each["message"]]):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert found[0]["timestamp"] / 1000 < ended


def test_an_endpoint_whose_ping_fails_fails_and_an_update_rolls_back(faults, sagelocal, sagemaker):
    served_models.make_bucket(sagelocal.client("s3"))
    config = served_models.make_config(sagelocal.client)
    good, bad = served_models.unique("good"), served_models.unique("bad")
    faults.ping(bad)
    for name in (good, bad):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    failed = served_models.wait(sagelocal.client, bad)
    assert failed["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in failed["FailureReason"]
    assert served_models.wait(sagelocal.client, good)["EndpointStatus"] == "InService"
    faults.ping(good)
    sagemaker.update_endpoint(
        EndpointName=good, EndpointConfigName=served_models.make_config(sagelocal.client)
    )
    kept = served_models.wait(sagelocal.client, good)
    assert (kept["EndpointStatus"], kept["EndpointConfigName"]) == ("InService", config)
    assert "ping health check" in kept["FailureReason"]


def test_a_plan_that_cannot_be_is_refused(faults):
    with pytest.raises(FaultError, match="no operation of SageMaker"):
        faults.throttle("CreateTrainingJobs")
    assert faults.left() == []


def _lines(logs, name):
    group = "/aws/sagemaker/TrainingJobs"
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [
        event
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]


def test_the_tests_on_the_page_about_faults_run(tmp_path):
    conftest, tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_page.py").write_text(tests)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in ran.stdout, ran.stdout
