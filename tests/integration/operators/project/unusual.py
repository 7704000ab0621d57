"""Airflow DAG: unusual but legal uses of the operators, which work as with the provider's.

Templates in every text, tasks mapped over configurations in a mapped task group, another connection and
region, setup and teardown, a wait in the worker beside waits in the triggerer.
"""

import json
import os
from pathlib import Path

from airflow.sdk import DAG, task, task_group

from sagewind.operators.sagemaker import (
    SageMakerDeleteEndpointOperator,
    SageMakerEndpointOperator,
    SageMakerInvokeEndpointOperator,
    SageMakerProcessingOperator,
    SageMakerTrainingOperator,
)

configs = json.loads(os.environ["CONFIGS"])
PARAMS = {"name": configs["name"], "region": "eu-west-1", "connection": "aws_other"}

with DAG("unusual", schedule=None, params=PARAMS) as dag:

    @task
    def pairs():
        """Give a training and a processing configuration for each of two models."""
        return [
            {
                "train": configs["train"] | {"TrainingJobName": f"{configs['name']}-{number}"},
                "process": configs["process"] | {"ProcessingJobName": f"{configs['name']}-{number}"},
            }
            for number in (1, 2)
        ]

    @task_group
    def model(train, process):
        """Train, then process; both are mapped with the group."""
        trained = SageMakerTrainingOperator(task_id="train", config=train, deferrable=False)
        trained >> SageMakerProcessingOperator(task_id="process", config=process)

    elsewhere = SageMakerTrainingOperator(
        task_id="elsewhere",
        config=configs["train"] | {"TrainingJobName": "{{ params.name }}-{{ dag.dag_id }}"},
        aws_conn_id="{{ params.connection }}",
        region_name="{{ params.region }}",
    )
    deploy = SageMakerEndpointOperator(task_id="deploy", config=configs["deploy"])
    ask = SageMakerInvokeEndpointOperator(
        task_id="ask", endpoint_name="{{ ti.xcom_pull('deploy')['Endpoint']['EndpointName'] }}", body="1,2\n"
    )
    delete = SageMakerDeleteEndpointOperator(task_id="delete", endpoint_name="{{ params.name }}")

    @task(retries=0)
    def fail():
        """Fail between setup and teardown."""
        raise RuntimeError("this run has failed")

    model.expand_kwargs(pairs())
    deploy.as_setup() >> ask >> fail() >> delete.as_teardown(setups=deploy)

if __name__ == "__main__":
    from airflow.utils.db import initdb

    initdb()
    run = dag.test()
    instances = run.get_task_instances()
    told = {f"{each.task_id}[{each.map_index}]": each.state for each in instances}
    answer = next(each for each in instances if each.task_id == "ask").xcom_pull("ask")
    Path(os.environ["TOLD"]).write_text(json.dumps({"states": told, "answer": answer}))
