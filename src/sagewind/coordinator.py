"""How the stack's workers run a task: as Airflow does, but told by the kernel when its process is gone.

Airflow's supervisor learns it from the process's sockets. They close a moment before the process is gone, so
that every fourth look finds it still there, and the next look comes `[workers] min_heartbeat_interval`
seconds later: so long the task keeps its slot, and the scheduler is not told.
"""

from __future__ import annotations

import os
import selectors
from io import FileIO
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.coordinator import BaseCoordinator
from airflow.sdk.execution_time.supervisor import ActivitySubprocess

if TYPE_CHECKING:
    from collections.abc import Mapping


class PromptCoordinator(BaseCoordinator):
    """Runs Python tasks; Airflow makes it from `[sdk] coordinators`."""

    def execute_task(self, **what: Any) -> BaseCoordinator.ExecutionResult:
        """Run a task in a process of its own, and wait for its end."""
        process = WatchedTask.start(**what)
        code = process.wait()
        return self.ExecutionResult(code, process.final_state)


class WatchedTask(ActivitySubprocess):
    """A task's process, whose end is an event like what it says."""

    _end: FileIO | None = None
    """Readable as soon as the process is gone; elsewhere than on Linux there is no such thing."""

    def wait(self) -> int:
        """Wait for the end of the process; return its exit code."""
        try:
            return int(super().wait())
        finally:
            if self._end is not None:
                self._end.close()

    def _register_pipe_readers(self, *sockets: Any, data: Mapping[Any, bytes]) -> None:
        super()._register_pipe_readers(*sockets, data=dict(data))
        if hasattr(os, "pidfd_open"):
            self._end = FileIO(os.pidfd_open(self.pid))
            self.selector.register(
                self._end, selectors.EVENT_READ, (_has_more_to_say, self.selector.unregister)
            )


def _has_more_to_say(_: FileIO) -> bool:
    """Answer the supervisor's question about an end."""
    return False
