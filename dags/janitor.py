"""Airflow DAG: list what Sagewind made and nobody needs; delete it when told to.

Expired endpoints, endpoint configs and models that nothing refers to, jobs whose run is over. Only what
carries the tag `sagewind:model` is looked at; what a run made stays until the run is over.
"""

from airflow.sdk import DAG, Param, task

from sagewind import tasks

with DAG(
    dag_id="janitor",
    description="List orphans, and delete them when told to.",
    schedule="30 4 * * *",
    catchup=False,
    max_active_runs=1,
    params={
        "delete": Param(
            False, type="boolean", title="Delete", description="Otherwise what is found is only listed."
        )
    },
    render_template_as_native_obj=True,
    tags=["sagemaker"],
    doc_md=__doc__,
):
    task(tasks.sweep, retries=1)(delete="{{ params.delete }}")
