"""Training under other settings: without isolation, with the nearest version, with a short grace."""

import contextlib

import pytest
from tests.integration import training_jobs as jobs

from sagelocal.jobs import transitions

SCRIPT = """
import json, os, sys
print(os.environ["SM_MODEL_DIR"], os.getcwd(), sys.argv[1:])
open(os.path.join(os.environ["SM_MODEL_DIR"], "m"), "w").write("m")
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
UNTIL_TOLD = """
import os, time
import boto3
s3 = boto3.client("s3")
print("waits", flush=True)
told = {"Bucket": "training-tests", "Prefix": "go/" + os.environ["TRAINING_JOB_NAME"]}
while not s3.list_objects_v2(**told)["KeyCount"]:
    time.sleep(0.05)
"""


@pytest.fixture
def world(serve, sagelocal_service, tmp_path):
    """Start a service of the test's own with these settings, on the shared emulator and environments."""
    data = tmp_path / "data"
    data.mkdir()
    shared = sagelocal_service.data_dir / "envs"
    shared.mkdir(exist_ok=True)
    (data / "envs").symlink_to(shared)
    s3, logs = sagelocal_service.client("s3"), sagelocal_service.client("logs")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=jobs.BUCKET)

    def begin(**environ):
        return serve(data_dir=data, **sagelocal_service.addresses, **environ).client("sagemaker"), s3, logs

    return begin


def test_without_isolation_paths_are_relocated_and_the_log_says_so(world, tmp_path):
    sagemaker, s3, logs = world(SAGELOCAL_ISOLATION="none")
    name = jobs.unique("bare")
    request = jobs.request(s3, name, {"t.py": SCRIPT}, hyperparameters={"a": "1"})
    sagemaker.create_training_job(**request)
    job = jobs.wait(sagemaker, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = jobs.log_lines(logs, name)
    root = tmp_path / "data" / "jobs" / "training-job" / name / "ml"
    assert any("Not isolated" in line and str(root) in line for line in lines)
    assert f"{root}/model {root}/code ['-a', '1']" in lines
    assert jobs.archive_names(s3, job["ModelArtifacts"]["S3ModelArtifacts"]) == ["m"]


def test_without_isolation_a_command_finds_its_paths(world):
    sagemaker, s3, _ = world(SAGELOCAL_ISOLATION="none")
    name = jobs.unique("bare")
    algorithm = {
        "ContainerEntrypoint": ["/bin/sh"],
        "ContainerArguments": ["-c", "cp /opt/ml/input/config/resourceconfig.json /opt/ml/model/config"],
    }
    sagemaker.create_training_job(**jobs.request(s3, name, {}, algorithm=algorithm))
    job = jobs.wait(sagemaker, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert jobs.archive_names(s3, job["ModelArtifacts"]["S3ModelArtifacts"]) == ["config"]


def test_a_version_that_cannot_be_had_is_refused_at_once(world):
    sagemaker, s3, _ = world()
    request = jobs.request(s3, "old", {}, algorithm={"TrainingImage": jobs.IMAGE.format("0.23-1")})
    with pytest.raises(sagemaker.exceptions.ClientError, match="nearest that works is 1"):
        sagemaker.create_training_job(**request)


def test_the_nearest_version_is_used_when_allowed_and_recorded(world):
    sagemaker, s3, logs = world(SAGELOCAL_IMAGE_POLICY="nearest")
    name = jobs.unique("nearest")
    script = "import sklearn; print('runs', sklearn.__version__)"
    image = jobs.IMAGE.format("0.23-1")
    sagemaker.create_training_job(
        **jobs.request(s3, name, {"t.py": script}, algorithm={"TrainingImage": image})
    )
    job = jobs.wait(sagemaker, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    used = next(x for x in jobs.log_lines(logs, name) if x.startswith("runs")).removeprefix("runs ")
    words = [step["StatusMessage"] for step in job["SecondaryStatusTransitions"]]
    assert any("scikit-learn 0.23.2" in word and used in word for word in words)


def test_a_script_that_ignores_its_signal_is_killed_after_the_grace(world):
    sagemaker, s3, logs = world(SAGELOCAL_STOP_GRACE_SECONDS="1")
    name = jobs.unique("deaf")
    sagemaker.create_training_job(**jobs.request(s3, name, {"t.py": DEAF}))
    jobs.wait_for_line(logs, name, "deaf")
    sagemaker.stop_training_job(TrainingJobName=name)
    assert jobs.wait(sagemaker, name)["TrainingJobStatus"] == "Stopped"


def test_a_job_that_waits_for_room_says_so_and_runs_in_its_turn(world):
    sagemaker, s3, logs = world(SAGELOCAL_MAX_RUNNING_JOBS="1")
    first, second, third = (jobs.unique("queue") for _ in range(3))
    sagemaker.create_training_job(**jobs.request(s3, first, {"t.py": UNTIL_TOLD}))
    jobs.wait_for_line(logs, first, "waits")
    for name in (second, third):
        sagemaker.create_training_job(**jobs.request(s3, name, {"t.py": "print('ran')"}))
    waiting = jobs.wait(sagemaker, second, until={"Pending"})
    assert (waiting["TrainingJobStatus"], "TrainingStartTime" in waiting) == ("InProgress", False)
    assert waiting["SecondaryStatusTransitions"][-1]["StatusMessage"] == transitions.MESSAGES["Pending"]
    jobs.wait(sagemaker, third, until={"Pending"})

    sagemaker.stop_training_job(TrainingJobName=third)
    stopped = jobs.wait(sagemaker, third)
    assert (stopped["TrainingJobStatus"], "TrainingStartTime" in stopped) == ("Stopped", False)

    s3.put_object(Bucket=jobs.BUCKET, Key=f"go/{first}", Body=b"")
    done = jobs.wait(sagemaker, second)
    assert [step["Status"] for step in done["SecondaryStatusTransitions"]] == [
        *("Starting", "Pending", "Downloading", "Training", "Uploading", "Completed")
    ]
    assert done["TrainingStartTime"] >= jobs.wait(sagemaker, first)["TrainingEndTime"]
