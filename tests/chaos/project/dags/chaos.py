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


def settings(kind, deferrable):
    """Return the settings of one chaos DAG: native rendering hands the request over as it is."""
    return {
        "dag_id": f"chaos_{kind}" + ("" if deferrable else "_here"),
        "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "catchup": False,
        "render_template_as_native_obj": True,
        "default_args": {"retries": 3, "retry_delay": dt.timedelta(seconds=1)},
        "params": {"config": {}, "configs": []},
    }


def build(kind, deferrable):
    """Make the DAG of one kind of work."""
    with DAG(**settings(kind, deferrable), schedule=None) as dag:
        OPERATORS[kind](task_id="work", config="{{ params.config }}", deferrable=deferrable)
    return dag


for each in OPERATORS:
    for mode in (True, False):
        made = build(each, mode)
        globals()[made.dag_id] = made

with DAG(**settings("mapped", deferrable=True), schedule=None):

    @task
    def requests(params):
        """Hand over the requests of the run's configuration."""
        return params["configs"]

    SageMakerTrainingOperator.partial(task_id="work").expand(config=requests())
