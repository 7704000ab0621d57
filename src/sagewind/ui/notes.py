"""The note of a task that ran a job: metrics, billable seconds and cost, where a person looks first.

Airflow lets no task write its own note, and only the API server has the database. So as the server stores
what such a task returns, it stores the job's summary beside it, as the task's note. A person's note stays.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

LONGEST = 1000
"""Characters that Airflow's table has for a note."""

AUTHOR = "sagewind"
_RESULT = "return_value"
_CUT = "more in XCom"
_log = logging.getLogger(__name__)


def taking(app: Any) -> Any:
    """Have this process take notes, and return the ASGI application as it is.

    To Airflow it is a middleware of the API server: what else of a plugin only that process makes?
    """
    from airflow.models.xcom import XComModel  # noqa: PLC0415 - no task's process needs Airflow's tables
    from sqlalchemy import event  # noqa: PLC0415

    if not event.contains(XComModel, "after_insert", _after_insert):
        event.listen(XComModel, "after_insert", _after_insert)
    return app


def text(stored: Any) -> str:
    """Return the note for what a task returned, as Airflow stores it; empty when no job's summary is in it.

    A fenced block of JSON, at most `LONGEST` characters: as many metrics as there is room for.
    """
    summary = _summary(stored)
    if summary is None:
        return ""
    names = list(summary.get("Metrics", {}))
    for kept in range(len(names), -1, -1):
        shown = dict(summary)
        if kept < len(names):
            shown["Metrics"] = {name: summary["Metrics"][name] for name in names[:kept]} | {"...": _CUT}
        note = f"```json\n{json.dumps(shown, indent=1)}\n```"
        if len(note) <= LONGEST:
            return note
    return ""


def _summary(stored: Any) -> Mapping[str, Any] | None:
    """Find what `JobOperator` adds to a job's description."""
    try:
        value = json.loads(stored) if isinstance(stored, str) else stored
    except ValueError:
        return None
    found = value.get("Summary") if isinstance(value, dict) else None
    return found if isinstance(found, dict) and "BillableSeconds" in found else None


def _after_insert(_mapper: object, connection: Connection, stored: Any) -> None:
    """Write the note in the transaction that stores the result, which must not fail of it."""
    note = text(stored.value) if stored.key == _RESULT else ""
    if not note:
        return
    try:
        with connection.begin_nested():
            _write(connection, stored, note)
    except Exception:  # noqa: BLE001 - no note is no reason to lose a result
        _log.exception("no note for the task %s of %s %s", stored.task_id, stored.dag_id, stored.run_id)


def _write(connection: Connection, stored: Any, note: str) -> None:
    from airflow.models.taskinstance import TaskInstance, TaskInstanceNote  # noqa: PLC0415
    from sqlalchemy import delete, insert, select  # noqa: PLC0415

    task = select(TaskInstance.id).where(
        TaskInstance.dag_id == stored.dag_id,
        TaskInstance.run_id == stored.run_id,
        TaskInstance.task_id == stored.task_id,
        TaskInstance.map_index == stored.map_index,
    )
    # A cleared task keeps its note.
    ours = TaskInstanceNote.user_id == AUTHOR
    connection.execute(delete(TaskInstanceNote).where(TaskInstanceNote.ti_id.in_(task), ours))
    free = task.where(TaskInstance.id.not_in(select(TaskInstanceNote.ti_id)))
    now = dt.datetime.now(dt.UTC)
    for (key,) in connection.execute(free).all():
        row = {"ti_id": key, "user_id": AUTHOR, "content": note, "created_at": now, "updated_at": now}
        connection.execute(insert(TaskInstanceNote).values(row))
