"""How a resource shows in the service model: its operations and members, found by the names AWS gives them.

`CreateExperiment`, `DescribeExperiment`, `ListExperiments` … belong together; the list in the List answer
holds the summaries; a member of the Describe answer that is called `…Status` is the status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal.api.kinds import ResourceKind
from sagelocal.errors import (
    ConflictException,
    ResourceInUse,
    ResourceNotFound,
    ServiceError,
    ValidationException,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import StructureShape

    from sagelocal.api.recorded import Row
    from sagelocal.wire.model import Operation

VERBS = ("Create", "Describe", "Update", "Delete", "Start", "Stop")
_FAILED = ("Failed", "CreateFailed", "FAILED", "CREATE_FAILED")
_REASONS = ("FailureReason", "FailureMessage")


@dataclass(frozen=True, kw_only=True)
class Convention:
    """A resource as the service model has it."""

    row: Row
    operations: Mapping[str, Operation]
    """By verb: those of `VERBS` and `List` that the model has."""
    kind: ResourceKind
    key: tuple[str, ...]
    arn_member: str
    failed: Mapping[str, str]
    """The members of a body that say that nothing runs, with their values."""
    not_found: type[ServiceError]
    in_use: type[ServiceError]


def read(row: Row, operations: Mapping[str, Operation]) -> Convention:
    """Find a resource in the model."""
    own = {verb: operations[f"{verb}{row.noun}"] for verb in VERBS if f"{verb}{row.noun}" in operations}
    listing = next((name for name in _plurals(row.noun) if name in operations), "")
    if listing:
        own["List"] = operations[listing]
    described = _shape(own["Describe"].output)
    answers = list(_shape(own["Create"].output).members) if own["Create"].output else []
    arn_members = [member for member in answers if member.endswith("Arn")]
    arn_member = arn_members[-1] if arn_members else f"{row.noun}Arn"
    status = _status(row, described)
    return Convention(
        row=row,
        operations=own,
        kind=_kind(row, own, status),
        key=row.key or tuple(_shape(own["Describe"].input).required_members),
        arn_member=arn_member,
        failed={} if row.whole else _failed(row, described, status),
        not_found=_declared(own["Describe"], ResourceNotFound),
        in_use=_declared(own.get("Delete", own["Create"]), ResourceInUse, ConflictException),
    )


def _plurals(noun: str) -> tuple[str, ...]:
    return (f"List{noun}s", f"List{noun[:-1]}ies", f"List{noun}es")


def _kind(row: Row, own: Mapping[str, Operation], status: str) -> ResourceKind:
    words = " ".join(row.word.split("-")).capitalize()
    return ResourceKind(
        kind=row.word,
        noun=row.noun,
        listed=_listed(own["List"]) if "List" in own else "",
        status=status,
        sorted_by=row.sorted_by,
        descending=row.descending,
        exists=row.exists
        or f"{words} names must be unique within an AWS account and region, "
        f"and {words.lower()} {{name}} already exists ({{arn}})",
        exists_error=_declared(own["Create"], ResourceInUse, ConflictException),
        missing=row.missing or f"{words} {{name}} does not exist ({{arn}})",
    )


def _listed(operation: Operation) -> str:
    lists = [name for name, member in _shape(operation.output).members.items() if member.type_name == "list"]
    return lists[0]


def _status(row: Row, described: StructureShape) -> str:
    names = [f"{row.noun}Status", "Status", f"{row.noun.removesuffix('V2')}Status"]
    found = [name for name in names if name in described.members]
    return found[0] if found else ""


def _failed(row: Row, described: StructureShape, status: str) -> dict[str, str]:
    if not status:
        return {}
    allowed = described.members[status].metadata.get("enum", [])
    value = next((each for each in _FAILED if each in allowed), "")
    members = {status: value} if value else {}
    members |= {name: row.reason for name in _REASONS if name in described.members}
    if "AutoMLJobSecondaryStatus" in described.members:
        members["AutoMLJobSecondaryStatus"] = "Failed"
    return members


def _declared(operation: Operation, *classes: type[ServiceError]) -> type[ServiceError]:
    """Return the first of some errors that the model declares for an operation, else ValidationException."""
    return next((each for each in classes if each.code in operation.errors), ValidationException)


def _shape(shape: StructureShape | None) -> StructureShape:
    assert shape is not None
    return shape
