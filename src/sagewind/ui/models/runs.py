"""What Airflow's own database says of models' DAGs: their newest runs, and what is asked of a person now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import func, select

from sagewind.ui.models import values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

SCORE = "_score"
_WAITS = ("awaiting_input", "deferred")
"""The states of a task that waits for a person: the first since Airflow 3.3, the second before."""


def of_models(names: Sequence[str], *, newest: int) -> dict[str, values.Airflow]:
    """Return the DAGs of each model, with so many runs of each."""
    wanted = [dag_id for name in names for dag_id in (name, name + SCORE)]
    with create_session() as session:
        dags = _dags(session, wanted, newest)
    return {name: values.Airflow(training=dags.get(name), scoring=dags.get(name + SCORE)) for name in names}


def _dags(session: Session, wanted: Sequence[str], newest: int) -> dict[str, values.Dag]:
    runs, questions = _runs(session, wanted, newest), _questions(session, wanted)
    query = select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(wanted), ~DagModel.is_stale)
    return {
        dag_id: values.Dag(
            dag_id=dag_id,
            paused=bool(paused),
            runs=tuple(each for each in runs if each.dag_id == dag_id),
            questions=tuple(each for each in questions if each.dag_id == dag_id),
        )
        for dag_id, paused in session.execute(query)
    }


def _runs(session: Session, wanted: Sequence[str], newest: int) -> list[values.Run]:
    """Return each DAG's newest runs in one query: by when they were made, whatever day they are about."""
    place = func.row_number().over(partition_by=DagRun.dag_id, order_by=DagRun.id.desc()).label("place")
    placed = select(DagRun.id, place).where(DagRun.dag_id.in_(wanted)).subquery()
    query = (
        select(DagRun)
        .join(placed, DagRun.id == placed.c.id)
        .where(placed.c.place <= newest)
        .order_by(DagRun.id.desc())
    )
    return [
        values.Run(
            dag_id=run.dag_id,
            run_id=run.run_id,
            state=str(getattr(run.state, "value", run.state)),
            kind=str(getattr(run.run_type, "value", run.run_type)),
            start=run.start_date,
            end=run.end_date,
            logical=run.data_interval_start or run.logical_date,
        )
        for run in session.scalars(query)
    ]


def _questions(session: Session, wanted: Sequence[str]) -> list[values.Question]:
    query = (
        select(
            TaskInstance.dag_id,
            TaskInstance.run_id,
            TaskInstance.task_id,
            TaskInstance.map_index,
            HITLDetail.subject,
            HITLDetail.created_at,
        )
        .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
        .where(
            TaskInstance.dag_id.in_(wanted),
            TaskInstance.state.in_(_WAITS),
            HITLDetail.responded_at.is_(None),
        )
        .order_by(HITLDetail.created_at)
    )
    return [
        values.Question(
            dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index, subject=subject, since=since
        )
        for dag_id, run_id, task_id, map_index, subject, since in session.execute(query)
    ]
