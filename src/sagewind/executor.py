"""Airflow's LocalExecutor, whose scheduler looks for the next task as soon as one has ended.

Airflow's scheduler naps between two looks at the database, however much waits for what has just ended: for a
chain of short tasks that is a third of its time. An executor is asked at each look what its tasks have
reported, so this one naps there instead, and a report wakes it. With it belongs a
`[scheduler] scheduler_idle_sleep_time` of 0: all else is looked for as often as before.

A task that starts before the API answers dies of that, and so may all its tries. So this executor starts when
the API answers; what the scheduler imports it has imported by then.
"""

from __future__ import annotations

import time
from multiprocessing import connection

import httpx
from airflow.executors.base_executor import get_execution_api_server_url
from airflow.executors.local_executor import LocalExecutor

NAP_SECONDS = 0.1
_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = 120.0
"""The API builds its routes at its first request, and answers nobody meanwhile."""


class PromptLocalExecutor(LocalExecutor):
    """Runs tasks as LocalExecutor does."""

    nap = NAP_SECONDS
    """Seconds to wait for a report at most."""

    def start(self) -> None:
        """Start when the API that tasks talk to answers."""
        address = get_execution_api_server_url(self.conf).rstrip("/") + "/health"
        with httpx.Client(trust_env=False, timeout=_ANSWER_SECONDS) as client:
            while not _answers(client, address):
                time.sleep(_LOOK_SECONDS)
        super().start()

    def sync(self) -> None:
        """Take what tasks have reported; when nothing has been, wait a moment for it."""
        # The queue has no method that waits for a while; Python's own process pools wait for it like this.
        connection.wait([self.result_queue._reader], self.nap)  # type: ignore[attr-defined]  # noqa: SLF001
        super().sync()


def _answers(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(address).is_success
    except httpx.HTTPError:
        return False
