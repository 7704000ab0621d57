"""Requests that come at once, or twice: what belongs to something never outlives it."""

import json
import threading

import pytest

from sagelocal.errors import ConflictException, ResourceNotFound, ServiceError, ValidationException

STEPS = [{"Name": "no", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]
DEFINITION = json.dumps({"Version": "2020-12-01", "Steps": STEPS})
ROLE = "arn:aws:iam::123456789012:role/R"
PIPELINE = {"PipelineName": "p"}
GROUP = {"ModelPackageGroupName": "g"}
LONG_ENOUGH = 0.2
"""Seconds that a request gets which ought to wait; without waiting it is done in a hundredth of them."""


def token(letter):
    return {"ClientRequestToken": letter * 32}


@pytest.fixture
def execution(ask):
    ask("CreatePipeline", **PIPELINE, **token("c"), RoleArn=ROLE, PipelineDefinition=DEFINITION)

    def start():
        return {
            "PipelineExecutionArn": ask("StartPipelineExecution", **PIPELINE, **token("s"))[
                "PipelineExecutionArn"
            ]
        }

    return start


def meanwhile(kept, write, kind, act):
    """Have a request come, from another client, before a row of a kind is written; return its outcome."""
    carry_out, outcome = getattr(kept, write), []

    def do():
        try:
            outcome.append(act())
        except ServiceError as error:
            outcome.append(error)
        kept.close()

    thread = threading.Thread(target=do)

    def interrupted(written, *rest, **more):
        if written == kind:
            setattr(kept, write, carry_out)
            thread.start()
            thread.join(LONG_ENOUGH)
        return carry_out(written, *rest, **more)

    def told():
        thread.join()
        return outcome[0]

    setattr(kept, write, interrupted)
    return told


def test_a_pipeline_is_not_deleted_while_an_execution_starts(ask, kept, execution):
    told = meanwhile(
        kept, "create", "pipeline-execution", lambda: ask("DeletePipeline", **PIPELINE, **token("d"))
    )
    arn = execution()
    assert isinstance(told(), ConflictException)
    assert ask("DescribePipelineExecution", **arn)["PipelineExecutionStatus"] == "Executing"
    assert ask("DescribePipeline", **PIPELINE)


def test_a_group_is_not_deleted_while_a_version_is_registered(ask, kept):
    ask("CreateModelPackageGroup", **GROUP)
    told = meanwhile(kept, "create", "model-package", lambda: ask("DeleteModelPackageGroup", **GROUP))
    containers = {"Containers": [{"Image": "i", "ModelDataUrl": "s3://b/m"}]}
    ask("CreateModelPackage", **GROUP, InferenceSpecification=containers)
    assert isinstance(told(), ConflictException)
    assert ask("DescribeModelPackageGroup", **GROUP)


def test_a_repeated_stop_is_no_second_one(ask, kept, execution):
    arn = execution()
    for _ in range(2):
        assert ask("StopPipelineExecution", **arn, **token("x")) == arn
    with pytest.raises(ValidationException, match="Only pipelines with 'Executing' status can be stopped"):
        ask("StopPipelineExecution", **arn, **token("y"))

    name = kept.find(arn["PipelineExecutionArn"]).name
    kept.update("pipeline-execution", name, lambda body: body.update(PipelineExecutionStatus="Stopped"))
    assert ask("StopPipelineExecution", **arn, **token("x")) == arn
    for _ in range(2):
        assert ask("RetryPipelineExecution", **arn, **token("r")) == arn
    ask("StopPipelineExecution", **arn, **token("x"))
    assert ask("DescribePipelineExecution", **arn)["PipelineExecutionStatus"] == "Stopping"


def test_what_a_fail_step_has_ended_is_not_retried(ask, kept, execution):
    arn = execution()
    failed = {"no": {"StepName": "no", "StepType": "Fail", "StepStatus": "Failed", "StartTime": 1.0}}
    name = kept.find(arn["PipelineExecutionArn"]).name
    kept.update(
        "pipeline-execution", name, lambda body: body.update(PipelineExecutionStatus="Failed", Steps=failed)
    )
    with pytest.raises(ValidationException, match="a Fail step has ended cannot be retried"):
        ask("RetryPipelineExecution", **arn, **token("r"))
    assert ask("DescribePipelineExecution", **arn)["PipelineExecutionStatus"] == "Failed"


COMPONENT = {"TrialComponentName": "tc"}


def log(ask, value):
    return ask(
        "BatchPutMetrics", **COMPONENT, MetricData=[{"MetricName": "loss", "Timestamp": 1.0, "Value": value}]
    )


def test_of_two_who_log_at_once_none_is_forgotten(ask, kept):
    ask("CreateTrialComponent", **COMPONENT)
    told = meanwhile(kept, "update", "experiment-trial-component", lambda: log(ask, 2.0))
    log(ask, 1.0)
    assert told() == {}
    (loss,) = ask("DescribeTrialComponent", **COMPONENT)["Metrics"]
    assert (loss["Max"], loss["Count"]) == (2.0, 2)


def test_an_experiment_is_not_deleted_while_a_trial_of_it_is_made(ask, kept):
    ask("CreateExperiment", ExperimentName="e")
    told = meanwhile(kept, "create", "experiment-trial", lambda: ask("DeleteExperiment", ExperimentName="e"))
    ask("CreateTrial", TrialName="t", ExperimentName="e")
    assert "belongs to it" in str(told())
    assert ask("DescribeExperiment", ExperimentName="e")


CONTEXT = {"ContextName": "c"}


@pytest.fixture
def context(ask):
    ask("CreateContext", **CONTEXT, ContextType="x", Source={"SourceUri": "u"})


def test_what_two_delete_at_once_is_deleted_once(ask, kept, context):
    told = meanwhile(kept, "delete", "context", lambda: ask("DeleteContext", **CONTEXT))
    assert ask("DeleteContext", **CONTEXT)["ContextName"] == "c"
    assert isinstance(told(), ResourceNotFound)


def test_what_is_changed_is_deleted_afterwards(ask, kept, context):
    told = meanwhile(kept, "update", "context", lambda: ask("DeleteContext", **CONTEXT))
    ask("UpdateContext", **CONTEXT, Description="new")
    assert told()["Description"] == "new"
