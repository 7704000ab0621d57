"""Airflow DAG: score each day's irises with the newest verified model.

gather → transform → settle

One partition (ds=…) for each data interval: by cron, for past days by a backfill, or by hand for any day. A
day that was scored from the same rows by the same model is skipped; otherwise a repeated day overwrites its
own partition. While there is no verified model, runs by cron are skipped, and those asked for fail.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, chain, task

from sagewind import load, naming, requests, tasks, waits
from sagewind.operators.sagemaker import SageMakerTransformOperator
from sagewind.requests import returned

SPEC = Path(__file__).parent / "models" / "iris.yaml"
MODEL = load.load(SPEC)

with DAG(
    dag_id="iris_score",
    description="One partition of scores for each day.",
    # At midnight, the day that has ended; a backfill from 1 to 31 January is 31 days.
    schedule=CronDataIntervalTimetable(MODEL.score_schedule, timezone="UTC"),
    catchup=False,
    max_active_runs=4,
    default_args={"retries": 2, "retry_delay": dt.timedelta(seconds=10)},
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="Empty: the day of the run's data interval.",
        ),
        "sample_rows": Param(
            30,
            type="integer",
            minimum=0,
            maximum=10000,
            title="Sample rows",
            description="When nothing has arrived for the day, this many rows of the training table do. "
            "0: a day without rows is an error.",
        ),
    },
    user_defined_macros={"name": naming.for_task, "day_of": naming.day_of},
    tags=["sagemaker", MODEL.name],
    doc_md=__doc__,
):
    # The newest verified model, and the rows that arrived on the day; skipped when they are scored already.
    gathered = task(tasks.gather, multiple_outputs=False)(
        spec_file=str(SPEC),
        day="{{ params.day or day_of(dag_run) }}",
        sample_rows="{{ params.sample_rows }}",
    )

    # Each row with its prediction appended.
    transform = SageMakerTransformOperator(
        task_id="transform",
        config=requests.transform(
            MODEL,
            name="{{ name(ti) }}",
            model_name=returned("gather", "model_name"),
            data=returned("gather", "data"),
            output=returned("gather", "output"),
        ),
        **waits.for_job(MODEL, MODEL.transform.max_runtime_seconds, os.environ),
    )

    # As many rows out as in; then the partition is done.
    settled = task(tasks.settle_day, task_id="settle", multiple_outputs=False)(
        gathered=gathered,
        transform_job=returned("transform", "Transform", "TransformJobName"),
    )

    chain(gathered, transform, settled)
