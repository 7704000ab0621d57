"""Where a job's log was read up to, kept as an XCom of the waiting task.

A trigger is made again from the arguments it was deferred with when its triggerer dies; without this it would
show the log from the start once more. Airflow clears XComs before a retry, and so this.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.xcom import XCom
from asgiref.sync import sync_to_async

from sagewind.jobs.tail import Position

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "sagewind_log"
_log = logging.getLogger(__name__)


async def load(ti: Any, name: str) -> Position | None:
    """Return how far the log of the job `name` was shown; `None` when it was not, or nobody can say."""
    return await sync_to_async(load_now)(ti, name)


async def save(ti: Any, name: str, position: Position) -> None:
    """Write down how far the log of the job `name` was shown."""
    await sync_to_async(save_now)(ti, name, position)


def load_now(ti: Any, name: str) -> Position | None:
    """Do what `load` does, in a thread that may wait."""
    if ti is None:
        return None
    try:
        kept = XCom.get_one(key=KEY, **_key(ti))
    except Exception as error:  # noqa: BLE001 - a position that cannot be had costs lines shown twice, no more
        _log.debug("no log position: %s", error)
        return None
    return (
        Position.from_json(kept["position"]) if isinstance(kept, dict) and kept.get("name") == name else None
    )


def save_now(ti: Any, name: str, position: Position) -> None:
    """Do what `save` does, in a thread that may wait."""
    if ti is None:
        return
    try:
        XCom.set(key=KEY, value={"name": name, "position": position.as_json()}, **_key(ti))
    except Exception as error:  # noqa: BLE001 - as above
        _log.debug("the log position was not kept: %s", error)


def _key(ti: Any) -> Mapping[str, Any]:
    map_index = -1 if ti.map_index is None else ti.map_index
    return {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": map_index}
