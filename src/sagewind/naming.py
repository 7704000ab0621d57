"""Names and S3 keys, from what they name: the run's identity, or the content's hash.

A name computed twice is the same name, so what a task made can be found from outside (a link, a cleanup)
without having been written down. Runs from the API have no logical date and second-resolution names
collide, so a name is a hash of what Airflow guarantees unique: DAG id, run id, task id, map index, attempt.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 63
_HASH = 12


class DagRun(Protocol):
    """What of Airflow's DAG run is read."""

    data_interval_start: dt.datetime | None
    data_interval_end: dt.datetime | None
    logical_date: dt.datetime | None
    run_after: dt.datetime
    run_type: str
    start_date: dt.datetime
    """Of a run that was cleared when it was over: when it started again."""
    clear_number: int | None
    """How often it was cleared."""


class Event(Protocol):
    """What of an asset's event is read: what the task that made it said."""

    extra: Mapping[str, Any] | None


class TaskInstance(Protocol):
    """What of Airflow's task instance a name is made of."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None
    try_number: int


Events = Mapping[Any, Sequence[Event]]
"""The events of assets that started a run: Airflow's `triggering_asset_events`."""


def digest(parts: Iterable[str]) -> str:
    """Hash texts so that neither their order nor their borders can be confused."""
    whole = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        whole.update(f"{len(encoded)}:".encode() + encoded)
    return whole.hexdigest()


def content_hash(content: bytes) -> str:
    """Hash bytes for use in an S3 key: 16 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def slug(text: str) -> str:
    """Turn any text into letters, digits and single hyphens, as SageMaker's names allow; may be empty."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")


def name(readable: str, *identity: str) -> str:
    """Return a name of at most 63 characters: what a person reads, then the hash of the identity.

    SageMaker's rule for names: `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`.
    """
    tail = digest(identity)[:_HASH]
    head = slug(readable)[: LONGEST - _HASH - 1].rstrip("-")
    return f"{head}-{tail}" if head else tail


def for_task(ti: TaskInstance) -> str:
    """Name what one attempt of one task makes, as `iris-train-3f2a9c1b7d04`.

    The attempt is part of it: models and endpoint configs of a failed attempt may still be there.
    """
    return name(
        f"{ti.dag_id}-{ti.task_id}",
        ti.dag_id,
        ti.run_id,
        ti.task_id,
        str(-1 if ti.map_index is None else ti.map_index),
        str(ti.try_number),
    )


def beginning(dag_id: str) -> str:
    """Return how the names begin that `for_task` makes for a DAG's tasks."""
    begins, longest = f"{slug(dag_id)}-", LONGEST - _HASH - 1
    return begins if len(begins) <= longest else begins[:longest].rstrip("-")


def for_run(readable: str, dag_id: str, run_id: str) -> str:
    """Name what belongs to a whole run, for S3 prefixes: `iris-3f2a9c1b7d04`."""
    return name(readable, dag_id, run_id)


def partition(day: dt.date | dt.datetime | str) -> str:
    """Return the S3 partition of a day, `ds=2026-11-22`; of a moment, its day in UTC."""
    if isinstance(day, str):
        day = dt.datetime.fromisoformat(day)
    if isinstance(day, dt.datetime):
        day = (day.astimezone(dt.UTC) if day.tzinfo else day).date()
    return f"ds={day.isoformat()}"


def day_of(run: DagRun) -> str:
    """Return the day (UTC) that a run is about: of its data interval; of a run without one, of its start.

    A run that an asset started, a new champion say, is about the newest whole day: the one before.
    """
    moment = run.data_interval_start or run.logical_date or run.run_after
    if run.data_interval_start is None and run.run_type == "asset_triggered":
        moment -= dt.timedelta(days=1)
    return moment.astimezone(dt.UTC).date().isoformat()


def end_of(run: DagRun) -> str:
    """Return the moment (ISO 8601, UTC) by which a run's data was there: its interval's end, or its start."""
    moment = run.data_interval_end or run.logical_date or run.run_after
    return moment.astimezone(dt.UTC).isoformat()


def end_of_day(day: str) -> str:
    """Return the moment (ISO 8601, UTC) at which a day, `2026-11-22`, ends."""
    start = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), tzinfo=dt.UTC)
    return (start + dt.timedelta(days=1)).isoformat()


def scored_until(run: DagRun, day: str | None) -> str:
    """Return the moment (ISO 8601, UTC) by which what a run scores was there: its interval's end.

    Of a `day` that a person chose, and of a run without an interval, it is the end of the day; of a day that
    has not ended, the moment for which the run was asked.
    """
    if not day and run.data_interval_end is not None:
        return end_of(run)
    asked = run.run_after.astimezone(dt.UTC).isoformat()
    return min(end_of_day(day or day_of(run)), asked, key=dt.datetime.fromisoformat)


def until(run: DagRun, events: Events) -> str:
    """Return up to when (ISO 8601, UTC) a run may use data: `end_of`, or what the events that started it say.

    Drift that a backfill finds in an interval of long ago starts a training of that time, not of today.
    """
    told = [extra["until"] for extra in _extras(events) if "until" in extra]
    return max(told, key=dt.datetime.fromisoformat) if told else end_of(run)


def since(run: DagRun, events: Events) -> str:
    """Return from when on a run's model counts: in a backfill from the interval's end; empty: from now on.

    A run that a backfill's event started belongs to that backfill.
    """
    backfills = run.run_type == "backfill" or any(extra.get("backfill") for extra in _extras(events))
    return until(run, events) if backfills else ""


def began(run: DagRun) -> str:
    """Return the moment (ISO 8601, UTC) since which a run's jobs may have been made.

    A clear moves the run's start, and when it was queued, but not `run_after`, before which no run starts
    (`airflow.models.taskinstance.clear_task_instances`). That can be years ago in a backfill, so only a run
    that was cleared goes by it.
    """
    moment = min(run.run_after, run.start_date) if run.clear_number else run.start_date
    return moment.astimezone(dt.UTC).isoformat()


def _extras(events: Events) -> list[Mapping[str, Any]]:
    return [event.extra or {} for listed in events.values() for event in listed]
