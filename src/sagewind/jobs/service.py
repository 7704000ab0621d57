"""SageMaker's jobs through a boto3 client: calls that wait out throttling, and answers that are values.

The client is injected. What cannot be waited out becomes a `CallError`, with its cause.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from sagewind.errors import SagewindError
from sagewind.jobs import failures, limits
from sagewind.jobs.failures import Cause
from sagewind.jobs.kinds import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from sagewind.jobs.kinds import Kind
    from sagewind.jobs.tail import Call

PATIENCE = 600.0
"""Seconds for which one call is tried again while AWS throttles, or does not answer."""

Result = TypeVar("Result")

_WAITED_OUT = frozenset({Cause.THROTTLED, Cause.TRANSIENT})


class CallError(SagewindError):
    """AWS refused a call; `cause` says what that means, the message what AWS said."""

    def __init__(self, cause: Cause, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.cause = cause
        self.code = code
        self.message = message

    @property
    def absent(self) -> bool:
        """Whether the answer says that there is no such resource."""
        return failures.is_absent(self.code, self.message)

    @property
    def taken(self) -> bool:
        """Whether the answer says that the name exists already."""
        return failures.is_taken(self.code, self.message)


class Caller:
    """Makes calls of one client, again and again while that can help."""

    def __init__(
        self, client: Any, *, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.client = client
        self._patience = patience
        self._sleep = sleep

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of the client.

        Raises:
            CallError: AWS refused, or was not reached for `patience` seconds.

        """
        waited, tries = 0.0, 0
        while True:
            fault, answer = self._try(method, arguments)
            if fault is None:
                return answer
            if fault.cause not in _WAITED_OUT or waited >= self._patience:
                raise fault
            pause = limits.backoff(tries)
            tries, waited = tries + 1, waited + pause
            self._sleep(pause)

    def _try(self, method: str, arguments: Mapping[str, Any]) -> tuple[CallError | None, dict[str, Any]]:
        try:
            return None, getattr(self.client, method)(**arguments)
        except ClientError as error:
            return fault_of(error), {}
        except ParamValidationError as error:
            return CallError(Cause.CLIENT, "ParamValidation", str(error)), {}
        except BotoCoreError as error:  # no connection, a timeout, a broken answer
            return CallError(Cause.TRANSIENT, type(error).__name__, str(error)), {}


def fault_of(error: ClientError) -> CallError:
    """Return what an error answer means."""
    said = error.response.get("Error", {})
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    code, message = str(said.get("Code", "")), str(said.get("Message", ""))
    return CallError(failures.of_error(code, message, status), code, message)


class Jobs(Caller):
    """The jobs of one kind."""

    def __init__(self, client: Any, kind: Kind, **options: Any) -> None:
        super().__init__(client, **options)
        self.kind = kind

    def describe(self, name: str) -> dict[str, Any] | None:
        """Return a job's description; `None` when there is none of that name."""
        try:
            return self.call(f"describe_{self.kind.method}", **{self.kind.name_key: name})
        except CallError as fault:
            if fault.absent:
                return None
            raise

    def create(self, request: Mapping[str, Any]) -> bool:
        """Create a job; return whether it was made, false when the name exists already."""
        try:
            self.call(f"create_{self.kind.method}", **request)
        except CallError as fault:
            if fault.taken:
                return False
            raise
        return True

    def stop(self, name: str) -> None:
        """Ask a job to stop; one that is over, or does not exist, is left alone."""
        try:
            self.call(f"stop_{self.kind.method}", **{self.kind.name_key: name})
        except CallError as fault:
            if fault.cause not in (Cause.CLIENT, Cause.UNKNOWN):
                raise

    def stop_and_wait(self, name: str, *, seconds: float, interval: float) -> Phase | None:
        """Stop a job and wait until it is over, at most `seconds`; return where it then is."""
        self.stop(name)
        waited = 0.0
        while True:
            description = self.describe(name)
            phase = self.kind.phase(description) if description else None
            if phase not in (Phase.ACTIVE, Phase.STOPPING) or waited >= seconds:
                return phase
            self._sleep(interval)
            waited += interval

    def tags(self, description: Mapping[str, Any]) -> dict[str, str] | None:
        """Return a job's tags; `None` when a policy forbids to read them."""
        return tags_of(self, self.kind.arn(description))

    def finished(self, fragment: str, most: int = 20) -> list[str]:
        """Return the names of completed jobs that contain `fragment`, newest first."""
        answer = self.call(
            f"list_{self.kind.method}s",
            NameContains=fragment,
            StatusEquals="Completed",
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=most,
        )
        found = next(value for key, value in answer.items() if key.endswith("Summaries"))
        return [str(summary[self.kind.name_key]) for summary in found]


def tags_of(caller: Caller, arn: str) -> dict[str, str] | None:
    """Return the tags of a resource; `None` when a policy forbids to read them."""
    tags: dict[str, str] = {}
    token: dict[str, str] = {}
    while True:
        try:
            answer = caller.call("list_tags", ResourceArn=arn, **token)
        except CallError as fault:
            if fault.cause is Cause.DENIED:
                return None
            raise
        tags |= {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
        if "NextToken" not in answer:
            return tags
        token = {"NextToken": answer["NextToken"]}


def drive(client: Any, reading: Generator[Call, dict[str, Any] | None, Result]) -> Result:
    """Make the calls of a reading of CloudWatch Logs, and return its result."""
    answer: dict[str, Any] | None = None
    try:
        call = next(reading)
        while True:
            try:
                answer = getattr(client, call.method)(**call.arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                answer = None
            call = reading.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result
