"""Lineage: how artifacts, actions, contexts and trial components came from each other.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AddAssociation.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_QueryLineage.html
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sagelocal.api import listing
from sagelocal.api.kinds import ResourceKind
from sagelocal.api.records import now
from sagelocal.errors import ResourceNotFound, ValidationException
from sagelocal.jobs.store import AlreadyExistsError, MissingError
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sagelocal.api.account import Account
    from sagelocal.jobs.store import Resource, Store
    from sagelocal.wire.message import Call

ASSOCIATION = ResourceKind(
    kind="association",
    noun="Association",
    listed="AssociationSummaries",
    exists="Association {name} already exists",
    missing="Association {name} does not exist",
)
_LINEAGE_TYPES = {
    "artifact": "Artifact",
    "action": "Action",
    "context": "Context",
    "experiment-trial-component": "TrialComponent",
    "experiment": "Experiment",
}
DEEPEST = 10
_SORTED_BY = ("SourceArn", "DestinationArn", "SourceType", "DestinationType")


class Lineage:
    """AddAssociation, DeleteAssociation, ListAssociations, QueryLineage."""

    def __init__(self, *, store: Store, account: Account, changing: threading.RLock) -> None:
        self._store = store
        self._account = account
        self._changing = changing

    @operation("AddAssociation")
    def add(self, call: Call) -> dict[str, Any]:
        """Say that one entity contributed to another."""
        request = call.parameters
        try:
            with self._changing:
                return associate(
                    self._store,
                    source=self._entity(request["SourceArn"]),
                    destination=self._entity(request["DestinationArn"]),
                    association=request.get("AssociationType", "AssociatedWith"),
                    owner=self._account.owner,
                )
        except AlreadyExistsError as error:
            raise ValidationException(ASSOCIATION.exists.format(name=_name(request))) from error

    @operation("DeleteAssociation")
    def delete(self, call: Call) -> dict[str, Any]:
        """Forget an association."""
        name = _name(call.parameters)
        try:
            return self._store.delete(ASSOCIATION.kind, name).body
        except MissingError as error:
            raise ResourceNotFound(ASSOCIATION.missing.format(name=name)) from error

    @operation("ListAssociations")
    def list(self, call: Call) -> dict[str, Any]:
        """List associations by their ends, types and age."""
        request = dict(call.parameters)
        members = {key: request.pop(key) for key in (*_SORTED_BY, "AssociationType") if key in request}
        found = [
            each
            for each in self._store.list(ASSOCIATION.kind)
            if all(each.body.get(key) == wanted for key, wanted in members.items())
        ]
        page = listing.page(ASSOCIATION, found, request)
        return {
            ASSOCIATION.listed: [each.body for each in page.resources],
            "NextToken": page.next_token,
        }

    @operation("QueryLineage")
    def query(self, call: Call) -> dict[str, Any]:
        """Walk the associations from some entities, and return what the filters let through."""
        request = call.parameters
        found, edges = self._walk(request)
        vertices = [
            {"Arn": each.arn, "Type": _type(each), "LineageType": _LINEAGE_TYPES[each.kind]}
            for each in found
            if _passes(each, request.get("Filters", {}))
        ]
        page, token = listing.numbered(vertices, request)
        answer: dict[str, Any] = {
            "Vertices": page,
            # The SDK reads it though it asks for no edges.
            "Edges": [],
            "NextToken": token,
        }
        if request.get("IncludeEdges", True):
            shown = {each["Arn"] for each in vertices} | set(request.get("StartArns", []))
            answer["Edges"] = [
                each for each in edges if each["SourceArn"] in shown and each["DestinationArn"] in shown
            ]
        return answer

    def _walk(self, request: Mapping[str, Any]) -> tuple[Iterable[Resource], Iterable[dict[str, Any]]]:
        """Return the entities within reach, the nearest first, and the associations between them."""
        direction = request.get("Direction", "Both")
        associations = [each.body for each in self._store.list(ASSOCIATION.kind)]
        starts = request.get("StartArns", [])
        seen = {self._entity(arn).arn for arn in starts}
        edges: dict[str, dict[str, Any]] = {}
        found, front = [], set(seen)
        for _ in range(request.get("MaxDepth", DEEPEST)):
            reached = []
            for body in associations:
                for near, far, way in (
                    ("SourceArn", "DestinationArn", "Descendants"),
                    ("DestinationArn", "SourceArn", "Ascendants"),
                ):
                    if body[near] in front and direction in (way, "Both"):
                        edges[_name(body)] = body
                        reached.append(body[far])
            front = {arn for arn in reached if arn not in seen}
            found += [arn for arn in dict.fromkeys(reached) if arn not in seen]
            seen |= front
        return list(self._there(found)), edges.values()

    def _there(self, arns: Iterable[str]) -> Iterator[Resource]:
        """Yield entities, without those that were deleted since they were associated."""
        for arn in arns:
            with contextlib.suppress(MissingError):
                yield self._store.find(arn)

    def _entity(self, arn: str) -> Resource:
        try:
            found = self._store.find(arn)
        except MissingError:
            found = None
        if found is None or found.kind not in _LINEAGE_TYPES:
            raise ResourceNotFound(f"Lineage entity {arn} does not exist")
        return found


def associate(
    store: Store, *, source: Resource, destination: Resource, association: str, owner: Mapping[str, Any]
) -> dict[str, Any]:
    """Store that one entity contributed to another, and return what was stored.

    Raises:
        AlreadyExistsError: the two are associated.

    """
    body = {
        "SourceArn": source.arn,
        "DestinationArn": destination.arn,
        "SourceType": _type(source),
        "DestinationType": _type(destination),
        "SourceName": _shown_name(source),
        "DestinationName": _shown_name(destination),
        "AssociationType": association,
        "CreationTime": now(),
        "CreatedBy": owner,
    }
    name = _name(body)
    store.create(ASSOCIATION.kind, name, f"{ASSOCIATION.kind}:{name}", body)
    return body


def _shown_name(entity: Resource) -> str | None:
    """Return an entity's name; an artifact may have none."""
    return entity.body.get("ArtifactName") if entity.kind == "artifact" else entity.name


def _name(ends: Mapping[str, Any]) -> str:
    return f"{ends['SourceArn']} {ends['DestinationArn']}"


def _type(entity: Resource) -> str | None:
    """Return the ArtifactType, ActionType or ContextType; a job's trial component has the kind of job."""
    if entity.kind == "experiment-trial-component":
        return entity.body.get("Source", {}).get("SourceType", "").removeprefix("SageMaker") or None
    return entity.body.get(f"{_LINEAGE_TYPES[entity.kind]}Type")


def _passes(entity: Resource, filters: Mapping[str, Any]) -> bool:
    checks: dict[str, Callable[[Any], bool]] = {
        "Types": lambda wanted: _type(entity) in wanted,
        "LineageTypes": lambda wanted: _LINEAGE_TYPES[entity.kind] in wanted,
        "CreatedBefore": lambda wanted: entity.created < wanted,
        "CreatedAfter": lambda wanted: entity.created >= wanted,
        "ModifiedBefore": lambda wanted: entity.modified < wanted,
        "ModifiedAfter": lambda wanted: entity.modified >= wanted,
        "Properties": lambda wanted: wanted.items() <= entity.body.get("Properties", {}).items(),
    }
    return all(checks[key](wanted) for key, wanted in filters.items())
