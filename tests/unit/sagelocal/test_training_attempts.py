"""A training job tries again after errors of the platform and after interruptions, not after its own."""

import pytest

from sagelocal.jobs import cluster, metrics, training
from sagelocal.jobs import plan as planning
from sagelocal.jobs.folder import JobFolder
from sagelocal.jobs.preparation import JobFailedError
from sagelocal.jobs.status import JobStatus
from sagelocal.jobs.store import Store
from sagelocal.jobs.supervisor import Job
from sagelocal.logs import MemoryLogs
from sagelocal.storage import DirectoryStorage

BODY = {
    "TrainingJobName": "j",
    "TrainingJobArn": "arn:j",
    "TrainingJobStatus": "InProgress",
    "SecondaryStatus": "Starting",
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "RetryStrategy": {"MaximumRetryAttempts": 2},
}
DONE = training.End(status=JobStatus.COMPLETED, secondary="Completed")
INTERNAL = JobFailedError("InternalServerError: S3 does not answer")


class Scripted(training.Training):
    """A training job whose attempts end as they are told to."""

    endings: list

    def _attempt(self):
        ending = self.endings.pop(0)
        if isinstance(ending, Exception):
            raise ending
        return ending if isinstance(ending, training.End) else self._end(ending, None)


@pytest.fixture
def attempt(tmp_path):
    """Run a job whose attempts end so, and return its body and the statuses that it went through."""
    store = Store(tmp_path / "state.db")

    def run(*endings, **members):
        store.create("training-job", "j", "arn:j", {**BODY, **members})
        folder = JobFolder(tmp_path / "job")
        folder.root.mkdir()
        job = Job(
            folder=folder,
            kind="training-job",
            name="j",
            settings={"data_dir": str(tmp_path), "cache_dir": str(tmp_path), "region": "us-east-1"},
            body=BODY,
            store=store,
            environ={},
        )
        services = training.Services(
            storage=DirectoryStorage(tmp_path), sink=lambda _: MemoryLogs(), metrics=metrics.MemoryMetrics()
        )
        scripted = Scripted(job, planning.training(BODY, region="us-east-1"), services)
        scripted.endings = list(endings)
        scripted.run()
        body = store.get("training-job", "j").body
        return body, [step["Status"] for step in body["SecondaryStatusTransitions"]]

    yield run
    store.close()


def test_an_error_of_the_platform_is_tried_again(attempt):
    body, steps = attempt(INTERNAL, DONE)
    assert body["TrainingJobStatus"] == "Completed"
    assert steps == ["Downloading", "Restarting", "Downloading", "Completed"]


def test_so_is_one_that_the_data_of_a_pipe_met_while_the_script_ran(attempt):
    fault = "InternalServerError: Pipe mode, channel 'train': s3://b/x: no answer"
    body, steps = attempt(cluster.Outcome(ends=[], fault=fault), DONE)
    assert (body["TrainingJobStatus"], steps.count("Restarting")) == ("Completed", 1)


def test_only_as_often_as_the_retry_strategy_says(attempt):
    body, steps = attempt(INTERNAL, INTERNAL, INTERNAL)
    assert body["TrainingJobStatus"] == "Failed"
    assert body["FailureReason"] == str(INTERNAL)
    assert steps.count("Restarting") == 2


def test_the_users_own_error_is_not_tried_again(attempt):
    body, steps = attempt(JobFailedError("AlgorithmError: bad"))
    assert (body["FailureReason"], steps) == ("AlgorithmError: bad", ["Downloading", "Failed"])


def test_interruptions_are_no_errors(attempt):
    interrupted = training.InterruptedAttemptError()
    body, steps = attempt(interrupted, interrupted, interrupted, DONE)
    assert body["TrainingJobStatus"] == "Completed"
    assert steps.count("Interrupted") == 3


def test_a_job_that_is_being_stopped_does_not_begin_to_download(attempt):
    body, steps = attempt(training.StoppedError(), TrainingJobStatus="Stopping")
    assert (body["TrainingJobStatus"], steps) == ("Stopped", ["Stopped"])


def test_a_stop_before_the_start_is_an_end(attempt):
    body, _ = attempt(training.StoppedError())
    assert (body["TrainingJobStatus"], "ModelArtifacts" in body) == ("Stopped", False)
