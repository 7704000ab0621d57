"""Whatever is killed in the middle of a training job: the job gets a true end, and its script runs once."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from tests.integration import training_jobs as jobs

SCRIPT = """
import os, time
import boto3
name = os.environ["TRAINING_JOB_NAME"]
s3 = boto3.client("s3")
s3.put_object(Bucket="training-tests", Key=f"runs/{name}/{time.time_ns()}", Body=b"")
print("started", flush=True)
for _ in range(600):
    found = s3.list_objects_v2(Bucket="training-tests", Prefix=f"go/{name}")
    if found.get("KeyCount"):
        break
    time.sleep(0.1)
open(os.environ["SM_MODEL_DIR"] + "/model", "w").write("m")
"""


@pytest.fixture
def world(serve, sagelocal_service, tmp_path):
    """Give a service of the test's own on the shared emulator, with the shared environments."""
    data = tmp_path / "data"
    data.mkdir()
    shared = sagelocal_service.data_dir / "envs"
    shared.mkdir(exist_ok=True)
    (data / "envs").symlink_to(shared)
    s3 = sagelocal_service.client("s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=jobs.BUCKET)

    def begin():
        return serve(data_dir=data, **sagelocal_service.addresses)

    return begin, s3, sagelocal_service.client("logs")


def go(s3, name):
    s3.put_object(Bucket=jobs.BUCKET, Key=f"go/{name}", Body=b"")


def runs(s3, name):
    return s3.list_objects_v2(Bucket=jobs.BUCKET, Prefix=f"runs/{name}/")["KeyCount"]


def supervisor(service, name):
    return int((service.data_dir / "jobs" / "training-job" / name / "pid").read_text())


def processes_of(name):
    """Return the processes that carry the job's name in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"TRAINING_JOB_NAME={name}\0".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def wait_until_gone(name):
    deadline = time.monotonic() + jobs.SECONDS
    while processes_of(name):
        assert time.monotonic() < deadline, f"{name} left processes behind"
        time.sleep(0.05)


def start(service, s3, logs):
    name = jobs.unique("crash")
    service.client("sagemaker").create_training_job(**jobs.request(s3, name, {"t.py": SCRIPT}))
    jobs.wait_for_line(logs, name, "started")
    return name


def test_a_killed_service_loses_nothing_and_the_job_completes_once(world):
    begin, s3, logs = world
    service = begin()
    name = start(service, s3, logs)
    service.kill()
    service = begin()
    go(s3, name)
    job = jobs.wait(service.client("sagemaker"), name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert jobs.archive_names(s3, job["ModelArtifacts"]["S3ModelArtifacts"]) == ["model"]
    assert runs(s3, name) == 1
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]].count("Completed") == 1


def test_a_job_that_ends_while_the_service_is_dead_is_completed_when_it_is_back(world):
    begin, s3, logs = world
    service = begin()
    name = start(service, s3, logs)
    service.kill()
    go(s3, name)
    wait_until_gone(name)
    job = jobs.wait(begin().client("sagemaker"), name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert runs(s3, name) == 1


def test_a_killed_supervisor_fails_the_job_and_leaves_no_process(world):
    begin, s3, logs = world
    service = begin()
    name = start(service, s3, logs)
    assert processes_of(name)
    os.kill(supervisor(service, name), signal.SIGKILL)
    job = jobs.wait(service.client("sagemaker"), name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError")
    wait_until_gone(name)
    assert runs(s3, name) == 1


def test_service_and_supervisor_killed_together(world):
    begin, s3, logs = world
    service = begin()
    name = start(service, s3, logs)
    service.kill()
    os.kill(supervisor(service, name), signal.SIGKILL)
    wait_until_gone(name)
    job = jobs.wait(begin().client("sagemaker"), name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError")
    assert runs(s3, name) == 1
