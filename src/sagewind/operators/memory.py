"""The names of the jobs that a task has asked for, in Airflow's task state store.

It survives retries and clears. Airflow before 3.3 has no such store: there a job is found by its name alone,
so the name in the configuration must not change from one try to the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

KEY = "sagewind_jobs"
SUMMARY = "sagewind_summary"
"""What the task's last job gave, beside the task in Airflow's UI; a task cannot write a note of its own."""

_MOST = 20


def jobs(context: Context) -> tuple[str, ...]:
    """Return the names of the jobs that this task has asked for, newest first.

    One of them may be somebody else's, who was faster to take the name.
    """
    kept = _get(context, KEY)
    return tuple(str(name) for name in kept) if isinstance(kept, list) else ()


def remember(context: Context, name: str, kept: tuple[str, ...]) -> tuple[str, ...]:
    """Add a name to those that are kept, and return all of them.

    Called before the job is made, so that there is never a job without a note of it.
    """
    names = (name, *(other for other in kept if other != name))[:_MOST]
    put(context, KEY, list(names))
    return names


def put(context: Context, key: str, value: Any) -> None:
    """Write a value down."""
    store: Any = context.get("task_state_store")
    if store is not None:
        store.set(key, value)


def _get(context: Context, key: str) -> Any:
    store: Any = context.get("task_state_store")
    return None if store is None else store.get(key)
