"""Runs an operator as Airflow does, without a scheduler: task runner, triggerer, retry and clear.

The scheduler's own behaviour is tested in tests/e2e and tests/chaos; this is for the hundred cases that
would take a minute each there.
"""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass, field
from typing import Any

from airflow.sdk.exceptions import TaskDeferred


@dataclass
class Store:
    """A task state store: survives retries and clears."""

    values: dict[str, Any] = field(default_factory=dict)

    def get(self, key, default=None):
        return self.values.get(key, default)

    def set(self, key, value, **_):
        self.values[key] = value


@dataclass
class Instance:
    """A task instance: what the operators use of it."""

    dag_id: str = "tests"
    run_id: str = "manual__2026-11-22T00:00:00+00:00"
    task_id: str = "task"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key, value):
        self.xcoms[key] = value


@dataclass
class Attempt:
    """The tries of one task of one run."""

    make: Any
    """Makes the operator anew, as a worker process does from the DAG file."""
    ti: Instance = field(default_factory=Instance)
    store: Store = field(default_factory=Store)
    triggers: list[Any] = field(default_factory=list)

    def context(self) -> dict[str, Any]:
        return {"ti": self.ti, "task_instance": self.ti, "task_state_store": self.store}

    def start(self) -> Any:
        """Run a try up to its end, or to its first deferral, which is returned."""
        operator = self.make()
        self.ti.max_tries = max(self.ti.max_tries, operator.retries)
        try:
            return operator.execute(self.context())
        except TaskDeferred as deferred:
            return deferred

    def finish(self, outcome: Any) -> Any:
        """Run triggers and resumptions until the task ends."""
        while isinstance(outcome, TaskDeferred):
            event = asyncio.run(self.event(outcome))
            outcome = self.resume(outcome, event)
        return outcome

    def resume(self, deferred: TaskDeferred, event: Any) -> Any:
        kwargs = {**(deferred.kwargs or {}), "event": event}
        try:
            return self.make().resume_execution(deferred.method_name, kwargs, self.context())
        except TaskDeferred as again:
            return again

    def resume_with_broken_trigger(self) -> Any:
        """Resume as Airflow does when the trigger itself ended with an error."""
        return self.make().resume_execution("__fail__", {"error": "the trigger broke"}, self.context())

    async def event(self, deferred: TaskDeferred) -> Any:
        async for fired in self.trigger(deferred).run():
            return fired.payload
        return None

    def trigger(self, deferred: TaskDeferred) -> Any:
        """Make the trigger again from what it serialises to, as the triggerer does."""
        path, arguments = deferred.trigger.serialize()
        module, _, name = path.rpartition(".")
        made = getattr(importlib.import_module(module), name)(**arguments)
        self.triggers.append(made)
        return made

    def run(self) -> Any:
        return self.finish(self.start())

    def retry(self) -> Any:
        """Run the next try, as after a worker that died."""
        self.ti.try_number += 1
        return self.run()

    def clear(self, retries: int = 0) -> Any:
        """Run anew, as after a person cleared the finished task."""
        self.ti.max_tries = self.ti.try_number + retries
        self.ti.try_number += 1
        return self.run()
