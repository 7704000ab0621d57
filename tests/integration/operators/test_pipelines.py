"""The operators of SageMaker Pipelines, ours and the provider's, against executions that really run."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from airflow.providers.amazon.aws.operators import sagemaker as provider
from airflow.providers.amazon.aws.sensors.sagemaker import SageMakerPipelineSensor
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk.exceptions import TaskDeferred
from tests.integration import pipeline_definitions as pipelines
from tests.integration.pipeline_definitions import get, step
from tests.integration.training_jobs import unique

from sagewind.operators import sagemaker as ours

MESSAGE = {"Name": "Message", "Type": "String", "DefaultValue": "none"}
OVER = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}


@pytest.fixture
def sagemaker(environment):
    return environment.client("sagemaker")


@pytest.fixture
def good(sagemaker):
    """Give a pipeline that succeeds at once: it takes a parameter, and checks a condition."""
    check = step("Check", "Condition", {"Conditions": [OVER], "IfSteps": [], "ElseSteps": []})
    return pipelines.create(sagemaker, check, parameters=[MESSAGE])


@pytest.fixture
def bad(sagemaker):
    return pipelines.create(
        sagemaker, step("Bad", "Fail", {"ErrorMessage": get("Parameters.Message")}), parameters=[MESSAGE]
    )


@pytest.fixture
def long(sagemaker, s3):
    return pipelines.create(sagemaker, pipelines.training(s3, "Long", hyperparameters={"pause": "600"}))


def starting(operators, name, **more):
    given = {"pipeline_params": {"Message": "bad row 7"}, "check_interval": 1, **more}
    return lambda: operators.SageMakerStartPipelineOperator(
        task_id="start", pipeline_name=name, wait_for_completion=True, **given
    )


def stopping(operators, arn, **more):
    return lambda: operators.SageMakerStopPipelineOperator(
        task_id="stop", pipeline_exec_arn=arn, check_interval=1, wait_for_completion=True, **more
    )


def executions(sagemaker, name):
    return sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("operators", [ours, provider], ids=["ours", "provider"])
def test_an_execution_that_succeeds_and_one_that_fails(attempt, sagemaker, good, bad, operators, deferrable):
    arn = attempt(starting(operators, good, deferrable=deferrable)).run()
    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert described["PipelineExecutionStatus"] == "Succeeded"

    with pytest.raises(Exception, match=r"(?i)fail"):
        attempt(starting(operators, bad, deferrable=deferrable)).run()
    (failed,) = executions(sagemaker, bad)
    assert failed["PipelineExecutionStatus"] == "Failed"


def test_a_retry_goes_on_with_the_execution_and_a_failed_one_is_followed_by_another(
    attempt, sagemaker, long, bad
):
    run = attempt(starting(ours, long, pipeline_params=None, retries=1))
    assert isinstance(run.start(), TaskDeferred)  # and then the worker dies
    run.ti.try_number += 1
    assert isinstance(run.start(), TaskDeferred)
    (only,) = executions(sagemaker, long)
    attempt(stopping(ours, only["PipelineExecutionArn"])).run()

    again = attempt(starting(ours, bad, retries=1))
    for number in (1, 2):
        with pytest.raises(AirflowException, match="One or multiple steps failed"):
            again.run() if number == 1 else again.retry()
    assert len(executions(sagemaker, bad)) == 2


@pytest.mark.parametrize(
    ("operators", "deferrable"), [(ours, True), (provider, False), (provider, True)], ids=str
)
def test_a_stop_waits_until_the_jobs_have_stopped(attempt, sagemaker, long, operators, deferrable):
    arn = pipelines.start(sagemaker, long)
    pipelines.wait(sagemaker, arn, lambda steps: "Metadata" in steps.get("Long", {}))

    attempt(stopping(operators, arn, deferrable=deferrable)).run()

    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert described["PipelineExecutionStatus"] == "Stopped"
    job = pipelines.steps_of(sagemaker, arn)["Long"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    assert sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "Stopped"


def test_a_stop_of_what_is_over(attempt, sagemaker, good):
    arn = attempt(starting(ours, good)).run()
    assert attempt(stopping(ours, arn)).run() == "Succeeded"
    assert attempt(stopping(provider, arn, deferrable=False)).run() == "Succeeded"
    with pytest.raises(AirflowException, match="Only pipelines with 'Executing' status can be stopped"):
        attempt(stopping(ours, arn, fail_if_not_running=True)).run()


def test_a_killed_task_stops_its_execution(attempt, sagemaker, long):
    run = attempt(starting(ours, long, pipeline_params=None, deferrable=False))
    operator = run.make()
    operator._active = operator._start(run.context())
    operator.on_kill()
    (execution,) = executions(sagemaker, long)
    arn = execution["PipelineExecutionArn"]
    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"


@pytest.mark.parametrize(
    "limit", [{"waiter_max_attempts": 1}, {"execution_timeout": dt.timedelta(seconds=1)}], ids=str
)
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_task_that_takes_too_long_stops_its_execution(attempt, sagemaker, long, deferrable, limit):
    with pytest.raises(AirflowException, match="took too long and was stopped"):
        attempt(starting(ours, long, pipeline_params=None, deferrable=deferrable, **limit)).run()
    (execution,) = executions(sagemaker, long)
    assert execution["PipelineExecutionStatus"] == "Stopped"


def test_a_trigger_that_breaks_is_followed_by_a_wait_in_the_worker(attempt, good, sagemaker):
    run = attempt(starting(ours, good))
    run.start()
    arn = run.make().resume_execution("__fail__", {"error": "Trigger failure"}, run.context())
    (execution,) = executions(sagemaker, good)
    assert execution["PipelineExecutionArn"] == arn
    assert execution["PipelineExecutionStatus"] == "Succeeded"


def test_a_clear_stops_the_execution_that_was_left_behind(attempt, sagemaker, long):
    run = attempt(starting(ours, long, pipeline_params=None))
    run.start()
    run.ti.max_tries, run.ti.try_number = run.ti.try_number, 2  # a person clears the task
    waiting = run.start()
    found = executions(sagemaker, long)
    assert sorted(each["PipelineExecutionStatus"] for each in found) == ["Executing", "Stopped"]
    asyncio.run(run.trigger(waiting).on_kill())


def test_the_providers_sensor(environment, sagemaker, good, bad):
    def sense(arn):
        sensor = SageMakerPipelineSensor(task_id=unique("sense"), pipeline_exec_arn=arn)
        return sensor.poke({})

    fine, failed = pipelines.start(sagemaker, good), pipelines.start(sagemaker, bad)
    for arn in (fine, failed):
        pipelines.wait(sagemaker, arn)
    assert sense(fine)
    with pytest.raises(AirflowException, match="pipeline failed"):
        sense(failed)
