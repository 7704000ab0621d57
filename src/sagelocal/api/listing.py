"""List: filters, order and pages over resources. Pure.

A page ends with an opaque token that holds the place of its last resource in the order, not a number:
resources that come or go between two pages neither repeat nor hide others. The last page has no token.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sagelocal.api.kinds import TRAINING_JOB
from sagelocal.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sagelocal.api.kinds import ResourceKind
    from sagelocal.jobs.store import Resource

DEFAULT_PAGE = 10
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListEndpoints.html: "defaults to 10"."""

_LONGEST_NUMBER = 9
_T = TypeVar("_T")
Place = tuple[Any, str]
"""Where a resource stands: the value that the list is sorted by, and its name."""

_FILTERS: dict[str, Callable[[Resource, Any], bool]] = {
    "NameContains": lambda resource, wanted: wanted in resource.name,
    "CreationTimeAfter": lambda resource, wanted: resource.created >= wanted,
    "CreationTimeBefore": lambda resource, wanted: resource.created < wanted,
    "CreatedAfter": lambda resource, wanted: resource.created >= wanted,
    "CreatedBefore": lambda resource, wanted: resource.created < wanted,
    "LastModifiedTimeAfter": lambda resource, wanted: resource.modified >= wanted,
    "LastModifiedTimeBefore": lambda resource, wanted: resource.modified < wanted,
    "ModifiedTimeAfter": lambda resource, wanted: resource.modified >= wanted,
    "ModifiedTimeBefore": lambda resource, wanted: resource.modified < wanted,
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a list."""

    resources: list[Resource]
    next_token: str | None


def is_rule(key: str) -> bool:
    """Tell whether a member of a List request is a filter of every list."""
    return key in _FILTERS or key == "StatusEquals"


def page(kind: ResourceKind, resources: Iterable[Resource], request: Mapping[str, Any]) -> Page:
    """Return the page of `resources` that a List request asks for.

    Raises:
        ValidationException: the token is not one that this list gave out.

    """
    place_of = _place(kind, request.get("SortBy", kind.sorted_by))
    descending = _is_descending(kind, request)
    order = f"{kind.kind} {request.get('SortBy')} {descending}"
    found = [each for each in resources if _matches(kind, each, request)]
    found.sort(key=place_of, reverse=descending)
    token = request.get("NextToken")
    if token is not None:
        last = _read_token(token, order)
        found = [each for each in found if _is_after(place_of(each), last, descending=descending)]
    size = request.get("MaxResults", DEFAULT_PAGE)
    has_more = len(found) > size
    chosen = found[:size]
    return Page(resources=chosen, next_token=_write_token(place_of(chosen[-1]), order) if has_more else None)


def numbered(
    found: Sequence[_T], request: Mapping[str, Any], size: int = DEFAULT_PAGE
) -> tuple[Sequence[_T], str | None]:
    """Return a page of what has no order of its own, and its token: how many came before the next page.

    Raises:
        ValidationException: the token is none. One behind the end is: the list has become shorter since.

    """
    token = request.get("NextToken", "0")
    if not token.isdecimal() or len(token) > _LONGEST_NUMBER:
        raise ValidationException(f"NextToken {token!r} is not a token of this list")
    end = int(token) + request.get("MaxResults", size)
    return found[int(token) : end], str(end) if end < len(found) else None


def _is_descending(kind: ResourceKind, request: Mapping[str, Any]) -> bool:
    order = request.get("SortOrder")
    if order is None:
        # A bare ListTrainingJobs selects "from the most current to the oldest", says its documentation,
        # though the default of its SortOrder is Ascending.
        return kind.descending or (kind.kind == TRAINING_JOB.kind and "SortBy" not in request)
    return bool(order.upper() == "DESCENDING")


def _place(kind: ResourceKind, sort_by: str) -> Callable[[Resource], Place]:
    # Older operations spell `CREATION_TIME`, some `HubName`: all mean the same.
    match sort_by.title().replace("_", "") if "_" in sort_by or sort_by.isupper() else sort_by:
        case name if name.endswith("Name"):
            return lambda resource: (resource.name, resource.name)
        case "SourceArn" | "DestinationArn" | "SourceType" | "DestinationType":
            return lambda resource: (resource.body.get(sort_by) or "", resource.name)
        case "Status" | kind.status:
            return lambda resource: (resource.body.get(kind.status, ""), resource.name)
        case "FinalObjectiveMetricValue":
            return lambda resource: (resource.body.get(sort_by), resource.name)
        case "LastModifiedTime":
            return lambda resource: (resource.modified, resource.name)
        case _:
            return lambda resource: (resource.created, resource.name)


def _matches(kind: ResourceKind, resource: Resource, request: Mapping[str, Any]) -> bool:
    return all(_test(kind, resource, key, wanted) for key, wanted in request.items())


def _test(kind: ResourceKind, resource: Resource, key: str, wanted: Any) -> bool:
    if key in _FILTERS:
        return _FILTERS[key](resource, wanted)
    if key.endswith("Equals"):
        member = kind.status if key == "StatusEquals" else key.removesuffix("Equals")
        return bool(resource.body.get(member) == wanted)
    return True  # not a filter


def _is_after(place: Place, last: Place, *, descending: bool) -> bool:
    return place < last if descending else place > last


def _write_token(place: Place, order: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([*place, order]).encode()).decode("ascii")


def _read_token(token: str, order: str) -> Place:
    try:
        value, name, made_for = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, RecursionError):
        made_for = None
    if made_for != order:
        raise ValidationException(f"NextToken {token!r} is not a token of this list in this order")
    return value, name
