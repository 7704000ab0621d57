"""Operators that run a job: make it or find it, wait with its log in view, judge how it ended.

The provider's operators start a second job on a retry, leave the first one running, count a stopped one as a
success, and lose the log when they defer.
"""

from __future__ import annotations

import datetime as dt
import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException

from sagewind import cost, naming
from sagewind.jobs import attach, failures, holding, limits, masking, outcome, tail
from sagewind.jobs.claim import Claim, Claimer, Want, input_uris
from sagewind.jobs.failures import Cause
from sagewind.jobs.kinds import Kind, Phase
from sagewind.jobs.service import CallError, Jobs, drive
from sagewind.operators import base, memory, positions
from sagewind.operators.triggers import SageMakerJobTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from sagewind.jobs.identity import Identity

_BACKSTOP = dt.timedelta(minutes=10)
"""How long after the trigger's own deadline Airflow gives up on it."""

_STOP_SECONDS = 150.0
"""A container has 120 seconds between SIGTERM and SIGKILL (API reference, StopTrainingJob)."""

_KILL_SECONDS = 4.0
"""Airflow kills a task process 5 seconds after asking it to end."""

_TAIL = 25
_ACTIONS = ("fail", "timestamp")


class JobOperator(base.SagewindOperator):
    """What the operators of training, processing, transform, tuning and AutoML jobs share.

    Beside the provider's arguments:

    :param deferrable: wait in the triggerer; true unless told otherwise.
    :param check_interval: seconds between two looks; by default 30 on AWS and 1 when SageMaker is local.
    :param worker_seconds: how long it looks in the worker before it defers, for jobs that are soon over; by
        default none on AWS and 3 when SageMaker is local.
    :param max_attempts: looks before the task gives up; by default as many as the job's own limits allow.
    :param max_ingestion_time: seconds after which the job is stopped and the task fails; by default the job's
        own limit and half an hour.
    :param reuse_finished: take the result of a finished job that did exactly the same (request and input
        data), whoever ran it. Never after a person has cleared the task.
    :param instance_types: types to try in turn when AWS has no capacity.
    :param prices: USD an hour by instance type, for the cost in the result; by default those of `prices.json`
        beside the DAG file, else those that are shipped (`sagewind.cost`).
    :param stop_on_kill: stop the job when its task is killed, marked, cleared or times out.
    """

    kind: ClassVar[Kind]
    _asker: Identity | None = None
    """Who asks for the job, as long as it is not known whether its name went to another."""
    _asked: tuple[str, ...] | None = None
    """The jobs that this task has asked for; `None` until Airflow was asked for them."""

    wait_for_completion: bool

    def __init__(
        self,
        *,
        deferrable: bool = True,
        check_interval: float | None = None,
        worker_seconds: float | None = None,
        max_attempts: int | None = None,
        max_ingestion_time: int | None = None,
        print_log: bool = True,
        action_if_job_exists: str = "timestamp",
        reuse_finished: bool = False,
        instance_types: Sequence[str] = (),
        prices: Mapping[str, float] | None = None,
        stop_on_kill: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if action_if_job_exists not in _ACTIONS:
            raise AirflowException(
                f"Argument action_if_job_exists accepts only 'timestamp' and 'fail'. "
                f"Provided value: '{action_if_job_exists}'."
            )
        self.deferrable = deferrable
        self.check_interval = check_interval
        self.worker_seconds = worker_seconds
        self.max_attempts = max_attempts
        self.max_ingestion_time = max_ingestion_time
        self.print_log = print_log
        self.action_if_job_exists = action_if_job_exists
        self.reuse_finished = reuse_finished
        self.instance_types = instance_types
        self.prices = prices
        self.stop_on_kill = stop_on_kill

    # What a kind of job may do its own way.

    def _request(self) -> dict[str, Any]:
        """Return the request of Create, out of the operator's arguments."""
        return dict(self.config)

    def _before_create(self, context: Context) -> None:
        """Check or make what the job needs."""

    def _result(self, description: Mapping[str, Any], summary: Mapping[str, Any]) -> Any:
        """Return what goes to XCom for a job that ended well."""
        return {self.kind.result: base.plain(description), "Summary": dict(summary)}

    # Airflow's own entry points.

    def execute(self, context: Context) -> Any:
        """Make or find the job, and wait for it.

        Raises:
            AirflowFailException: the job failed, or was refused, in a way that a retry would repeat.
            AirflowException: it failed otherwise, was stopped, or took too long.

        """
        self._killed = False
        self._active, self._asker = "", None
        self._asked = () if context["ti"].try_number == 1 and not self._resumed else None
        self.preprocess_config()
        self._mask()
        base.demand("config", self._request(), self.kind.name_key)
        self._before_create(context)
        return self._run(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Judge the job that the trigger waited for."""
        told = event or {}
        name = str(told.get("name", ""))
        self._killed, self._active, self._asker = False, name, None
        if told.get("status") == "timeout":
            self._time_out(name)
        description = self._describe(name)
        position = tail.Position.from_json(told.get("position"))
        return self._judge(context, Claim(name=name, decision=attach.Decision.ATTACH), description, position)

    def on_kill(self) -> None:
        """Stop the job. Airflow may call this several times, and in the middle of anything."""
        self._killed = True
        name = getattr(self, "_active", "")
        if not name or not self.stop_on_kill:
            return
        try:
            if not self._is_ours(name):
                return
            self.log.info("stopping %s %s: its task is being killed", self.kind.noun, name)
            phase = self._stopper.stop_and_wait(name, seconds=_KILL_SECONDS, interval=0.5)
        except CallError as error:
            self.log.warning("%s %s could not be stopped: %s", self.kind.noun, name, error)
            return
        self.log.info("%s %s is %s", self.kind.noun, name, phase or "not there")

    # The run.

    def _run(self, context: Context) -> Any:
        claim = self._claim(context)
        if self._killed:
            self._stop_and_wait(claim.name)
            raise AirflowException(f"{self.kind.noun} {claim.name} was stopped: its task was killed")
        _ = self._stopper  # made while the job runs
        description = dict(claim.description)  # none of a job that was just made: it has only begun
        if not self.wait_for_completion:
            return self._result(description or self._describe(claim.name), {"Job": claim.name})
        position = tail.Position()
        if claim.decision is not attach.Decision.CREATE:
            position = positions.load_now(context["ti"], claim.name) or position
        if description and self.kind.phase(description) not in (Phase.ACTIVE, Phase.STOPPING):
            return self._judge(context, claim, description, position)
        if self.deferrable:
            ended = self._soon_over(claim.name)
            if ended is not None:
                return self._judge(context, claim, ended, position)
            if not self._killed:
                self._defer(claim.name, position)
        description, position = self._wait(context, claim.name, position)
        return self._judge(context, claim, description, position)

    def _claim(self, context: Context) -> Claim:
        owner = self._identity(context)
        request = self._request()
        remembered = memory.jobs(context) if self._asked is None else self._asked
        self._asked = remembered

        def before(name: str) -> None:
            self._asker, self._active = owner, name
            self._asked = memory.remember(context, name, self._asked or ())

        want = Want(
            request=request,
            owner=owner,
            rename=self.action_if_job_exists != "fail",
            instance_types=tuple(self.instance_types),
            manifest=self._manifest(request) if self.reuse_finished and owner.generation == 0 else None,
            remembered=remembered,
        )
        try:
            claim = Claimer(self._jobs(), told=self.log.info, before=before).claim(want)
        except CallError as error:
            raise base.airflow_error(error, f"{self.kind.noun} {request[self.kind.name_key]}") from error
        self._active, self._asker = "" if claim.reused else claim.name, None
        return claim

    def _soon_over(self, name: str) -> dict[str, Any] | None:
        """Look for a moment whether the job ends, and return its description then."""
        moment = min(limits.moment(self.worker_seconds, self._endpoint), self._patience())
        if moment and self.print_log:
            _ = self.hook.logs_hook.conn  # made while the job runs

        def look(seconds: float) -> dict[str, Any] | None:
            with holding.asking(self.hook.conn, seconds):
                description = self._describe(name)
            return None if self.kind.phase(description) in (Phase.ACTIVE, Phase.STOPPING) else description

        return holding.until(look, moment, stopped=lambda: self._killed)

    def _defer(self, name: str, position: tail.Position) -> None:
        deadline = time.time() + self._patience()
        self.log.info("waiting in the triggerer for %s %s", self.kind.noun, name)
        self.defer(
            trigger=SageMakerJobTrigger(
                kind=self.kind.key,
                name=name,
                poll=self._interval(),
                deadline=deadline,
                position=position.as_json(),
                show_log=self.print_log,
                stop_on_kill=self.stop_on_kill,
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                verify=self.verify,
                botocore_config=self.botocore_config,
            ),
            method_name="execute_complete",
            timeout=dt.timedelta(seconds=self._patience()) + _BACKSTOP,
        )

    def _wait(
        self, context: Context, name: str, position: tail.Position
    ) -> tuple[dict[str, Any], tail.Position]:
        """Look, show the log, sleep; until the job is over. What the log still has then is not shown yet."""
        deadline = time.monotonic() + self._patience()
        logs = self.hook.logs_hook.conn
        while True:
            description = self._describe(name)
            if self._killed:
                raise AirflowException(f"{self.kind.noun} {name}: its task was killed")
            if self.kind.phase(description) not in (Phase.ACTIVE, Phase.STOPPING):
                return description, position
            before, position = position, self._show_log(logs, name, position, masking.secrets(description))
            if position is not before:
                positions.save_now(context["ti"], name, position)
            if time.monotonic() >= deadline:
                self._time_out(name)
            time.sleep(limits.jittered(self._interval()))

    def _judge(
        self, context: Context, claim: Claim, description: dict[str, Any], position: tail.Position
    ) -> Any:
        name = claim.name
        self._active = ""
        if not claim.reused:
            self._show_log(self.hook.logs_hook.conn, name, position, masking.secrets(description))
        phase = self.kind.phase(description)
        if phase is Phase.DONE:
            return self._done(context, claim, description)
        reason = masking.masked_text(self.kind.reason(description), masking.secrets(description))
        if phase is Phase.STOPPED:
            detail = description.get("SecondaryStatus", "")
            raise AirflowException(f"{self.kind.noun} {name} was stopped {detail} {reason}".strip())
        cause = failures.of_reason(reason)
        if cause is Cause.CAPACITY and self.instance_types:
            tried = outcome.machine(description).get("InstanceType")
            if tried != self.instance_types[-1]:
                self.log.warning("%s %s: %s", self.kind.noun, name, reason)
                self.preprocess_config()
                self._before_create(context)
                return self._run(context)
        self._log_tail(name, masking.secrets(description))
        raise base.job_error(self.kind.noun, name, cause, reason)

    def _done(self, context: Context, claim: Claim, description: dict[str, Any]) -> Any:
        summary = {
            "Job": claim.name,
            "Reused": claim.reused,
            **outcome.summary(description, *self._hourly()),
        }
        if claim.reused:
            summary["BillableSeconds"] = 0
        self.log.info("%s %s is done: %s", self.kind.noun, claim.name, summary)
        memory.put(context, memory.SUMMARY, summary)
        return self._result(description, summary)

    # Pieces.

    def _hourly(self) -> tuple[Mapping[str, float], str]:
        """Return the price of an hour by instance type, and its currency."""
        if self.prices is not None:
            return self.prices, "USD"
        try:
            table = cost.prices_in(Path(self.dag.fileloc).parent if self.has_dag() else None)
        except cost.CostError as error:  # no reason to fail: the job is done
            self.log.warning("no cost in the result: %s", error)
            return {}, ""
        return {name: float(price) for name, price in table.hourly.items()}, table.currency

    @functools.cached_property
    def _stopper(self) -> Jobs:
        """What stops the job: a client of its own, since a kill may come in the middle of any call.

        It needs nothing of Airflow: connection and session are there as soon as there is a job.
        """
        return Jobs(self.hook.client("sagemaker"), self.kind, patience=_KILL_SECONDS)

    def _jobs(self) -> Jobs:
        return Jobs(self.hook.conn, self.kind)

    def _is_ours(self, name: str) -> bool:
        if self._asker is None:
            return True
        description = self._stopper.describe(name)
        return description is not None and self._asker.made(self._stopper.tags(description))

    def _describe(self, name: str) -> dict[str, Any]:
        try:
            description = self._jobs().describe(name)
        except CallError as error:
            raise base.airflow_error(error, f"{self.kind.noun} {name}") from error
        if description is None:
            raise AirflowException(f"{self.kind.noun} {name} is gone")
        return description

    def _interval(self) -> float:
        return limits.interval(self.check_interval, self._endpoint)

    def _patience(self) -> float:
        """Return the seconds to wait at most: as the user said, else as the job's own limits say."""
        said: list[float | None] = [self.max_ingestion_time]
        said += [self.max_attempts * self._interval()] if self.max_attempts else []
        said += [self.execution_timeout.total_seconds()] if self.execution_timeout else []
        return min(
            (float(s) for s in said if s), default=float(limits.longest(self.kind.key, self._request()))
        )

    def _time_out(self, name: str) -> None:
        phase: Phase | None = Phase.ACTIVE
        if self.stop_on_kill:
            self.log.error("%s %s took too long; stopping it", self.kind.noun, name)
            phase = self._stop_and_wait(name)
        raise AirflowException(
            f"{self.kind.noun} {name} took longer than {self._patience():.0f} s; it is {phase or 'gone'}"
        )

    def _stop_and_wait(self, name: str) -> Phase | None:
        """Stop a job; return where it then is, as far as is known."""
        try:
            interval = min(self._interval(), 5.0)
            return self._jobs().stop_and_wait(name, seconds=_STOP_SECONDS, interval=interval)
        except CallError as error:
            self.log.warning("%s %s could not be stopped: %s", self.kind.noun, name, error)
            return Phase.ACTIVE

    def _show_log(
        self, logs: Any, name: str, position: tail.Position, hidden: frozenset[str]
    ) -> tail.Position:
        where = self.kind.logs(name)
        if where is None or not self.print_log:
            return position
        try:
            reading = drive(logs, tail.read(*where, position))
        except Exception as error:  # noqa: BLE001 - a log that cannot be read is no reason to fail
            self.log.warning("the log of %s %s cannot be read: %s", self.kind.noun, name, error)
            return position
        for line in reading.lines:
            self.log.info("%s", masking.masked_text(line, hidden))
        return reading.position if reading.lines else position

    def _log_tail(self, name: str, hidden: frozenset[str]) -> None:
        where = self.kind.logs(name)
        if where is None:
            return
        try:
            lines = drive(self.hook.logs_hook.conn, tail.last_lines(*where, _TAIL))
        except Exception as error:  # noqa: BLE001 - as above
            self.log.warning("the log of %s %s cannot be read: %s", self.kind.noun, name, error)
            return
        text = masking.masked_text("\n".join(lines), hidden)
        self.log.error("The log of %s %s ends:\n%s", self.kind.noun, name, text)

    def _manifest(self, request: Mapping[str, Any]) -> str | None:
        """Return a hash of every input object's key and ETag; `None` when there are too many to say."""
        parts: list[str] = []
        for uri in sorted(input_uris(request)):
            bucket, _, prefix = uri.removeprefix("s3://").partition("/")
            listed = self.hook.s3_hook.conn.list_objects_v2(Bucket=bucket, Prefix=prefix)
            if listed.get("IsTruncated"):
                self.log.info("%s has more than a thousand objects: no finished job is reused", uri)
                return None
            parts += [f"{uri} {each['Key']} {each['ETag']}" for each in listed.get("Contents", [])]
        return naming.digest(parts)
