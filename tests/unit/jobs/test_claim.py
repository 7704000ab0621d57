"""One job, ever: retries, crashes, lost answers, throttling, clears, clashes, edits, capacity."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.jobs.fakes import SageMaker, error

from sagewind.jobs import kinds
from sagewind.jobs.attach import Decision
from sagewind.jobs.claim import Claimer, NameTakenError, Want
from sagewind.jobs.failures import Cause
from sagewind.jobs.identity import Identity
from sagewind.jobs.service import CallError, Jobs

OWNER = Identity(dag_id="iris", run_id="manual__1", task_id="train", map_index=-1, generation=0)
REQUEST = {
    "TrainingJobName": "iris-train",
    "HyperParameters": {"n": "1"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    "OutputDataConfig": {"S3OutputPath": "s3://b/one"},
}
THROTTLED = error("ThrottlingException", "Rate exceeded")
ABSENT = error("ValidationException", "Requested resource not found.")
DENIED = error("AccessDeniedException", "not authorized", 403)


@pytest.fixture
def sagemaker():
    return SageMaker()


@pytest.fixture
def claim(sagemaker):
    def run(request=REQUEST, owner=OWNER, before=lambda _: None, **want):
        jobs = Jobs(sagemaker, kinds.TRAINING, sleep=lambda _: None)
        claimer = Claimer(jobs, told=lambda _: None, before=before)
        return claimer.claim(Want(request=request, owner=owner, **want))

    return run


def test_the_given_name_is_used_and_the_owner_is_a_tag(claim, sagemaker):
    assert (claim().name, claim().decision) == ("iris-train", Decision.ATTACH)
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.jobs["iris-train"]["Tags"]}
    assert tags["sagewind:owner"] == OWNER.key
    assert tags["sagewind:dag"] == "iris"
    assert sagemaker.made == ["iris-train"]


@pytest.mark.parametrize("status", ["InProgress", "Completed"])
def test_a_retry_takes_what_is_there(claim, sagemaker, status):
    claim()
    sagemaker.end("iris-train", status)
    assert claim().name == "iris-train"
    assert len(sagemaker.made) == 1


def test_a_lost_answer_makes_no_second_job(claim, sagemaker):
    sagemaker.lost_answers = 1
    assert claim().decision is Decision.ATTACH
    assert sagemaker.made == ["iris-train"]


def test_throttling_is_waited_out_and_makes_no_second_job(claim, sagemaker):
    sagemaker.faults = {
        method: [THROTTLED] * 15 for method in ("create_training_job", "describe_training_job")
    }
    assert claim().name == "iris-train"
    assert sagemaker.made == ["iris-train"]


def test_throttling_for_ever_ends_with_its_cause(sagemaker):
    sagemaker.faults = {"describe_training_job": [THROTTLED] * 1000}
    jobs = Jobs(sagemaker, kinds.TRAINING, sleep=lambda _: None, patience=10.0)
    with pytest.raises(CallError) as raised:
        jobs.describe("iris-train")
    assert raised.value.cause is Cause.THROTTLED


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_retry_after_a_failure_makes_another_job(claim, sagemaker, status):
    claim()
    sagemaker.end("iris-train", status, "InternalServerError: try again")
    second = claim().name
    assert second != "iris-train"
    assert claim().name == second  # and a retry of the retry finds that one
    assert sagemaker.made == ["iris-train", second]


def test_an_algorithms_error_is_reported_and_not_repeated(claim, sagemaker):
    claim()
    sagemaker.end("iris-train", "Failed", "AlgorithmError: ValueError")
    assert claim().decision is Decision.REPORT
    assert len(sagemaker.made) == 1


def test_a_clear_is_a_wish_for_a_new_job(claim, sagemaker):
    claim()
    sagemaker.end("iris-train", "Completed")
    assert claim(owner=dataclasses.replace(OWNER, generation=1)).decision is Decision.CREATE
    assert len(sagemaker.made) == 2


@pytest.mark.parametrize("remembered", [("iris-train",), ()], ids=["Airflow 3.3", "3.2"])
def test_a_clear_stops_the_job_that_was_left_behind(claim, sagemaker, remembered):
    claim()
    claim(owner=dataclasses.replace(OWNER, generation=2), remembered=remembered)
    assert sagemaker.jobs["iris-train"]["TrainingJobStatus"] == "Stopped"


def test_a_clear_is_no_clash_of_names(claim, sagemaker):
    claim(rename=False)
    sagemaker.end("iris-train", "Completed")
    again = claim(owner=dataclasses.replace(OWNER, generation=1), rename=False)
    assert again.decision is Decision.CREATE
    assert sagemaker.made == ["iris-train", again.name]


def test_another_runs_job_of_the_same_name_is_left_alone(claim, sagemaker):
    claim()
    other = dataclasses.replace(OWNER, run_id="manual__2")
    assert claim(owner=other).name.startswith("iris-train-")
    assert sagemaker.jobs["iris-train"]["TrainingJobStatus"] == "InProgress"
    with pytest.raises(NameTakenError, match="iris-train already exists"):
        claim(owner=dataclasses.replace(OWNER, run_id="manual__3"), rename=False)


def test_a_name_that_changes_with_the_try_still_finds_its_job(claim, sagemaker):
    claim()
    renamed = {**REQUEST, "TrainingJobName": "iris-train-try-2"}
    assert claim(renamed, remembered=("iris-train",)).name == "iris-train"
    assert len(sagemaker.made) == 1


def test_a_name_that_changes_with_the_try_still_finds_what_a_clear_left_behind(claim, sagemaker):
    claim()
    renamed = {**REQUEST, "TrainingJobName": "iris-train-try-2"}
    claim(renamed, owner=dataclasses.replace(OWNER, generation=1), remembered=("iris-train",))
    assert sagemaker.jobs["iris-train"]["TrainingJobStatus"] == "Stopped"
    assert sagemaker.made == ["iris-train", "iris-train-try-2"]


def test_a_name_that_another_was_faster_to_take_is_left_alone_by_the_retry(claim, sagemaker):
    claim(owner=dataclasses.replace(OWNER, map_index=0))
    sagemaker.faults["describe_training_job"] = [ABSENT]  # as it was just before the other's Create
    asked = []
    slower = dataclasses.replace(OWNER, map_index=1)
    second = claim(owner=slower, before=asked.append).name
    assert asked == ["iris-train", second]
    sagemaker.end(second, "Failed", "InternalServerError: try again")
    third = claim(owner=slower, remembered=tuple(asked)).name
    assert sagemaker.jobs["iris-train"]["TrainingJobStatus"] == "InProgress"
    assert sagemaker.made == ["iris-train", second, third]


def test_an_edited_request_stops_the_outdated_job(claim, sagemaker):
    claim()
    claim({**REQUEST, "HyperParameters": {"n": "2"}})
    first, second = sagemaker.made
    assert sagemaker.jobs[first]["TrainingJobStatus"] == "Stopped"
    assert sagemaker.jobs[second]["TrainingJobStatus"] == "InProgress"


def test_capacity_is_looked_for_in_the_next_instance_type(claim, sagemaker):
    types = ("ml.m5.large", "ml.m5.xlarge")
    claim(instance_types=types)
    sagemaker.end("iris-train", "Failed", "CapacityError: Unable to provision requested ML compute capacity.")
    second = claim(instance_types=types).name
    assert sagemaker.jobs[second]["ResourceConfig"]["InstanceType"] == "ml.m5.xlarge"
    assert claim(instance_types=types).name == second


def test_a_quota_of_one_type_leads_to_the_next(claim, sagemaker):
    message = "service limit 'ml.m5.large' is 0 Instances, with current utilization of 0 Instances"
    sagemaker.faults["create_training_job"] = [error("ResourceLimitExceeded", message)]
    name = claim(instance_types=("ml.m5.large", "ml.m5.xlarge")).name
    assert sagemaker.jobs[name]["ResourceConfig"]["InstanceType"] == "ml.m5.xlarge"


def test_a_finished_identical_job_is_reused_whoever_made_it_and_wherever_it_wrote(claim, sagemaker):
    first = claim(manifest="data-1").name
    sagemaker.end(first, "Completed")
    other = dataclasses.replace(OWNER, run_id="manual__2")
    elsewhere = {**REQUEST, "OutputDataConfig": {"S3OutputPath": "s3://b/two"}}
    reused = claim(elsewhere, owner=other, manifest="data-1")
    assert (reused.name, reused.reused) == (first, True)
    assert claim(elsewhere, owner=other, manifest="data-2").reused is False  # other data
    assert claim(elsewhere, owner=dataclasses.replace(other, run_id="3")).reused is False  # not wished


def test_when_tags_may_not_be_read_no_job_counts_as_ours(claim, sagemaker):
    claim()
    sagemaker.faults["list_tags"] = [DENIED]
    assert claim().name != "iris-train"


def test_when_tags_may_not_be_read_no_job_is_stopped(claim, sagemaker):
    claim(owner=dataclasses.replace(OWNER, run_id="manual__2"))
    sagemaker.faults["list_tags"] = [DENIED] * 2
    assert claim(remembered=("iris-train",)).decision is Decision.CREATE
    assert sagemaker.jobs["iris-train"]["TrainingJobStatus"] == "InProgress"
