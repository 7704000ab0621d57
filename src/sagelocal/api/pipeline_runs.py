"""The executions that run: a thread for each, taken up again when the service starts."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from sagelocal.api.pipeline_run import Run
from sagelocal.api.records import now
from sagelocal.errors import ServiceError
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.pipelines.progress import ENDED, OVER, ExecutionStatus, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagelocal.api.calling import Caller
    from sagelocal.api.pipeline_records import PipelineRecords
    from sagelocal.storage import Storage

_TRIES = 5
"""How often an execution is taken up again after an error of the service itself (a busy disk, say)."""
_PAUSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Runs:
    """Runs the executions in the store."""

    def __init__(
        self,
        *,
        records: PipelineRecords,
        caller: Caller,
        storage: Storage,
        tags: Callable[[str], dict[str, str]],
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._pause = pause_seconds
        self._records = records
        self._caller = caller
        self._storage = storage
        self._tags = tags
        self._guard = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._runs: dict[str, Run] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """Take up every execution that has not ended."""
        for each in self._records.all_executions():
            if each.body["PipelineExecutionStatus"] not in ENDED:
                self.begin(each.name)

    def begin(self, name: str) -> None:
        """Run an execution that was just stored as `Executing`."""
        with self._guard:
            before = self._threads.get(name)
            thread = threading.Thread(
                target=self._carry_out, args=(name, before), name=f"pipeline {name}", daemon=True
            )
            self._threads[name] = thread
        thread.start()

    def ring(self, name: str) -> None:
        """Have an execution look at what was just changed."""
        with self._guard:
            run = self._runs.get(name)
        if run is not None:
            run.ring()

    def stop_all(self) -> None:
        """Stop every execution, and wait until the last has ended."""

        def mark(body: dict[str, Any]) -> None:
            if body["PipelineExecutionStatus"] == ExecutionStatus.EXECUTING:
                body["PipelineExecutionStatus"] = ExecutionStatus.STOPPING

        living = self._living()
        for name, _ in living:
            self._records.update_execution(name, mark)
            self.ring(name)
        for _, thread in living:
            thread.join()

    def close(self) -> None:
        """End the threads; the executions are taken up by the service's next life."""
        self._closing.set()
        for name, thread in self._living():
            self.ring(name)
            thread.join()

    def _living(self) -> list[tuple[str, threading.Thread]]:
        with self._guard:
            return [(name, thread) for name, thread in self._threads.items() if thread.is_alive()]

    def _carry_out(self, name: str, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        try:
            for left in reversed(range(_TRIES)):
                if self._try(name, is_last=left == 0) or self._closing.wait(self._pause):
                    return
        finally:
            self._forget(name)
            self._records.close()

    def _try(self, name: str, *, is_last: bool) -> bool:
        """Take the execution up where it stands; tell whether that came to an end, good or bad."""
        try:
            self._run(name)
        except ServiceError as error:
            _log.warning("%s ended: %s", name, error.message)
            self._fail(name, f"ClientError: {error.message}")
        except Exception as error:  # noqa: BLE001  (an execution always gets an end; the log gets the rest)
            _log.exception("%s was interrupted", name)
            if not is_last:
                return False
            self._fail(name, f"InternalServerError: {type(error).__name__}: {error}")
        return True

    def _run(self, name: str) -> None:
        run = Run(
            name=name,
            records=self._records,
            caller=self._caller,
            storage=self._storage,
            tags=self._tags,
            is_closing=self._closing.is_set,
        )
        with self._guard:
            self._runs[name] = run
        run.run()

    def _fail(self, name: str, reason: str) -> None:
        told = {"FailureReason": reason[:LONGEST_REASON]}

        def change(body: dict[str, Any]) -> None:
            if body["PipelineExecutionStatus"] in ENDED:
                return
            body |= {"PipelineExecutionStatus": ExecutionStatus.FAILED, **told}
            for record in body["Steps"].values():
                if record["StepStatus"] not in OVER:
                    record |= {"StepStatus": StepStatus.FAILED, "EndTime": now(), **told}

        try:
            self._records.update_execution(name, change)
        except ServiceError:
            _log.warning("%s was deleted", name)

    def _forget(self, name: str) -> None:
        with self._guard:
            self._runs.pop(name, None)
            if self._threads.get(name) is threading.current_thread():
                del self._threads[name]
