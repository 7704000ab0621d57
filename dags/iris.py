"""Airflow DAG: train a model of irises on SageMaker, deploy it, and score a table with it.

upload → train → model → endpoint → verify → report
                       ↘     transform     ↗

The model's spec is models/iris.yaml. Started by cron, by hand or API (the form's fields are the spec's
hyperparameters), or by a backfill; each run makes things of its own names, and the endpoint is made once and
then updated.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.sdk import DAG, Param, chain, task

from sagewind import form, load, naming, report, requests, upload, verify, waits
from sagewind.operators.sagemaker import (
    SageMakerEndpointOperator,
    SageMakerModelOperator,
    SageMakerTrainingOperator,
    SageMakerTransformOperator,
)
from sagewind.requests import returned

SPEC = Path(__file__).parent / "models" / "iris.yaml"
MODEL = load.load(SPEC)
NAME = "{{ name(ti) }}"  # unique for each task of each run, and short enough for SageMaker
PLACE = requests.Place.from_task("upload")

with DAG(
    dag_id="iris",
    description=MODEL.description,
    schedule=MODEL.schedule or None,
    catchup=False,  # and no start_date: the first run by cron is the next, not the one just missed
    max_active_runs=1,  # one endpoint: a run must not deploy while another verifies
    default_args={"retries": 1, "retry_delay": dt.timedelta(seconds=10)},
    params={name: Param(**field) for name, field in form.fields(MODEL).items()},
    user_defined_macros={"name": naming.for_task, "run_name": naming.for_run},
    tags=["sagemaker", MODEL.name],
    doc_md=__doc__,
):
    # The code and the data to S3, under keys made from their content; it returns one XCom, not one a key.
    uploaded = task(upload.upload, multiple_outputs=False)(
        spec_file=str(SPEC),
        data="{{ params.data or '' }}",
        run_name="{{ run_name('run', dag.dag_id, run_id) }}",
    )

    # A training job: train.py in Amazon's scikit-learn container.
    train = SageMakerTrainingOperator(
        task_id="train",
        config=requests.training(
            MODEL,
            name=NAME,
            place=PLACE,
            data=returned("upload", "train"),
            output=returned("upload", "models"),
            hyperparameters=requests.hyperparameters(MODEL),
            instance_type=requests.chosen("instance_type"),
        ),
        **waits.for_job(MODEL, MODEL.training.max_runtime_seconds, os.environ),
    )

    # A model: what the job made, with the code that serves it.
    model = SageMakerModelOperator(
        task_id="model",
        config=requests.create_model(
            MODEL,
            name=NAME,
            place=PLACE,
            artifact=returned("train", "Training", "ModelArtifacts", "S3ModelArtifacts"),
        ),
    )

    # An endpoint that serves it: made by the first run, updated by the later ones.
    endpoint = SageMakerEndpointOperator(
        task_id="endpoint",
        config=requests.endpoint(
            MODEL,
            name=NAME,
            model_name=returned("model", "Model", "ModelName"),
        ),
        **waits.for_endpoint(MODEL, os.environ),
    )

    # The endpoint serves this model, and answers.
    verified = task(verify.verify, multiple_outputs=False)(
        spec_file=str(SPEC),
        endpoint=MODEL.endpoint_name,
        endpoint_config=returned("endpoint", "EndpointConfig", "EndpointConfigName"),
        model_name=returned("model", "Model", "ModelName"),
        data=returned("upload", "table"),
    )

    # The whole table scored in one batch, while the endpoint comes up: on AWS each takes minutes.
    transform = SageMakerTransformOperator(
        task_id="transform",
        config=requests.transform(
            MODEL,
            name=NAME,
            model_name=returned("model", "Model", "ModelName"),
            data=returned("upload", "features"),
            output=returned("upload", "scores"),
        ),
        **waits.for_job(MODEL, MODEL.transform.max_runtime_seconds, os.environ),
    )

    # What happened, as one JSON; red when a metric is missing or a row was lost.
    reported = task(report.report, multiple_outputs=False)(
        spec_file=str(SPEC),
        training_job=returned("train", "Training", "TrainingJobName"),
        transform_job=returned("transform", "Transform", "TransformJobName"),
        uploaded=uploaded,
        verified=verified,
    )

    chain(uploaded, train, model, [endpoint, transform])
    chain(endpoint, verified, reported)
    chain(transform, reported)
