"""Airflow DAG: make an earlier version of a model the champion again, and deploy it.

rollback → endpoint
"""

from pathlib import Path

from airflow.sdk import DAG, Param, chain, task

from sagewind import groups, tasks
from sagewind.operators.sagemaker import SageMakerEndpointOperator

MODELS = Path(__file__).parent / "models"

with DAG(
    dag_id="rollback",
    description="Return a model to an earlier version, in the registry and behind its endpoint.",
    schedule=None,
    params={
        "model": Param(
            type="string", enum=sorted(file.stem for file in MODELS.glob("*.yaml")), title="Model"
        ),
        "version": Param(
            0, type="integer", minimum=0, title="Version", description="0: the one before the champion."
        ),
    },
    user_defined_macros=groups.MACROS,
    tags=["sagemaker"],
    doc_md=__doc__,
):
    # In the registry: the version is approved, and every approved one after it is rejected.
    back = task(tasks.rollback, retries=0)(
        folder=str(MODELS),
        model="{{ params.model }}",
        version="{{ params.version }}",
        name=groups.NAME,
        by="{{ dag_run.triggering_user_name or '' }}",
    )

    # Behind the endpoint: the version's own model; green only when it serves.
    endpoint = SageMakerEndpointOperator(task_id="endpoint", config=back["endpoint"])

    chain(back, endpoint)
