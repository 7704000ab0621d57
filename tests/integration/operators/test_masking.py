"""What is secret in an operator's arguments is known to Airflow before it shows rendered fields and logs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk._shared.secrets_masker import redact
from tests.integration import training_jobs as jobs
from tests.integration.operators.driver import Instance

from sagewind.operators import sagemaker as ours


@pytest.fixture
def secret():
    """Return a secret that no test has told Airflow of before."""
    return jobs.unique("hunter2")


def rendered(operator, **values):
    """Render an operator's fields as a worker does, and return what Airflow would show of `values`."""
    run = SimpleNamespace(conf=values)
    context = {"ti": Instance(map_index=0), "params": values, "dag": operator.dag, "dag_run": run}
    operator.render_template_fields(context)
    return redact(str(values))


def config(value):
    return {"Environment": {"PEPPER": value}, "HyperParameters": {"password": value}}


def test_of_a_plain_task(secret):
    with DAG("d", schedule=None):
        task = ours.SageMakerTrainingOperator(task_id="t", config=config("{{ params.it }}"))
    assert rendered(task, it=secret) == "{'it': '***'}"


def test_of_a_mapped_task(secret):
    with DAG("d", schedule=None, params={"it": ""}):
        mapped = ours.SageMakerTrainingOperator.partial(task_id="t")
        task = mapped.expand(config=[config("{{ params.it }}")])
    assert rendered(task, it=secret) == "{'it': '***'}"


def test_of_every_field_and_not_of_config_alone(secret):
    container = {"Image": "i", "Environment": {"PEPPER": "{{ params.it }}"}}
    extras = {"InferenceSpecification": {"Containers": [container]}}
    with DAG("d", schedule=None):
        task = ours.SageMakerRegisterModelVersionOperator(
            task_id="t", image_uri="i", model_url="s3://b/m", package_group_name="g", extras=extras
        )
    assert rendered(task, it=secret) == "{'it': '***'}"


def test_of_a_pipelines_parameters(secret):
    with DAG("d", schedule=None):
        task = ours.SageMakerStartPipelineOperator(
            task_id="t", pipeline_name="p", pipeline_params={"DbPassword": "{{ params.it }}"}
        )
    assert rendered(task, it=secret) == "{'it': '***'}"


def test_of_a_template_that_cannot_be_rendered(secret, caplog):
    with DAG("d", schedule=None):
        task = ours.SageMakerTrainingOperator(
            task_id="t", config={**config(secret), "TrainingJobName": "{{ nobody.knows }}"}
        )
    with pytest.raises(Exception, match="nobody"):
        rendered(task)
    assert secret not in redact(caplog.text)
