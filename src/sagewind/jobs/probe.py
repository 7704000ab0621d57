"""Asking an endpoint: golden predictions and latency.

Only what the model answers, or that it does not, speaks against it: a call that AWS throttles or forbids, or
that never reaches it, is an error of its own. Which errors are the endpoint's:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ReadTimeoutError

from sagewind.errors import SagewindError
from sagewind.jobs import golden
from sagewind.jobs.failures import Cause
from sagewind.jobs.service import Caller, CallError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewind.jobs.golden import Golden

PATIENCE = 60.0
"""Seconds for which one request is sent again while AWS throttles or is not there."""

_OF_THE_ENDPOINT = frozenset(
    {
        "ModelError",
        "ModelNotReadyException",
        "ValidationError",
        "InternalFailure",
        "ServiceUnavailable",
        "InternalDependencyException",
    }
)


class ProbeError(SagewindError):
    """An endpoint does not answer as the offline model did, or too slowly."""


def probe(
    runtime: Any,
    endpoint: str,
    goldens: Sequence[Golden],
    *,
    tolerance: float,
    latency: float | None,
    requests: int,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Ask every golden prediction once, then time `requests` of them; return what was seen.

    `latency` is the bound of the 95th percentile in seconds; `None` measures nothing.

    Raises:
        ProbeError: an answer differs by more than `tolerance`, there is none, or it is too slow.
        CallError: the endpoint could not be asked, which says nothing of its model.

    """
    asking = Asking(Caller(_Timed(runtime), patience=PATIENCE, sleep=sleep), endpoint)
    for number, each in enumerate(goldens):
        wrong = golden.difference(asking.answer(each), each.expected, tolerance)
        if wrong:
            raise ProbeError(f"endpoint {endpoint}, golden prediction {number}: {wrong}")
    seen: dict[str, Any] = {"GoldenPredictions": len(goldens)}
    if latency is not None and goldens:
        slow = golden.percentile(asking.times(goldens, max(1, requests)), 0.95)
        seen["LatencyP95Seconds"] = round(slow, 6)
        if slow > latency:
            raise ProbeError(
                f"endpoint {endpoint}: p95 latency is {slow:.3f} s; at most {latency} s are allowed"
            )
    return seen


@dataclass(frozen=True)
class Asking:
    """Requests to one endpoint."""

    caller: Caller
    endpoint: str

    def answer(self, each: Golden) -> Any:
        """Return what the endpoint answers to a golden prediction's request."""
        return self._parsed(each, self._ask(each))

    def times(self, goldens: Sequence[Golden], requests: int) -> list[float]:
        """Return the seconds that so many answers took.

        Not those which botocore had to ask for again, since its pauses are not the model's: in their place
        others are asked for, at most as many again.

        Raises:
            CallError: too few came at the first call.

        """
        times: list[float] = []
        for number in range(2 * requests):
            each = goldens[number % len(goldens)]
            told = self._ask(each)
            self._parsed(each, told)
            if not told["Repeated"]:
                times.append(told["Seconds"])
            if len(times) == requests:
                return times
        came = f"endpoint {self.endpoint}: {len(times)} of {requests} answers came at the first call"
        raise CallError(Cause.THROTTLED, "", came)

    def _ask(self, each: Golden) -> dict[str, Any]:
        request = {"Body": each.body.encode(), "ContentType": each.content_type, "Accept": each.accept}
        try:
            return self.caller.call("invoke_endpoint", EndpointName=self.endpoint, **request)
        except CallError as error:
            if error.code not in _OF_THE_ENDPOINT:
                raise
            raise ProbeError(f"endpoint {self.endpoint} does not answer: {error}") from error

    def _parsed(self, each: Golden, told: dict[str, Any]) -> Any:
        body = told["Body"]
        try:
            return golden.parse(body, told.get("ContentType", each.accept))
        except ValueError as error:
            said = f"endpoint {self.endpoint} answers {body[:200]!r}, which is no {each.accept}"
            raise ProbeError(said) from error


@dataclass(frozen=True)
class _Timed:
    """A runtime client whose answers are read, and say how long they took and whether they were repeated."""

    runtime: Any

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        started = time.perf_counter()
        try:
            answer = self.runtime.invoke_endpoint(**request)
            body = answer["Body"].read()
        except ReadTimeoutError as error:  # the endpoint had the request: to ask again would take as long
            raise ProbeError(f"endpoint {request['EndpointName']} does not answer: {error}") from error
        told = {"Seconds": time.perf_counter() - started, "Body": body}
        repeated = bool(answer.get("ResponseMetadata", {}).get("RetryAttempts"))
        return {**answer, **told, "Repeated": repeated}
