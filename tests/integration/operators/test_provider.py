"""What the Amazon provider's own operators leave and say, against the real service.

Which colour a task of each has, when its work succeeds, fails or is stopped, is in `outcomes`.
"""

from __future__ import annotations

import json

import pytest
from airflow.providers.amazon.aws.operators import sagemaker as operators
from airflow.providers.amazon.aws.sensors import sagemaker as sensors
from botocore.exceptions import ClientError, WaiterError
from tests.integration import training_jobs as jobs
from tests.integration.operators import hosting


@pytest.fixture
def sagemaker(environment):
    return environment.client("sagemaker")


def run(attempt, operator, **arguments):
    return attempt(
        lambda: getattr(operators, operator)(task_id="t", **json.loads(json.dumps(arguments)))
    ).run()


def test_a_model_is_served_and_deleted(attempt, s3, sagemaker):
    name = jobs.unique("served")
    config = hosting.deployment(s3, name, answer=1.0)
    run(attempt, "SageMakerModelOperator", config=config["Model"])
    run(attempt, "SageMakerEndpointConfigOperator", config=config["EndpointConfig"])
    run(attempt, "SageMakerEndpointOperator", config=config["Endpoint"], check_interval=1)
    sensed = sensors.SageMakerEndpointSensor(task_id="s", endpoint_name=name, poke_interval=1)
    attempt(lambda: sensed).run()
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    sagemaker.delete_endpoint(EndpointName=name)
    model = config["Model"]["ModelName"]
    run(attempt, "SageMakerDeleteModelOperator", config={"ModelName": model})
    assert not sagemaker.list_models(NameContains=model)["Models"]


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
