"""Airflow listener: the job of a deferred task that a person marks is stopped from where the mark is made.

Airflow's triggerer does it too (`SageMakerJobTrigger.on_kill`), but only for a trigger that it runs: not in
the second after the deferral, nor while there is no triggerer, nor before Airflow 3.3. A run that is deleted
by then takes its tasks along, and nobody would know of its jobs. A job that both stop is stopped once.

The API server calls these with rows of the database; a task's own process with values that have no trigger.
So what is imported here at the top is next to nothing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

_TRIGGER = "sagewind.operators.triggers.SageMakerJobTrigger"
_ENDED = frozenset({"failed", "success", "skipped"})
_log = logging.getLogger(__name__)


@hookimpl
def on_task_instance_failed(task_instance: Any) -> None:
    """Stop the job of a task that was marked failed."""
    stop([task_instance])


@hookimpl
def on_task_instance_success(task_instance: Any) -> None:
    """Stop the job of a task that was marked successful: nobody waits for it any more."""
    stop([task_instance])


@hookimpl
def on_task_instance_skipped(task_instance: Any) -> None:
    """Stop the job of a task that was marked skipped."""
    stop([task_instance])


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Stop the jobs of a run that was marked failed."""
    _stop_all(dag_run, msg)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Stop the jobs of a run that was marked successful."""
    _stop_all(dag_run, msg)


def stop(instances: Iterable[Any]) -> None:
    """Stop the jobs of those task instances that have ended and still have a trigger of ours.

    Airflow takes its trigger from a task that runs again at once, from one that has ended within a second.
    """
    for each in instances:
        if getattr(each, "trigger_id", None) is None or each.state not in _ENDED:
            continue
        row = each.trigger
        if row is not None and row.classpath == _TRIGGER:
            _once_committed(each, row.kwargs)


def _stop_all(dag_run: Any, reason: str) -> None:
    """Do it for a run that a person marked: Airflow 3.2 gives no reason then, and 3.3 tells of each task."""
    if not reason:
        stop(dag_run.task_instances)


def _once_committed(instance: Any, arguments: dict[str, Any]) -> None:
    """Stop a job in a thread, when the mark is in the database.

    Before that the trigger could report the stop, and the task would run again to judge it.
    """
    from sqlalchemy import event, orm  # noqa: PLC0415 - a task's process has no use for it

    undone: list[object] = []

    def begin(_: object) -> None:
        if not undone:
            threading.Thread(target=_kill, args=(arguments,), daemon=True).start()

    session = orm.object_session(instance)
    event.listen(session, "after_rollback", undone.append, once=True)
    event.listen(session, "after_commit", begin, once=True)


def _kill(arguments: dict[str, Any]) -> None:
    from sagewind.operators.triggers import SageMakerJobTrigger  # noqa: PLC0415 - heavy, and seldom needed

    try:
        asyncio.run(SageMakerJobTrigger(**arguments).on_kill())
    except Exception:  # noqa: BLE001 - nobody waits for this thread
        _log.exception("the job %s of a task that was marked was not stopped", arguments.get("name"))
