"""Faults on demand: what goes wrong on AWS now and then, made to happen here, to test how it is handled.

A plan is a list of faults, each of which happens so many times and then no more. It is empty unless a file
(`SAGELOCAL_FAULTS`, `--faults`) or the service's own API (`/_sagelocal/faults`) fills it. The counts live in
the service's memory: a restart begins the file's plan anew, and forgets what the API gave.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.errors import ResourceLimitExceeded, ServiceError, ServiceUnavailable, ThrottlingException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

CAPACITY_REASON = (
    "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type."
)
"""What AWS writes as the FailureReason of a job for which it has no machine."""
_MOST_TIMES = 1_000_000
_LONGEST_SECONDS = 3600.0
_TRAINING = "training-job"
_JOBS = (_TRAINING, "processing-job", "transform-job")
"""What needs a machine of its own; a tuning job only has others run."""


class FaultError(ValueError):
    """A fault plan that cannot be; the message says which fault, which value, and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault; names and operations are patterns as a shell has them."""

    fault: str
    """Its kind, a key of `KINDS`."""
    operation: str = "*"
    """The operations that it befalls."""
    name: str = "*"
    """The jobs or endpoints that it befalls."""
    times: int = 1
    """How many times it happens."""
    status: int = 503
    """The HTTP status of `error`."""
    seconds: float = 0.0
    """When `interrupt` happens after the script's start; how late `delay-logs` makes the lines."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of fault: what happens, and what may be said of it."""

    effect: str
    members: tuple[str, ...]
    operation: str = "*"
    """The operation that it befalls when none is named."""


KINDS: dict[str, Kind] = {
    "capacity": Kind(
        effect="the next job fails: FailureReason `CapacityError: …`", members=("name", "times")
    ),
    "limit": Kind(
        effect="the call is refused with ResourceLimitExceeded",
        members=("operation", "times"),
        operation="CreateTrainingJob",
    ),
    "throttle": Kind(effect="the call is refused with ThrottlingException", members=("operation", "times")),
    "error": Kind(
        effect="the call is answered with a server error of `status`",
        members=("operation", "times", "status"),
    ),
    "lost-reply": Kind(
        effect="the call is carried out, and the connection is closed instead of the answer",
        members=("operation", "times"),
        operation="CreateTrainingJob",
    ),
    "interrupt": Kind(
        effect="the next spot training job loses its instance `seconds` after its script began",
        members=("name", "times", "seconds"),
    ),
    "ping": Kind(
        effect="the next instance of the endpoint does not pass its health check", members=("name", "times")
    ),
    "delay-logs": Kind(
        effect="the next job's log lines reach CloudWatch `seconds` late, also after its end",
        members=("name", "times", "seconds"),
    ),
}
"""All kinds; `docs/howto/faults.md` shows this table."""
STATUSES = (500, 502, 503, 504)


class Faults:
    """The plan as it stands: what is still to happen. Safe between threads."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._guard = threading.Lock()
        self._left: list[Fault] = list(faults)

    def list(self) -> list[Fault]:
        """Return what is still to happen; `times` is how often."""
        with self._guard:
            return list(self._left)

    def add(self, faults: Iterable[Fault]) -> None:
        """Plan more, after what is planned."""
        with self._guard:
            self._left.extend(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Plan this instead of what is planned."""
        with self._guard:
            self._left = list(faults)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is planned."""
        return not self._left

    def refusal(self, operation: str) -> ServiceError | None:
        """Return the error that befalls a call now; None when nothing does."""
        if not self._left:
            return None
        fault = self._take(_REFUSALS, lambda each: fnmatch.fnmatchcase(operation, each.operation))
        return _REFUSALS[fault.fault](fault, operation) if fault is not None else None

    def loses_reply(self, operation: str) -> bool:
        """Tell whether the answer to a call that was carried out gets lost."""
        if not self._left:
            return False
        fits = self._take(("lost-reply",), lambda each: fnmatch.fnmatchcase(operation, each.operation))
        return fits is not None

    def of_job(self, kind: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what befalls a job that starts now, for its supervisor: failure, interruption, late logs."""
        if kind not in _JOBS:
            return {}
        befalls: dict[str, Any] = {}
        if self._of_name(("capacity",), name):
            return {"failure": CAPACITY_REASON}
        is_spot = kind == _TRAINING and body.get("EnableManagedSpotTraining", False)
        if is_spot and (fault := self._of_name(("interrupt",), name)):
            befalls["interrupt"] = fault.seconds
        if fault := self._of_name(("delay-logs",), name):
            befalls["delay_logs"] = fault.seconds
        return befalls

    def fails_ping(self, endpoint: str) -> bool:
        """Tell whether an instance that starts now is not to pass its health check."""
        return self._of_name(("ping",), endpoint) is not None

    def _of_name(self, kinds: tuple[str, ...], name: str) -> Fault | None:
        return self._take(kinds, lambda each: fnmatch.fnmatchcase(name, each.name))

    def _take(self, kinds: Iterable[str], fits: Callable[[Fault], bool]) -> Fault | None:
        with self._guard:
            for place, fault in enumerate(self._left):
                if fault.fault in kinds and fits(fault):
                    if fault.times > 1:
                        self._left[place] = dataclasses.replace(fault, times=fault.times - 1)
                    else:
                        del self._left[place]
                    return fault
        return None


def _server_error(fault: Fault, operation: str) -> ServiceError:
    error: ServiceError
    if fault.status == ServiceUnavailable.status:
        error = ServiceUnavailable(f"{operation} is not available now (a planned fault)")
    else:
        error = ServiceError(f"{operation} failed (a planned fault)")
    error.status = fault.status
    return error


def _limit(_fault: Fault, operation: str) -> ServiceError:
    return ResourceLimitExceeded(
        f"The account-level service limit for {operation} is 0 Instances, with current utilization of "
        "0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an "
        "increase for this quota."
    )


_REFUSALS: dict[str, Callable[[Fault, str], ServiceError]] = {
    "limit": _limit,
    "throttle": lambda _fault, _operation: ThrottlingException("Rate exceeded"),
    "error": _server_error,
}


def load(path: Path, operations: Iterable[str] = ()) -> list[Fault]:
    """Read a plan's file.

    Raises:
        FaultError: it cannot be read, or is no plan.

    """
    try:
        return parse(path.read_text(), operations)
    except (OSError, UnicodeDecodeError) as error:
        raise FaultError(f"the fault plan {path} cannot be read: {error}") from error
    except FaultError as error:
        raise FaultError(f"the fault plan {path}: {error}") from error


def parse(text: str, operations: Iterable[str] = ()) -> list[Fault]:
    """Read a plan, JSON: `{"faults": [{"fault": "throttle", "times": 3}, …]}`.

    An operation must be one of `operations`, or a pattern that fits one of them; without any, it may be all.

    Raises:
        FaultError: it is no plan; the message names the fault, the value, and what is allowed.

    """
    try:
        plan = json.loads(text)
    except ValueError as error:
        raise FaultError(f"not JSON: {error}") from error
    if not isinstance(plan, dict) or set(plan) != {"faults"} or not isinstance(plan["faults"], list):
        raise FaultError('a plan is an object with one member, "faults", a list')
    known = tuple(operations)
    return [_fault(f"faults[{place}]", each, known) for place, each in enumerate(plan["faults"])]


def to_json(faults: Iterable[Fault]) -> str:
    """Write a plan as `parse` reads it; only what its kind knows is written."""
    return json.dumps(
        {
            "faults": [
                {"fault": each.fault} | {name: getattr(each, name) for name in KINDS[each.fault].members}
                for each in faults
            ]
        }
    )


def _fault(where: str, given: object, operations: tuple[str, ...]) -> Fault:
    if not isinstance(given, dict):
        raise FaultError(f"{where} is {given!r}; an object is needed")
    name = given.get("fault")
    if not isinstance(name, str) or name not in KINDS:
        raise FaultError(f"{where}.fault is {name!r}; allowed are {', '.join(KINDS)}")
    kind = KINDS[name]
    strangers = sorted(set(given) - {"fault", *kind.members})
    if strangers:
        allowed = ", ".join(kind.members)
        raise FaultError(f"{where} has a member {strangers[0]!r}; {name!r} takes {allowed}")
    for member, value in given.items():
        _CHECKS[member](f"{where}.{member}", value)
    fault = Fault(**{"operation": kind.operation, **given})
    if operations and not fnmatch.filter(operations, fault.operation):
        raise FaultError(f"{where}.operation is {fault.operation!r}; no operation of SageMaker has that name")
    return fault


def _check_text(where: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise FaultError(f"{where} is {value!r}; a name or a pattern is needed")


def _check_times(where: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_TIMES:
        raise FaultError(f"{where} is {value!r}; a whole number from 1 to {_MOST_TIMES} is needed")


def _check_status(where: str, value: object) -> None:
    if isinstance(value, bool) or value not in STATUSES:
        raise FaultError(f"{where} is {value!r}; allowed are {', '.join(map(str, STATUSES))}")


def _check_seconds(where: str, value: object) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _LONGEST_SECONDS:  # type: ignore[operator]
        raise FaultError(f"{where} is {value!r}; a number from 0 to {_LONGEST_SECONDS:.0f} is needed")


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "fault": _check_text,
    "operation": _check_text,
    "name": _check_text,
    "times": _check_times,
    "status": _check_status,
    "seconds": _check_seconds,
}
