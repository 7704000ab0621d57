"""Model cards: documents about a model, with versions.

A change of the content makes a new version; a change of the status does not, and both at once are refused.
Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateModelCard.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.api import documents, listing
from sagelocal.api.kinds import ResourceKind
from sagelocal.api.records import now
from sagelocal.errors import ConflictException, ResourceNotFound, ValidationException
from sagelocal.jobs.store import Resource
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from sagelocal.api.account import Account
    from sagelocal.api.derived import Derived
    from sagelocal.jobs.store import Store
    from sagelocal.wire.message import Call

KIND = "model-card"
_EARLIER = "EarlierVersions"
_BEGAN = "VersionCreationTime"
"""When a version was made; of the first, that is when its card was."""
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

    def __init__(self, *, cards: Derived, store: Store, account: Account, changing: threading.RLock) -> None:
        self._cards = cards
        self._store = store
        self._account = account
        self._changing = changing

    @operation("CreateModelCard")
    def create(self, call: Call) -> dict[str, Any]:
        """Keep the first version of a card."""
        documents.check("Content", call.parameters["Content"])
        return self._cards.create(call, ModelCardVersion=1, **{_EARLIER: []})

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
            documents.check("Content", request["Content"])

        def change(body: dict[str, Any]) -> None:
            moment, current = now(), body["ModelCardStatus"]
            status, content = request.get("ModelCardStatus", current), request.get("Content", body["Content"])
            if content != body["Content"]:
                if status != current:
                    raise ValidationException(
                        "Content and ModelCardStatus cannot be changed in a single call"
                    )
                if current == _ARCHIVED:
                    raise ConflictException(f"{body['ModelCardArn']} is {_ARCHIVED} and cannot be changed")
                body[_EARLIER].append(_version(body))
                number = body["ModelCardVersion"] + 1
                body.update({"Content": content, "ModelCardVersion": number, _BEGAN: moment})
            body.update(ModelCardStatus=status, LastModifiedTime=moment, LastModifiedBy=self._account.owner)

        with self._changing:
            return {"ModelCardArn": self._store.update(KIND, self._cards.find(request).name, change).arn}

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
                body=body | {"CreationTime": began},
                created=began,
                modified=body["LastModifiedTime"],
            )
            for body in _versions(resource)
            for began in [body.get(_BEGAN, body["CreationTime"])]
            if status in (None, body["ModelCardStatus"])
        ]
        page = listing.page(_VERSIONS, rows, {**call.parameters, "SortBy": "Name"})
        return {_VERSIONS.listed: [each.body for each in page.resources], "NextToken": page.next_token}


def _versions(card: Resource) -> list[dict[str, Any]]:
    return [*card.body[_EARLIER], _version(card.body)]


def _version(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card's body without its earlier versions."""
    return {key: value for key, value in body.items() if key != _EARLIER}
