"""Airflow DAG: one task for each kind of SageMaker work, with the request in the run's configuration."""

import datetime as dt

from airflow.sdk import DAG, task

from sagewind.operators.sagemaker import (
    SageMakerEndpointOperator,
    SageMakerProcessingOperator,
    SageMakerTrainingOperator,
    SageMakerTransformOperator,
    SageMakerTuningOperator,
)

OPERATORS = {
    "train": SageMakerTrainingOperator,
    "process": SageMakerProcessingOperator,
    "tune": SageMakerTuningOperator,
    "transform": SageMakerTransformOperator,
    "deploy": SageMakerEndpointOperator,
}


def settings(kind, deferrable=True, retries=3):
    """Return the settings of one chaos DAG: native rendering hands the request over as it is."""
    return {
        "dag_id": f"chaos_{kind}" + ("" if deferrable else "_here"),
        "schedule": None,
        "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "catchup": False,
        "render_template_as_native_obj": True,
        "default_args": {"retries": retries, "retry_delay": dt.timedelta(seconds=1)},
        "params": {"config": {}, "configs": []},
    }


def build(kind, deferrable):
    """Make the DAG of one kind of work."""
    with DAG(**settings(kind, deferrable)) as dag:
        OPERATORS[kind](task_id="work", config="{{ params.config }}", deferrable=deferrable)
    return dag


def limited(deferrable):
    """Make a DAG whose task may take ten seconds."""
    with DAG(**settings("limited", deferrable, retries=0)) as dag:
        SageMakerTrainingOperator(
            task_id="work",
            config="{{ params.config }}",
            deferrable=deferrable,
            execution_timeout=dt.timedelta(seconds=10),
        )
    return dag


for mode in (True, False):
    for made in (limited(mode), *(build(each, mode) for each in OPERATORS)):
        globals()[made.dag_id] = made

with DAG(**settings("chain")):
    first = SageMakerTrainingOperator(task_id="work", config="{{ params.config }}")
    first >> SageMakerTrainingOperator(task_id="after", config="{{ params.configs[0] }}")

with DAG(**settings("mapped")):

    @task
    def requests(params):
        """Hand over the requests of the run's configuration."""
        return params["configs"]

    SageMakerTrainingOperator.partial(task_id="work").expand(config=requests())
