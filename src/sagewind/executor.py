"""Airflow's LocalExecutor, whose scheduler looks for the next task as soon as one has ended.

Airflow's scheduler naps between two looks at the database, however much waits for what has just ended: for a
chain of short tasks that is a third of its time. An executor is asked at each look what its tasks have
reported, so this one naps there instead, and a report wakes it. With it belongs a
`[scheduler] scheduler_idle_sleep_time` of 0: all else is looked for as often as before.
"""

from __future__ import annotations

from multiprocessing import connection

from airflow.executors.local_executor import LocalExecutor

NAP_SECONDS = 0.1


class PromptLocalExecutor(LocalExecutor):
    """Runs tasks as LocalExecutor does."""

    nap = NAP_SECONDS
    """Seconds to wait for a report at most."""

    def sync(self) -> None:
        """Take what tasks have reported; when nothing has been, wait a moment for it."""
        # The queue has no method that waits for a while; Python's own process pools wait for it like this.
        connection.wait([self.result_queue._reader], self.nap)  # type: ignore[attr-defined]  # noqa: SLF001
        super().sync()
