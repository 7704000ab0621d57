"""Every kind of job, killed at every step: a true end, the code run once at most, no process left behind.

The steps are the files by which the service and a supervisor tell each other how far a job is.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from tests.integration import served_models as models
from tests.integration import training_jobs as jobs

SCRIPT = """
import os, time
import boto3
key = f"runs/{os.environ['NAME']}/{time.time_ns()}"
boto3.client("s3").put_object(Bucket="training-tests", Key=key, Body=b"")
"""
SECONDS = 120
KEYS = {
    "training-job": ("describe_training_job", "TrainingJobName", "TrainingJobStatus"),
    "processing-job": ("describe_processing_job", "ProcessingJobName", "ProcessingJobStatus"),
    "transform-job": ("describe_transform_job", "TransformJobName", "TransformJobStatus"),
}


class World:
    """Lives of a service on one data directory, and jobs of every kind."""

    def __init__(self, begin, emulated):
        self._begin = begin
        self._emulated = emulated
        self.s3 = emulated.client("s3")
        for bucket in (jobs.BUCKET, models.BUCKET):
            with contextlib.suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
                self.s3.create_bucket(Bucket=bucket)
        self.service = begin()
        self._model = models.make_model(self.client)

    def client(self, name):
        return (self.service if name.startswith("sagemaker") else self._emulated).client(name)

    def restart(self):
        self.service.kill()
        self.service = self._begin()

    def folder(self, kind, name):
        return self.service.data_dir / "jobs" / kind / name

    def create(self, kind):
        """Create a job and return its name."""
        name = jobs.unique("walk")
        sagemaker = self.client("sagemaker")
        if kind == "training-job":
            asked = jobs.request(self.s3, name, {"t.py": SCRIPT}, Environment={"NAME": name})
            sagemaker.create_training_job(**asked)
        elif kind == "processing-job":
            sagemaker.create_processing_job(**self._processing(name))
        else:
            sagemaker.create_transform_job(**self._transform(name))
        return name

    def _processing(self, name):
        self.s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/t.py", Body=SCRIPT.encode())
        place = {"S3Uri": f"s3://{jobs.BUCKET}/{name}/t.py", "LocalPath": "/opt/ml/processing/input/code"}
        return {
            "ProcessingJobName": name,
            "RoleArn": jobs.ROLE,
            "AppSpecification": {
                "ImageUri": jobs.IMAGE.format("1.9-0"),
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/t.py"],
            },
            "Environment": {"NAME": name},
            "ProcessingInputs": [
                {"InputName": "c", "S3Input": {**place, "S3DataType": "S3Prefix", "S3InputMode": "File"}}
            ],
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
        }

    def _transform(self, name):
        self.s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/in/a.csv", Body=models.CSV)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.BUCKET}/{name}/in/"}
        return {
            "TransformJobName": name,
            "ModelName": self._model,
            "TransformInput": {
                "DataSource": {"S3DataSource": source},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": f"s3://{jobs.BUCKET}/{name}/out", "Accept": "text/csv"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }

    def has_reached(self, kind, name, step):
        path = self.folder(kind, name) / step
        return path.exists() and (step != "pid" or path.read_text() != "")

    def end(self, kind, name):
        """Wait for the end; return the status and the reason, when all that must hold at an end does."""
        describe, key, status = KEYS[kind]
        sagemaker = self.client("sagemaker")
        found = {}

        def is_over():
            found.update(getattr(sagemaker, describe)(**{key: name}))
            return found[status] in jobs.OVER

        _until(is_over)
        _until(lambda: not _containers(name))
        runs = self.s3.list_objects_v2(Bucket=jobs.BUCKET, Prefix=f"runs/{name}/")["KeyCount"]
        completed = found[status] == "Completed"
        assert runs == (kind != "transform-job") if completed else runs <= 1
        return found[status], found.get("FailureReason", "")


@pytest.fixture
def world(serve, sagelocal_service, tmp_path):
    """Give a service of the test's own on the shared emulator."""

    def begin():
        return serve(
            data_dir=tmp_path / "data", SAGELOCAL_MAX_RUNNING_JOBS="3", **sagelocal_service.addresses
        )

    return World(begin, sagelocal_service)


@pytest.mark.parametrize("step", ["job.json", "started", "exit.json"])
def test_the_service_is_killed_at_a_step_of_every_kind(world, step):
    names = {kind: world.create(kind) for kind in KEYS}
    _until(lambda: all(world.has_reached(kind, name, step) for kind, name in names.items()), pause=0.001)
    world.restart()
    ends = {kind: world.end(kind, name) for kind, name in names.items()}
    assert ends == dict.fromkeys(KEYS, ("Completed", ""))


@pytest.mark.parametrize("step", ["pid", "started", "exit.json"])
def test_supervisors_are_killed_at_a_step_of_every_kind(world, step):
    names = {kind: world.create(kind) for kind in KEYS}
    alive = dict(names)
    while alive:
        for kind, name in list(alive.items()):
            if world.has_reached(kind, name, step):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int((world.folder(kind, name) / "pid").read_text()), signal.SIGKILL)
                del alive[kind]
        time.sleep(0.001)
    for kind, name in names.items():
        status, reason = world.end(kind, name)
        if step == "exit.json":
            assert status == "Completed", (kind, reason)
        else:
            assert (status, reason[:19]) == ("Failed", "InternalServerError"), kind


def _containers(name):
    """Return the processes with the job's folder on their command line: bubblewrap's."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"/{name}/ml".encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def _until(condition, pause=0.02):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(pause)
