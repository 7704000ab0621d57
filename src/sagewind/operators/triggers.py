"""Waiting in the triggerer for a job or an endpoint: its log live, and a stop when the user ends the task.

The provider's trigger shows no log, gives up after half an hour, and leaves the job running when its task is
killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.amazon.aws.hooks.logs import AwsLogsHook
from airflow.triggers.base import TriggerEvent
from botocore.exceptions import ClientError

from sagewind.jobs import holding, limits, masking, tail
from sagewind.jobs.kinds import KINDS, Phase
from sagewind.operators import positions
from sagewind.operators.waiting import TROUBLES, SagewindTrigger, is_absent, passes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from sagewind.jobs.tail import Answer, Call
    from sagewind.operators.hook import SageMakerHook

Result = TypeVar("Result")

_UNNOTED_SECONDS = 30.0
"""How long after its deferral a trigger leaves unnoted how far it showed the log.

The first note costs the triggerer some ten seconds of one core, since Airflow then builds its API in there:
more than a short job takes in all.
"""

_KILL_SECONDS = 25
"""Airflow gives `on_kill` 30 seconds (`[triggerer] on_kill_timeout`)."""

_KILLS: set[asyncio.Future[None]] = set()
"""The stops under way: an event loop itself holds its tasks by weak references only."""


class SageMakerJobTrigger(SagewindTrigger):
    """Waits until a job is over.

    `kind` is a key of `sagewind.jobs.kinds.KINDS`, `poll` seconds between looks, `deadline` epoch seconds,
    `position` where its log was read up to, `delete_on_kill` whether an endpoint is to be deleted then,
    `plan` what the operator wants to know again: `dag.test()` forgets a deferral's own arguments.

    Fires one event: `status` (the job's, `timeout`, or `gone`), `name`, `position`, `plan`. `gone`, when
    somebody deleted what is waited for, is told to who has a plan; to others that is an error.
    """

    def __init__(
        self,
        *,
        kind: str,
        name: str,
        poll: float,
        deadline: float,
        position: dict[str, Any] | None = None,
        show_log: bool = True,
        stop_on_kill: bool = True,
        delete_on_kill: bool = False,
        plan: dict[str, Any] | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.kind = KINDS[kind]
        self.name = name
        self.poll = poll
        self.deadline = deadline
        self.position = tail.Position.from_json(position)
        self.show_log = show_log
        self.stop_on_kill = stop_on_kill
        self.delete_on_kill = delete_on_kill
        self.plan = plan
        self._secrets: frozenset[str] = frozenset()
        self._log_trouble = False
        self._noted = self.position

    def arguments(self) -> dict[str, Any]:
        """Return the arguments to make it again."""
        return super().arguments() | {
            "kind": self.kind.key,
            "name": self.name,
            "poll": self.poll,
            "deadline": self.deadline,
            "position": self.position.as_json(),
            "show_log": self.show_log,
            "stop_on_kill": self.stop_on_kill,
            "delete_on_kill": self.delete_on_kill,
            "plan": self.plan,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, show the log, sleep; until the job is over or the deadline has passed."""
        if self._may_be_noted():
            self._noted = self.position = await positions.load(self.task_instance, self.name) or self.position
        hook = self._hook()
        async with await hook.get_async_conn() as client, await self._logs(hook).get_async_conn() as logs:
            status = await self._until_over(client, logs)
        await self.until_seen()
        told = {"name": self.name, "position": self.position.as_json(), "plan": self.plan}
        yield TriggerEvent({"status": status, **told})

    async def on_kill(self) -> None:
        """Stop the job, since its task was marked or cleared, or its run has ended without it.

        It goes on by itself: Airflow cancels this call at its next round, a second later, and at each one
        after that (`TriggerRunner.cancel_triggers`).
        """
        killing = asyncio.ensure_future(self._kill())
        _KILLS.add(killing)
        killing.add_done_callback(_KILLS.discard)
        await asyncio.shield(killing)

    async def _kill(self) -> None:
        if not (self.kind.stoppable and self.stop_on_kill) and not self.delete_on_kill:
            return
        self.log.info("stopping %s %s: its task was ended", self.kind.noun, self.name)
        asked, end = False, time.monotonic() + _KILL_SECONDS
        async with await self._hook().get_async_conn() as client:
            while time.monotonic() < end:
                try:
                    if not asked:
                        await self._end(client)
                    asked = True
                    if self.delete_on_kill or await self._phase(client) not in (Phase.ACTIVE, Phase.STOPPING):
                        return
                except TROUBLES as error:
                    if not passes(error):
                        self.log.info("%s %s was not stopped: %s", self.kind.noun, self.name, error)
                        return
                    self.log.warning("%s %s: %s; trying again", self.kind.noun, self.name, error)
                await asyncio.sleep(min(self.poll, 1.0))

    async def _end(self, client: Any) -> None:
        verb = "delete" if self.delete_on_kill else "stop"
        await getattr(client, f"{verb}_{self.kind.method}")(**{self.kind.name_key: self.name})

    async def _until_over(self, client: Any, logs: Any) -> str:
        failed = 0
        while True:
            try:
                description = await self._describe(client)
                failed = 0
                status = self.kind.status(description)
                self._secrets |= masking.secrets(description)
                over = self.kind.phase(description) not in (Phase.ACTIVE, Phase.STOPPING)
            except TROUBLES as error:
                if self.plan is not None and is_absent(error):
                    return "gone"
                if not passes(error):
                    raise
                failed += 1
                over, status = False, ""
                self.log.warning("%s %s: %s; trying again", self.kind.noun, self.name, error)
            await self._show_log(logs)
            if over:
                return status
            if time.time() >= self.deadline:
                return "timeout"
            pause = limits.backoff(failed, base=self.poll) if failed else limits.jittered(self.poll)
            await self._pause(client, min(pause, max(0.0, self.deadline - time.time())))

    async def _pause(self, client: Any, seconds: float) -> None:
        """Sleep; by sagelocal, which holds a call, be told meanwhile when the job is over."""
        begin = time.monotonic()
        with contextlib.suppress(*TROUBLES), holding.asking(client, seconds) as patience:
            if patience and await self._phase(client) not in (Phase.ACTIVE, Phase.STOPPING):
                return
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - begin)))

    async def _describe(self, client: Any) -> dict[str, Any]:
        describe = getattr(client, f"describe_{self.kind.method}")
        description: dict[str, Any] = await describe(**{self.kind.name_key: self.name})
        return description

    async def _phase(self, client: Any) -> Phase:
        return self.kind.phase(await self._describe(client))

    async def _show_log(self, logs: Any) -> None:
        where = self.kind.logs(self.name)
        if where is None or not self.show_log:
            return
        try:
            reading = await _drive(logs, tail.read(*where, self.position))
        except TROUBLES as error:
            # A log that cannot be read is no reason for a job to fail.
            if not self._log_trouble:
                self.log.warning("the log of %s %s cannot be read: %s", self.kind.noun, self.name, error)
            self._log_trouble = True
            return
        for line in reading.lines:
            self.log.info("%s", masking.masked_text(line, self._secrets))
        if reading.lines:
            self.position = reading.position
        if self.position != self._noted and self._may_be_noted():
            await positions.save(self.task_instance, self.name, self.position)
            self._noted = self.position

    def _may_be_noted(self) -> bool:
        return time.time() - self.since >= _UNNOTED_SECONDS

    def _logs(self, hook: SageMakerHook) -> AwsLogsHook:
        return AwsLogsHook(**hook.sagewind_parameters)


async def _drive(client: Any, reading: Generator[Call, Answer, Result]) -> Result:
    """Make the calls of a reading of CloudWatch Logs, and return its result."""
    answer: Answer = None
    try:
        call = next(reading)
        while True:
            try:
                answer = await getattr(client, call.method)(**call.arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                answer = None
            call = reading.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result
