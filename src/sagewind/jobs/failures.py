"""What an error means: who has to do something about it, and whether trying again can help.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/common-info-all-im-models.html (FailureReason),
https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why something failed."""

    ALGORITHM = "algorithm"  # the user's own code: running it again gives the same
    CLIENT = "client"  # the request or its data is wrong: the same again
    CAPACITY = "capacity"  # AWS has no such machine now: another type, or later
    QUOTA = "quota"  # the account may not use (more of) such machines
    THROTTLED = "throttled"  # too many calls: later
    TRANSIENT = "transient"  # the service or the network: again
    DENIED = "denied"  # a policy forbids it
    STOPPED = "stopped"  # somebody stopped it
    TIMEOUT = "timeout"  # it took longer than it may
    UNKNOWN = "unknown"


HOPELESS = frozenset({Cause.ALGORITHM, Cause.CLIENT, Cause.DENIED})
"""Causes for which a retry costs money and changes nothing."""

_REASONS: tuple[tuple[str, Cause], ...] = (
    (r"CapacityError|InsufficientInstanceCapacity|Unable to provision requested ML compute", Cause.CAPACITY),
    (r"ResourceLimitExceeded|service limit|quota", Cause.QUOTA),
    (r"^(AlgorithmError|ExecuteUserScriptError)|exit code: [1-9]", Cause.ALGORITHM),
    (r"did not pass the ping +health +check", Cause.ALGORITHM),
    (r"^InternalServerError|InternalServiceFailure|internal error", Cause.TRANSIENT),
    (r"^(ClientError|UserError)|ValidationException|No S3 objects found|does not exist", Cause.CLIENT),
    (r"AccessDenied|not authorized", Cause.DENIED),
    (r"MaxRuntimeExceeded|MaxWaitTimeExceeded|timed? ?out", Cause.TIMEOUT),
)

_CODES = {
    "ThrottlingException": Cause.THROTTLED,
    "Throttling": Cause.THROTTLED,
    "RequestLimitExceeded": Cause.THROTTLED,
    "TooManyRequestsException": Cause.THROTTLED,
    "RequestThrottledException": Cause.THROTTLED,
    "SlowDown": Cause.THROTTLED,
    "ProvisionedThroughputExceededException": Cause.THROTTLED,
    "ResourceLimitExceeded": Cause.QUOTA,
    "InsufficientInstanceCapacity": Cause.CAPACITY,
    "InsufficientCapacityException": Cause.CAPACITY,
    "CapacityError": Cause.CAPACITY,
    "AccessDeniedException": Cause.DENIED,
    "AccessDenied": Cause.DENIED,
    "ValidationException": Cause.CLIENT,
    "ServiceUnavailable": Cause.TRANSIENT,
    "InternalFailure": Cause.TRANSIENT,
    "InternalServerError": Cause.TRANSIENT,
    "InternalDependencyException": Cause.TRANSIENT,
    "ModelNotReadyException": Cause.TRANSIENT,
    "RequestTimeout": Cause.TRANSIENT,
}

_QUOTA = re.compile(
    r"service limit (?:for )?'?(?P<name>[^']+?)'? is (?P<limit>\d+) \w+, "
    r"with current utilization of (?P<used>\d+)"
)
_SERVER_ERROR = 500


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota that was hit, as SageMaker's message names it."""

    name: str
    limit: int
    used: int

    @property
    def hopeless(self) -> bool:
        """Whether waiting cannot help, since the quota is zero."""
        return self.limit == 0

    def __str__(self) -> str:
        return f"the quota {self.name!r} is {self.limit}, of which {self.used} are in use"


def of_reason(reason: str) -> Cause:
    """Classify a FailureReason."""
    return next((cause for pattern, cause in _REASONS if re.search(pattern, reason)), Cause.UNKNOWN)


def of_error(code: str, message: str, status: int = 400) -> Cause:
    """Classify an error answer of AWS by its code, HTTP status and message."""
    if code in _CODES:
        return _CODES[code]
    if status >= _SERVER_ERROR:
        return Cause.TRANSIENT
    return of_reason(f"{code}: {message}")


def quota_of(message: str) -> Quota | None:
    """Read which quota a message means; `None` when it does not say."""
    match = _QUOTA.search(message)
    if match is None:
        return None
    return Quota(name=match["name"], limit=int(match["limit"]), used=int(match["used"]))


def is_absent(code: str, message: str) -> bool:
    """Tell whether the answer to a Describe says that there is no such resource.

    SageMaker says `ValidationException` for that and for a malformed request; the message tells which.
    """
    if code == "ResourceNotFound":
        return True
    return code == "ValidationException" and "validation error detected" not in message


def is_taken(code: str, message: str) -> bool:
    """Tell whether the answer to a Create says that the name exists already."""
    return code == "ResourceInUse" or bool(re.search(r"already exist", message, re.IGNORECASE))
