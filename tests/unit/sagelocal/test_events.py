"""What EventBridge is told of a change of status, beside the examples of SageMaker's documentation."""

import pytest

from sagelocal import events
from sagelocal.jobs import changes

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
EXECUTION = f"{ARN}:pipeline/p/execution/abc"
STEP = {"StepName": "Train", "StepType": "Training", "StartTime": 1_800_000_000.0}


def told(kind, name, body, before=None, tags=None):
    change = changes.Change(
        number=1,
        kind=kind,
        name=name,
        arn=EXECUTION if kind == "pipeline-execution" else f"{ARN}:{kind}/{name}",
        before=changes.state(kind, before) if before else {},
        after=changes.state(kind, body),
        body=body,
        moment=1_800_000_010.0,
    )
    return events.of(change, tags or {})


@pytest.mark.parametrize(
    ("kind", "noun", "words"),
    [
        ("training-job", "TrainingJob", "Training Job"),
        ("processing-job", "ProcessingJob", "Processing Job"),
        ("transform-job", "TransformJob", "Transform Job"),
        ("hyper-parameter-tuning-job", "HyperParameterTuningJob", "HyperParameter Tuning Job"),
    ],
)
def test_a_job_is_told_with_its_reason_its_times_in_milliseconds_and_its_tags(kind, noun, words):
    body = {
        f"{noun}Name": "j",
        f"{noun}Status": "Failed",
        "FailureReason": "AlgorithmError: 7",
        "CreationTime": 1_800_000_000.5,
        "Environment": {"PASSWORD": "secret"} if kind != "transform-job" else {},
    }

    (event,) = told(kind, "j", body, tags={"team": "a"})

    assert event.detail_type == f"SageMaker {words} State Change"
    assert event.resources == (f"{ARN}:{kind}/j",)
    assert event.detail[f"{noun}Status"] == "Failed"
    assert event.detail["FailureReason"] == "AlgorithmError: 7"
    assert event.detail["CreationTime"] == 1_800_000_000_500
    assert event.detail["Tags"] == {"team": "a"}
    assert "secret" not in str(event.detail)


def test_times_inside_of_a_detail_are_in_milliseconds_too():
    transitions = [{"Status": "Starting", "StartTime": 1_800_000_000.0}]
    body = {"TrainingJobStatus": "InProgress", "SecondaryStatusTransitions": transitions}
    (event,) = told("training-job", "j", body)
    assert event.detail["SecondaryStatusTransitions"][0]["StartTime"] == 1_800_000_000_000


@pytest.mark.parametrize(
    ("status", "word"),
    [("InService", "IN_SERVICE"), ("RollingBack", "ROLLING_BACK"), ("Failed", "FAILED")],
)
def test_an_endpoints_status_is_in_capitals(status, word):
    body = {"EndpointStatus": status, "EndpointConfigName": "c", "Fleet": {"of": "our own"}}
    (event,) = told("endpoint", "e", body)
    assert event.detail_type == "SageMaker Endpoint State Change"
    assert event.detail["EndpointStatus"] == word
    assert "Fleet" not in event.detail


def test_a_deployments_steps_are_events_of_their_own():
    def pending(status):
        variant = {"VariantName": "v", "VariantStatus": [{"Status": status, "StartTime": 1_800_000_000.0}]}
        return {
            "EndpointStatus": "Updating",
            "EndpointConfigName": "c",
            "PendingDeploymentSummary": {"EndpointConfigName": "d", "ProductionVariants": [variant]},
        }

    (event,) = told("endpoint", "e", pending("Baking"), before=pending("Creating"))

    assert event.detail_type == "SageMaker Endpoint Deployment State Change"
    assert event.detail["EndpointStatus"] == "UPDATING"
    (variant,) = event.detail["PendingDeploymentSummary"]["ProductionVariants"]
    assert variant["VariantStatus"] == [{"Status": "Baking", "StartTime": 1_800_000_000_000}]


def test_a_version_is_told_with_its_approval():
    body = {"ModelPackageStatus": "Completed", "ModelApprovalStatus": "Approved", "CreationTime": 1.8e9}
    (event,) = told("model-package", "g/1", body | {"ApprovalDescription": "good"})
    assert event.detail_type == "SageMaker Model Package State Change"
    assert event.detail["ModelApprovalStatus"] == "Approved"
    assert event.detail["ApprovalDescription"] == "good"
    assert event.detail["CreationTime"] == "2027-01-15T08:00:00Z"


def test_an_execution_and_its_steps_are_told_with_what_they_were_before():
    before = {
        "PipelineExecutionStatus": "Executing",
        "Steps": {"Train": STEP | {"StepStatus": "Executing"}},
        "CreationTime": 1_800_000_000.0,
    }
    job = {"TrainingJob": {"Arn": f"{ARN}:training-job/j"}}
    ended = {"StepStatus": "Failed", "EndTime": 1_800_000_009.0, "Metadata": job, "FailureReason": "bad"}
    after = before | {"PipelineExecutionStatus": "Failed", "Steps": {"Train": STEP | ended}}

    execution, step = told("pipeline-execution", "p/execution/abc", after, before=before)

    assert execution.detail_type == "SageMaker Model Building Pipeline Execution Status Change"
    assert execution.resources == (f"{ARN}:pipeline/p", EXECUTION)
    assert execution.detail == {
        "pipelineArn": f"{ARN}:pipeline/p",
        "pipelineExecutionArn": EXECUTION,
        "currentPipelineExecutionStatus": "Failed",
        "previousPipelineExecutionStatus": "Executing",
        "executionStartTime": "2027-01-15T08:00:00Z",
        "executionEndTime": "2027-01-15T08:00:10Z",
    }
    assert step.detail_type == "SageMaker Model Building Pipeline Execution Step Status Change"
    assert step.detail["metadata"] == {"trainingJob": {"arn": f"{ARN}:training-job/j"}}
    assert (step.detail["previousStepStatus"], step.detail["currentStepStatus"]) == ("Executing", "Failed")
    assert step.detail["failureReason"] == "bad"
    assert step.detail["stepEndTime"] == "2027-01-15T08:00:09Z"


def test_a_step_from_the_cache_says_from_which_execution():
    hit = {"StepStatus": "Succeeded", "CacheHitResult": {"SourcePipelineExecutionArn": EXECUTION}}
    body = {"PipelineExecutionStatus": "Executing", "Steps": {"Train": STEP | hit}}
    before = {"PipelineExecutionStatus": "Executing", "Steps": {}}
    (step,) = told("pipeline-execution", "p/execution/abd", body, before=before)
    assert step.detail["cacheHitResult"] == {"sourcePipelineExecutionArn": EXECUTION}
    assert "previousStepStatus" not in step.detail
