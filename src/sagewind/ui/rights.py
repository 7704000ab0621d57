"""What a user may see, asked of Airflow's auth manager; what an address's query says decides nothing.

`requires_access_dag` takes a DAG from the query where the path names none
(`airflow.api_fastapi.core_api.security`): it is only for routes with `dag_id` in their path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from sqlalchemy import select

if TYPE_CHECKING:
    from collections.abc import Collection


def sees_tasks(user: Any, dag_id: str) -> bool:
    """Whether the user may see the tasks of a DAG; empty: of all DAGs.

    Asked about no DAG, as Airflow asks for lists, an auth manager may say yes to who may see tasks of some
    (FAB's does); so then each DAG that Airflow knows is asked for, too.
    """
    asked = [dag_id] if dag_id else [None, *_known()]
    teams = _teams([each for each in asked if each])
    return bool(
        get_auth_manager().batch_is_authorized_dag(
            [
                {
                    "method": "GET",
                    "access_entity": DagAccessEntity.TASK_INSTANCE,
                    "details": DagDetails(id=each, team_name=teams.get(each or "")),
                }
                for each in asked
            ],
            user=user,
        )
    )


def whose_runs(user: Any, names: Collection[str]) -> set[str]:
    """Return those of the DAGs whose runs the user may see."""
    teams = _teams(names)
    return {
        name
        for name in names
        if get_auth_manager().is_authorized_dag(
            method="GET",
            access_entity=DagAccessEntity.RUN,
            details=DagDetails(id=name, team_name=teams.get(name)),
            user=user,
        )
    }


def _teams(names: Collection[str]) -> dict[str, str | None]:
    return dict(DagModel.get_dag_id_to_team_name_mapping(list(names)))


def _known() -> list[str]:
    with create_session() as session:
        return list(session.scalars(select(DagModel.dag_id)))
