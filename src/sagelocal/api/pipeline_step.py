"""One step of an execution: what an attempt at it does, and how its resource then stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagelocal import storage as objects
from sagelocal.api import pipeline_requests as requests
from sagelocal.api.pipeline_scope import OUTCOMES, ExecutionScope
from sagelocal.errors import ServiceError
from sagelocal.jobs import status
from sagelocal.jobs.status import JobStatus
from sagelocal.pipelines import caching, conditions, expressions, retries, steps
from sagelocal.pipelines.progress import StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.api.calling import Caller
    from sagelocal.api.pipeline_requests import Attempt
    from sagelocal.pipelines.definition import Definition, Step
    from sagelocal.pipelines.steps import StepKind
    from sagelocal.storage import Storage

_INVOKED = "ClientError: Failed to invoke sagemaker:{operation}. Error Details: {message}"
"""How SageMaker tells of a request that was refused."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of an attempt, or of a look: the step's status, and members of its record."""

    status: StepStatus
    members: dict[str, Any] = field(default_factory=dict)
    exception: str = ""
    """Of a failure: the exception that a retry policy may be of."""


@dataclass(frozen=True, kw_only=True)
class CacheHit:
    """An earlier run of a step."""

    record: Mapping[str, Any]
    execution_arn: str


class StepWork:
    """Does the steps of one execution."""

    def __init__(
        self,
        *,
        definition: Definition,
        caller: Caller,
        storage: Storage,
        find: Callable[[Step, str], CacheHit | None],
        role: str,
        tags: Mapping[str, str],
    ) -> None:
        self._definition = definition
        self._caller = caller
        self._storage = storage
        self._find = find
        self._role = role
        self._tags = dict(tags)

    def attempt(self, step: Step, attempt: Attempt, body: Mapping[str, Any]) -> Outcome:
        """Make an attempt at a step. One that was cut off is made again, and finds what it has made."""
        try:
            return self._try(step, attempt, body)
        except (expressions.ExpressionError, conditions.ConditionError) as error:
            return failed(f"ClientError: {error}")
        except ServiceError as error:
            exception = retries.of_error(error.code, error.status)
            return failed(f"ClientError: {error.message}", exception=exception)
        except objects.UnreachableError as error:
            return failed(f"InternalServerError: {error}", exception=retries.SERVICE_FAULT)
        except objects.StorageError as error:
            return failed(f"ClientError: {error}")

    def _try(self, step: Step, attempt: Attempt, body: Mapping[str, Any]) -> Outcome:
        scope = self._scope(step, attempt, body)
        if step.type == steps.CONDITION:
            return self._condition(step, scope)
        arguments = expressions.evaluate(dict(step.arguments), scope)
        if step.type == steps.FAIL:
            return _fail(arguments)
        return self._create(steps.KINDS[step.type], step, attempt, arguments, body)

    def _scope(self, step: Step, attempt: Attempt, body: Mapping[str, Any]) -> ExecutionScope:
        kind = steps.KINDS.get(step.type)
        return ExecutionScope(
            definition=self._definition,
            body=body,
            caller=self._caller,
            storage=self._storage,
            resource=requests.job_name(kind, attempt, _prefix(kind, step.arguments)) if kind else "",
        )

    def look(self, kind: StepKind, resource: str, *, stopping: bool) -> Outcome | None:
        """Return how a step's job has ended; None while it runs."""
        try:
            body = self._caller(f"Describe{kind.noun}", requests.description(kind, resource))
        except ServiceError as error:
            passes = retries.of_error(error.code, error.status)
            return None if passes else failed(f"ClientError: {error.message}")
        current = body[kind.status_key]
        if current not in status.TERMINAL:
            return None
        if current == JobStatus.COMPLETED:
            return Outcome(status=StepStatus.SUCCEEDED)
        if current == JobStatus.STOPPED and stopping:
            return Outcome(status=StepStatus.STOPPED)
        reason = body.get("FailureReason") or f"the job {resource} was stopped, or reached its time limit"
        exception = retries.of_reason(reason, retries_itself=kind.retries_itself)
        return failed(f"ClientError: {reason}", exception=exception)

    def stop(self, kind: StepKind, resource: str) -> bool:
        """Ask a step's job to stop, and tell whether it was told; one that has just ended was, too."""
        try:
            self._caller(f"Stop{kind.noun}", requests.description(kind, resource))
        except ServiceError as error:
            return not retries.of_error(error.code, error.status)
        return True

    def _condition(self, step: Step, scope: ExecutionScope) -> Outcome:
        given = expressions.evaluate(step.arguments["Conditions"], scope)
        outcome = all(conditions.holds(each) for each in given)
        told = {"Metadata": {steps.CONDITION: {"Outcome": OUTCOMES[outcome]}}}
        return Outcome(status=StepStatus.SUCCEEDED, members=told)

    def _create(
        self,
        kind: StepKind,
        step: Step,
        attempt: Attempt,
        arguments: dict[str, Any],
        body: Mapping[str, Any],
    ) -> Outcome:
        members: dict[str, Any] = {}
        if kind.cache_key:
            members["Signature"] = caching.signature(kind.type, kind.cache_key, arguments)
            hit = self._find(step, members["Signature"]) if step.max_age is not None else None
            if hit is not None and self._is_there(kind, hit.record["Resource"]):
                taken = {key: hit.record[key] for key in ("Resource", "Metadata")}
                told = {"CacheHitResult": {"SourcePipelineExecutionArn": hit.execution_arn}}
                return Outcome(status=StepStatus.SUCCEEDED, members=members | taken | told)
        request = requests.creation(
            kind,
            attempt,
            arguments,
            role=self._role,
            experiment=body.get("PipelineExperimentConfig"),
            tags=self._tags,
        )
        try:
            answer = self._make(kind, request, arguments.get("Tags"))
        except ServiceError as error:
            exception = retries.of_error(error.code, error.status)
            reason = _INVOKED.format(operation=f"Create{kind.noun}", message=error.message)
            return failed(reason, exception=exception)
        members["Resource"] = requests.resource_of(kind, request, answer)
        members["Metadata"] = {kind.metadata: {"Arn": answer[kind.arn_key]}}
        reached = StepStatus.EXECUTING if kind.is_job else StepStatus.SUCCEEDED
        return Outcome(status=reached, members=members)

    def _is_there(self, kind: StepKind, resource: str) -> bool:
        """Tell whether an earlier run's job is still there to be read from; jobs can be deleted."""
        try:
            self._caller(f"Describe{kind.noun}", requests.description(kind, resource))
        except ServiceError as error:
            if retries.of_error(error.code, error.status):
                raise  # it may be there at the next attempt
            return False
        return True

    def _make(self, kind: StepKind, request: dict[str, Any], given_tags: Any) -> dict[str, Any]:
        if kind.type == steps.REGISTER_MODEL:
            self._make_group(request, given_tags)
            return self._caller(f"Create{kind.noun}", request)
        try:
            # No other request has this name: when it is there, an attempt that was cut off has made it.
            return self._caller(f"Describe{kind.noun}", requests.description(kind, request[kind.name_key]))
        except ServiceError:
            return self._caller(f"Create{kind.noun}", request)

    def _make_group(self, request: Mapping[str, Any], given_tags: Any) -> None:
        """Make the group of a model package where there is none, as SageMaker's pipelines do."""
        name = request.get("ModelPackageGroupName")
        if name is None:
            return
        try:
            self._caller("DescribeModelPackageGroup", {"ModelPackageGroupName": name})
        except ServiceError:
            group = {"ModelPackageGroupName": name} | ({"Tags": given_tags} if given_tags else {})
            self._caller("CreateModelPackageGroup", group)


def _prefix(kind: StepKind, arguments: Mapping[str, Any]) -> str:
    given = arguments.get(kind.name_key)
    return given if isinstance(given, str) else ""


def failed(reason: str, *, exception: str = "") -> Outcome:
    """Return the outcome of a step that failed."""
    return Outcome(status=StepStatus.FAILED, members={"FailureReason": reason}, exception=exception)


def _fail(arguments: Mapping[str, Any]) -> Outcome:
    message = expressions.text_of(arguments["ErrorMessage"])
    told = {"FailureReason": message, "Metadata": {steps.FAIL: {"ErrorMessage": message}}}
    return Outcome(status=StepStatus.FAILED, members=told)
