"""Every SageMaker operator and sensor of the Amazon provider itself, against the real service: one row each.

An operator that waits is run blocking and deferrable, on work that succeeds and on work that fails; a sensor
on what succeeded, failed and was stopped.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.amazon.aws.operators import sagemaker as operators
from airflow.providers.amazon.aws.sensors import sagemaker as sensors
from botocore.exceptions import ClientError, WaiterError
from tests.integration import training_jobs as jobs
from tests.integration.operators import hosting
from tests.integration.operators.test_others import processing

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD, BAD = "print('score=1;')\n", "raise RuntimeError('bad row 7')\n"
MACHINE = {"InstanceType": "ml.m5.large", "InstanceCount": 1}


@dataclass(frozen=True, kw_only=True)
class Work:
    """A kind of work that an operator starts and a sensor waits for."""

    operator: str
    sensor: str
    config: Callable[[Any, str, bool], dict[str, Any]]
    """Makes the request: of a good or a bad one."""
    method: str
    """As in `create_<method>`, `describe_<method>` and `stop_<method>`."""
    noun: str
    options: tuple[str, ...] = ()
    """Arguments of the operator that are turned off."""


def train(s3, name, good):
    return jobs.request(s3, name, {"train.py": GOOD if good else BAD})


def process(s3, name, good):
    return processing(s3, name, GOOD if good else BAD)


def score(s3, name, good):
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/in/rows.csv", Body=b"1,2\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.BUCKET}/{name}/in/"}
    transform = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": f"s3://{jobs.BUCKET}/{name}/out"},
        "TransformResources": MACHINE,
    }
    return {"Model": hosting.model_request(s3, name, answer=1.0, broken=not good), "Transform": transform}


def tune(s3, name, good):
    job = jobs.request(s3, "unused", {"train.py": GOOD if good else BAD})
    metric = [{"Name": "score", "Regex": r"score=([0-9.]+);"}]
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/data/rows.csv", Body=b"1\n")
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}]
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": job["HyperParameters"],
            "AlgorithmSpecification": {**job["AlgorithmSpecification"], "MetricDefinitions": metric},
            # The operator reads it without asking whether it is there.
            "InputDataConfig": [jobs.channel("train", f"s3://{jobs.BUCKET}/{name}/data/")],
            **{
                key: job[key]
                for key in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
            },
        },
    }


WORK = [
    Work(
        operator="SageMakerTrainingOperator",
        sensor="SageMakerTrainingSensor",
        config=train,
        method="training_job",
        noun="TrainingJob",
        options=("print_log",),  # by it the operator looks every 30 seconds only
    ),
    Work(
        operator="SageMakerProcessingOperator",
        sensor="SageMakerProcessingSensor",
        config=process,
        method="processing_job",
        noun="ProcessingJob",
        options=("print_log",),
    ),
    Work(
        operator="SageMakerTransformOperator",
        sensor="SageMakerTransformSensor",
        config=score,
        method="transform_job",
        noun="TransformJob",
    ),
    Work(
        operator="SageMakerTuningOperator",
        sensor="SageMakerTuningSensor",
        config=tune,
        method="hyper_parameter_tuning_job",
        noun="HyperParameterTuningJob",
    ),
]
OTHERS = {
    *("SageMakerBaseOperator", "SageMakerConditionOperator"),  # they ask SageMaker for nothing
    *("SageMakerStartPipelineOperator", "SageMakerStopPipelineOperator"),  # test_pipelines
    *("SageMakerModelOperator", "SageMakerEndpointConfigOperator", "SageMakerEndpointOperator"),
    *("SageMakerDeleteModelOperator", "SageMakerRegisterModelVersionOperator"),
    *("SageMakerCreateExperimentOperator", "SageMakerAutoMLOperator", "SageMakerCreateNotebookOperator"),
    *("SageMakerStartNoteBookOperator", "SageMakerStopNotebookOperator", "SageMakerDeleteNotebookOperator"),
}
OTHER_SENSORS = {
    *("SageMakerBaseSensor", "SageMakerEndpointSensor", "SageMakerAutoMLSensor"),
    "SageMakerPipelineSensor",  # test_pipelines
}


def classes(module):
    return {
        name
        for name, value in inspect.getmembers(module, inspect.isclass)
        if value.__module__ == module.__name__ and name.startswith("SageMaker")
    }


def test_every_operator_and_sensor_has_a_row():
    assert classes(operators) == {each.operator for each in WORK} | OTHERS
    assert classes(sensors) == {each.sensor for each in WORK} | OTHER_SENSORS


@pytest.fixture
def sagemaker(environment):
    return environment.client("sagemaker")


def run(attempt, operator, **arguments):
    return attempt(
        lambda: getattr(operators, operator)(task_id="t", **json.loads(json.dumps(arguments)))
    ).run()


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.operator)
@pytest.mark.parametrize("deferrable", [False, True])
def test_work_that_succeeds_is_green_and_work_that_fails_is_red(attempt, s3, sagemaker, work, deferrable):
    ends = {}
    for good in (True, False):
        name = jobs.unique("t")
        given = {"deferrable": deferrable, "check_interval": 1} | dict.fromkeys(work.options, False)
        config = work.config(s3, name, good)
        if good:
            run(attempt, work.operator, config=config, **given)
        else:
            with pytest.raises(Exception, match=r"(?i)fail"):
                run(attempt, work.operator, config=config, **given)
        described = getattr(sagemaker, f"describe_{work.method}")(**{f"{work.noun}Name": name})
        ends[good] = described[f"{work.noun}Status"]
    assert ends == {True: "Completed", False: "Failed"}


def start(s3, sagemaker, work, *, good):
    name = jobs.unique("s")
    config = work.config(s3, name, good)
    if "Model" in config:
        sagemaker.create_model(**config["Model"])
    getattr(sagemaker, f"create_{work.method}")(**config.get("Transform", config))
    return name


def test_sensors_tell_what_succeeded_from_what_failed_or_was_stopped(attempt, s3, sagemaker):
    started = [(work, good, start(s3, sagemaker, work, good=good)) for work in WORK for good in (True, False)]
    stopped = jobs.unique("stopped")
    sagemaker.create_training_job(**jobs.request(s3, stopped, {"train.py": "import time; time.sleep(600)"}))
    sagemaker.stop_training_job(TrainingJobName=stopped)

    def sense(sensor, name):
        made = getattr(sensors, sensor)
        attempt(lambda: made(task_id="s", job_name=name, poke_interval=1, timeout=120)).run()

    for work, good, name in started:
        if good:
            sense(work.sensor, name)
        else:
            with pytest.raises(Exception, match=r"(?i)fail"):
                sense(work.sensor, name)
    with pytest.raises(Exception, match=r"(?i)fail"):
        sense("SageMakerTrainingSensor", stopped)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_model_is_served_and_deleted(attempt, s3, sagemaker, deferrable):
    name = jobs.unique("served")
    config = hosting.deployment(s3, name, answer=1.0)
    run(attempt, "SageMakerModelOperator", config=config["Model"])
    run(attempt, "SageMakerEndpointConfigOperator", config=config["EndpointConfig"])
    serving = {"deferrable": deferrable, "check_interval": 1}
    run(attempt, "SageMakerEndpointOperator", config=config["Endpoint"], **serving)
    sensed = sensors.SageMakerEndpointSensor(task_id="s", endpoint_name=name, poke_interval=1)
    attempt(lambda: sensed).run()
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    sagemaker.delete_endpoint(EndpointName=name)
    model = config["Model"]["ModelName"]
    run(attempt, "SageMakerDeleteModelOperator", config={"ModelName": model})
    assert not sagemaker.list_models(NameContains=model)["Models"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_endpoint_whose_model_does_not_load_is_red(attempt, s3, sagemaker, deferrable):
    name = jobs.unique("broken")
    config = hosting.deployment(s3, name, broken=True)
    with pytest.raises(Exception, match=r"(?i)fail"):
        run(
            attempt,
            "SageMakerEndpointOperator",
            config=config,
            deferrable=deferrable,
            check_interval=1,
        )
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_version_is_registered_and_an_experiment_made(attempt, sagemaker):
    group = jobs.unique("group")
    arn = run(
        attempt,
        "SageMakerRegisterModelVersionOperator",
        image_uri=jobs.IMAGE.format("1.9-0"),
        model_url="s3://b/model.tar.gz",
        package_group_name=group,
    )
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    run(attempt, "SageMakerCreateExperimentOperator", name=group, description="irises")
    assert sagemaker.describe_experiment(ExperimentName=group)["Description"] == "irises"


def test_what_is_kept_and_not_run_is_red_and_says_why(attempt, sagemaker):
    name = jobs.unique("kept")
    job = {
        "job_name": name,
        "s3_input": "s3://b/in",
        "s3_output": "s3://b/out",
        "target_attribute": "y",
        "role_arn": jobs.ROLE,
    }
    with pytest.raises(Exception, match="sagelocal keeps AutoML jobs and runs none"):
        run(attempt, "SageMakerAutoMLOperator", check_interval=1, **job)
    with pytest.raises(Exception, match="job failed"):  # the sensor never tells a reason
        attempt(lambda: sensors.SageMakerAutoMLSensor(task_id="s", job_name=name)).run()
    notebook = {"instance_type": "ml.t3.medium", "role_arn": jobs.ROLE}
    with pytest.raises(WaiterError, match="Failed"):
        run(attempt, "SageMakerCreateNotebookOperator", instance_name=name, **notebook)
    for operator in ("SageMakerStartNoteBookOperator", "SageMakerStopNotebookOperator"):
        with pytest.raises(ClientError, match="runs no Jupyter server"):
            run(attempt, operator, instance_name=name)
    reason = sagemaker.describe_notebook_instance(NotebookInstanceName=name)["FailureReason"]
    assert "runs no Jupyter server" in reason
    run(attempt, "SageMakerDeleteNotebookOperator", instance_name=name)
    assert not sagemaker.list_notebook_instances(NameContains=name)["NotebookInstances"]
