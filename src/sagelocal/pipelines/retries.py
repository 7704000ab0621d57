"""When a step that failed is tried again: the retry policies of a definition. Pure.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SERVICE_FAULT, THROTTLING = "Step.SERVICE_FAULT", "Step.THROTTLING"
INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY, RESOURCE_LIMIT = "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"
EXCEPTIONS = (SERVICE_FAULT, THROTTLING, INTERNAL_ERROR, CAPACITY, RESOURCE_LIMIT)
_ALIASES = {"SageMaker.JOB_CAPACITY_ERROR": CAPACITY}
"""What the SDK calls CAPACITY_ERROR the developer guide calls JOB_CAPACITY_ERROR."""
_OF_REASON = {
    "InternalServerError": INTERNAL_ERROR,
    "CapacityError": CAPACITY,
    "ResourceLimitExceeded": RESOURCE_LIMIT,
}
"""How a job's FailureReason begins, and which exception that is."""
_OF_CODE = {"ThrottlingException": THROTTLING, "ResourceLimitExceeded": RESOURCE_LIMIT}
_SERVER_ERROR = 500
_MOST_ATTEMPTS = 20
_LONGEST_MINUTES = 14400
_LONGEST_INTERVAL = 43200


class RetryError(ValueError):
    """A retry policy that is none; the message says which value, and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """When to try again after some exceptions."""

    exceptions: tuple[str, ...]
    interval: float = 1.0
    """Seconds before the first retry."""
    backoff: float = 2.0
    """By how much the interval grows from retry to retry."""
    attempts: int | None = 5
    """The most retries."""
    expires: float | None = None
    """Seconds from the step's start after which nothing is tried again."""


DEFAULTS = (Policy(exceptions=(THROTTLING, SERVICE_FAULT)),)
"""What is retried when a step says nothing else."""


def parse(given: Any) -> tuple[Policy, ...]:
    """Read the RetryPolicies of a step; what it says nothing of is as by default.

    Raises:
        RetryError: one is no policy, or two are of one exception.

    """
    if not isinstance(given, list):
        raise RetryError(f"RetryPolicies is {given!r}; a list is needed")
    policies = [_parse(each) for each in given]
    named = [each for policy in policies for each in policy.exceptions]
    twice = sorted({each for each in named if named.count(each) > 1})
    if twice:
        raise RetryError(f"two retry policies are of {twice[0]}")
    return (*policies, *DEFAULTS)


def delay(policies: Iterable[Policy], exception: str, retries: int, elapsed: float) -> float | None:
    """Return after how many seconds to try again; None when not at all.

    `retries` is how often it was tried again already, `elapsed` the seconds since the step's start.
    """
    policy = next((each for each in policies if exception in each.exceptions), None)
    if policy is None or (policy.attempts is not None and retries >= policy.attempts):
        return None
    wait = _wait(policy, retries)
    if policy.expires is not None and elapsed + wait > policy.expires:
        return None
    return wait


def _wait(policy: Policy, retries: int) -> float:
    if not policy.interval:
        return 0.0
    try:
        grown = policy.interval * policy.backoff**retries
    except OverflowError:
        grown = math.inf
    return min(grown, _LONGEST_MINUTES * 60.0)


def of_reason(reason: str, *, retries_itself: bool) -> str:
    """Return which exception a job's FailureReason is; empty when it is none that is retried."""
    found = next((name for start, name in _OF_REASON.items() if reason.startswith(start)), "")
    return "" if retries_itself and found == INTERNAL_ERROR else found


def of_error(code: str, status: int) -> str:
    """Return which exception an error of the API is; empty when it is none that is retried."""
    return _OF_CODE.get(code) or (SERVICE_FAULT if status >= _SERVER_ERROR else "")


def _parse(given: Any) -> Policy:
    names = given.get("ExceptionType") if isinstance(given, dict) else None
    known = (*EXCEPTIONS, *_ALIASES)
    if not isinstance(names, list) or not names or any(name not in known for name in names):
        raise RetryError(f"ExceptionType is {names!r}; a list of {', '.join(known)} is needed")
    if "MaxAttempts" in given and "ExpireAfterMin" in given:
        raise RetryError("a retry policy has MaxAttempts or ExpireAfterMin, not both")
    minutes = _number(given, "ExpireAfterMin", _LONGEST_MINUTES)
    attempts = _number(given, "MaxAttempts", _MOST_ATTEMPTS)
    return Policy(
        exceptions=tuple(_ALIASES.get(name, str(name)) for name in names),
        interval=_or(_number(given, "IntervalSeconds", _LONGEST_INTERVAL), 1.0),
        backoff=_or(_number(given, "BackoffRate"), 2.0),
        attempts=int(attempts) if attempts is not None else 5 if minutes is None else None,
        expires=minutes * 60 if minutes is not None else None,
    )


def _number(given: Mapping[str, Any], member: str, most: float = float("inf")) -> float | None:
    value = given.get(member)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise RetryError(f"{member} of a retry policy is {value!r}; a number from 0 to {most} is needed")
    return float(value)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
