"""Asking an endpoint: golden predictions and latency."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sagewind.errors import SagewindError
from sagewind.jobs import golden

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewind.jobs.golden import Golden


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
) -> dict[str, Any]:
    """Ask every golden prediction once, then time `requests` of them; return what was seen.

    `latency` is the bound of the 95th percentile in seconds; `None` measures nothing.

    Raises:
        ProbeError: an answer differs by more than `tolerance`, there is none, or it is too slow.

    """
    for number, each in enumerate(goldens):
        got, _ = _ask(runtime, endpoint, each)
        wrong = golden.difference(got, each.expected, tolerance)
        if wrong:
            raise ProbeError(f"endpoint {endpoint}, golden prediction {number}: {wrong}")
    seen: dict[str, Any] = {"GoldenPredictions": len(goldens)}
    if latency is not None and goldens:
        times = [_ask(runtime, endpoint, goldens[n % len(goldens)])[1] for n in range(max(1, requests))]
        slow = golden.percentile(times, 0.95)
        seen["LatencyP95Seconds"] = round(slow, 6)
        if slow > latency:
            raise ProbeError(
                f"endpoint {endpoint}: p95 latency is {slow:.3f} s; at most {latency} s are allowed"
            )
    return seen


def _ask(runtime: Any, endpoint: str, each: Golden) -> tuple[Any, float]:
    started = time.perf_counter()
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, Body=each.body.encode(), ContentType=each.content_type, Accept=each.accept
        )
        body = answer["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise ProbeError(f"endpoint {endpoint} does not answer: {error}") from error
    seconds = time.perf_counter() - started
    try:
        return golden.parse(body, answer.get("ContentType", each.accept)), seconds
    except ValueError as error:
        raise ProbeError(f"endpoint {endpoint} answers {body[:200]!r}, which is no {each.accept}") from error
