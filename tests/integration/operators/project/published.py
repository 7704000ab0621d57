"""Airflow DAGs as the provider's own published examples have them; `OPERATORS` is the import that changes.

A task hands the configurations over, under keys; `wait_for_completion` is set on operators that exist
already, and the provider's sensors do the waiting. What the examples do by boto3 is left out.
"""

import datetime as dt
import importlib
import json
import os
from pathlib import Path

from airflow.providers.amazon.aws.sensors import sagemaker as sensors
from airflow.sdk import DAG, TriggerRule, chain, task

operators = importlib.import_module(os.environ.get("OPERATORS", "sagewind.operators.sagemaker"))
START = {"start_date": dt.datetime(2021, 1, 1, tzinfo=dt.UTC), "catchup": False}


@task
def set_up(ti=None):
    """Hand over every configuration under its key."""
    for key, value in json.loads(os.environ["CONFIGS"]).items():
        ti.xcom_push(key=key, value=value)


with DAG("jobs", schedule="@once", **START) as of_jobs:
    setup = set_up()
    prepare = operators.SageMakerProcessingOperator(task_id="prepare", config=setup["process"])
    prepare.wait_for_completion = False
    train = operators.SageMakerTrainingOperator(task_id="train", config=setup["train"])
    train.wait_for_completion = False
    tune = operators.SageMakerTuningOperator(task_id="tune", config=setup["tune"])
    tune.wait_for_completion = False
    create_model = operators.SageMakerModelOperator(task_id="create_model", config=setup["model"])
    register = operators.SageMakerRegisterModelVersionOperator(
        task_id="register",
        image_uri=setup["image"],
        model_url=setup["artifact"],
        package_group_name=setup["name"],
    )
    score = operators.SageMakerTransformOperator(task_id="score", config=setup["transform"])
    score.wait_for_completion = False
    chain(
        setup,
        prepare,
        sensors.SageMakerProcessingSensor(task_id="await_p", job_name=setup["name"], poke_interval=1),
        train,
        sensors.SageMakerTrainingSensor(task_id="await_t", job_name=setup["name"], poke_interval=1),
        tune,
        sensors.SageMakerTuningSensor(task_id="await_h", job_name=setup["name"], poke_interval=1),
        create_model,
        register,
        score,
        sensors.SageMakerTransformSensor(task_id="await_s", job_name=setup["name"], poke_interval=1),
        operators.SageMakerDeleteModelOperator(
            task_id="delete_model", trigger_rule=TriggerRule.ALL_DONE, config={"ModelName": setup["name"]}
        ),
    )

with DAG("endpoint", schedule="@once", **START) as of_endpoint:
    setup = set_up()
    create = operators.SageMakerModelOperator(task_id="create_model", config=setup["model"])
    configure = operators.SageMakerEndpointConfigOperator(task_id="configure", config=setup["config"])
    deploy = operators.SageMakerEndpointOperator(task_id="deploy", config=setup["endpoint"])
    deploy.wait_for_completion = False
    wait = sensors.SageMakerEndpointSensor(
        task_id="await_e", endpoint_name=setup["name"], poke_interval=1, trigger_rule=TriggerRule.ALL_DONE
    )
    chain(setup, create, configure, deploy, wait)

with DAG("pipeline", schedule="@once", **START) as of_pipeline:
    setup = set_up()
    name = f"{setup['pipeline']}"
    start1 = operators.SageMakerStartPipelineOperator(task_id="start1", pipeline_name=name)
    stop1 = operators.SageMakerStopPipelineOperator(task_id="stop1", pipeline_exec_arn=start1.output)
    start2 = operators.SageMakerStartPipelineOperator(task_id="start2", pipeline_name=name)
    await2 = sensors.SageMakerPipelineSensor(
        task_id="await2", pipeline_exec_arn=start2.output, poke_interval=1
    )
    chain(setup, start1, start2, stop1, await2)

with DAG("condition", schedule="@once", **START) as of_condition:

    @task
    def metrics():
        """Hand over what a training job might have measured."""
        return {"accuracy": 0.95}

    @task
    def good():
        """Go on."""

    @task
    def bad():
        """Train again."""

    check = operators.SageMakerConditionOperator(
        task_id="check",
        conditions=[
            {
                "type": "GreaterThanOrEqualTo",
                "left_value": "{{ ti.xcom_pull(task_ids='metrics')['accuracy'] }}",
                "right_value": 0.9,
            }
        ],
        if_task_ids=["good"],
        else_task_ids=["bad"],
    )
    chain(metrics(), check, [good(), bad()])

if __name__ == "__main__":
    from airflow.utils.db import initdb

    initdb()
    told = {}
    for dag in (of_jobs, of_endpoint, of_pipeline, of_condition):
        run = dag.test()
        states = {each.task_id: each.state for each in run.get_task_instances()}
        told[dag.dag_id] = {**states, "run": run.state}
    Path(os.environ["TOLD"]).write_text(json.dumps(told))
