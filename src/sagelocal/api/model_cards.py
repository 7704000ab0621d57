"""Model cards: documents about a model, with versions.

A change of the content makes a new version; a change of the status alone does not.
Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateModelCard.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sagelocal.api import listing
from sagelocal.api.kinds import ResourceKind
from sagelocal.api.records import now
from sagelocal.errors import ConflictException, ResourceNotFound, ValidationException
from sagelocal.jobs.store import Resource
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from sagelocal.api.account import Account
    from sagelocal.api.derived import Derived
    from sagelocal.jobs.store import Store
    from sagelocal.wire.message import Call

KIND = "model-card"
_EARLIER = "EarlierVersions"
_ARCHIVED = "Archived"
_VERSIONS = ResourceKind(
    kind="model-card-version",
    noun="ModelCard",
    listed="ModelCardVersionSummaryList",
    exists="",
    missing="",
)


class ModelCards:
    """CreateModelCard, DescribeModelCard, UpdateModelCard, ListModelCardVersions; the rest is derived."""

    def __init__(self, *, cards: Derived, store: Store, account: Account) -> None:
        self._cards = cards
        self._store = store
        self._account = account

    @operation("CreateModelCard")
    def create(self, call: Call) -> dict[str, Any]:
        """Keep the first version of a card."""
        _check(call.parameters["Content"])
        answer = self._cards.create(call)

        def number(body: dict[str, Any]) -> None:
            body.update({"ModelCardVersion": 1, _EARLIER: []})

        self._store.update(KIND, call.parameters["ModelCardName"], number)
        return answer

    @operation("DescribeModelCard")
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe a card's last version, or the one that is asked for."""
        resource = self._cards.find(call.parameters)
        wanted = call.parameters.get("ModelCardVersion", resource.body["ModelCardVersion"])
        for body in _versions(resource):
            if body["ModelCardVersion"] == wanted:
                return body
        raise ResourceNotFound(f"{resource.arn} has no version {wanted}")

    @operation("UpdateModelCard")
    def update(self, call: Call) -> dict[str, Any]:
        """Change a card's content (a new version) or its status."""
        request = call.parameters
        if "Content" in request:
            _check(request["Content"])
        resource = self._cards.find(request)

        def change(body: dict[str, Any]) -> None:
            if body["ModelCardStatus"] == _ARCHIVED and "ModelCardStatus" not in request:
                raise ConflictException(f"{resource.arn} is {_ARCHIVED} and cannot be changed")
            if "Content" in request and request["Content"] != body["Content"]:
                old = {key: value for key, value in body.items() if key != _EARLIER}
                body[_EARLIER].append(old)
                body.update(Content=request["Content"], ModelCardVersion=body["ModelCardVersion"] + 1)
            body["ModelCardStatus"] = request.get("ModelCardStatus", body["ModelCardStatus"])
            body.update(LastModifiedTime=now(), LastModifiedBy=self._account.owner)

        return {"ModelCardArn": self._store.update(KIND, resource.name, change).arn}

    @operation("ListModelCardVersions")
    def list_versions(self, call: Call) -> dict[str, Any]:
        """List the versions of a card, the newest first."""
        resource = self._cards.find(call.parameters)
        status = call.parameters.get("ModelCardStatus")
        rows = [
            Resource(
                kind=KIND,
                name=f"{body['ModelCardVersion']:010}",
                arn=resource.arn,
                body=body,
                created=body["CreationTime"],
                modified=body["LastModifiedTime"],
            )
            for body in _versions(resource)
            if status in (None, body["ModelCardStatus"])
        ]
        page = listing.page(_VERSIONS, rows, {**call.parameters, "SortBy": "Name"})
        return {_VERSIONS.listed: [each.body for each in page.resources], "NextToken": page.next_token}


def _versions(card: Resource) -> list[dict[str, Any]]:
    return [*card.body[_EARLIER], {key: value for key, value in card.body.items() if key != _EARLIER}]


def _check(content: str) -> None:
    try:
        is_document = isinstance(json.loads(content), dict)
    except ValueError:
        is_document = False
    if not is_document:
        raise ValidationException("Content of a model card is a JSON document; this is none")
