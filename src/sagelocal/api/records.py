"""What all resources have in common: create once, describe, list, delete; tags given at the start.

A resource's body holds the members of its request and what became of it. Describe and List return bodies,
from which the encoder keeps the members of the answer's shape.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sagelocal.api import listing, tags
from sagelocal.jobs.store import AlreadyExistsError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sagelocal.api.account import Account
    from sagelocal.api.kinds import ResourceKind
    from sagelocal.jobs.store import Resource, Store

_MILLISECONDS = 3


def now() -> float:
    """Return the time as AWS tells it: seconds since the epoch, to the millisecond."""
    return round(time.time(), _MILLISECONDS)


class Records:
    """The resources of one kind."""

    def __init__(self, kind: ResourceKind, store: Store, account: Account) -> None:
        self._kind = kind
        self._store = store
        self._account = account

    def name(self, request: Mapping[str, Any]) -> str:
        """Return the resource's name in a request about it."""
        name: str = request[self._kind.name_key]
        return name

    def arn(self, name: str) -> str:
        """Return the ARN that the resource has, or would have."""
        return self._account.arn(self._kind.kind, name)

    def create(self, request: Mapping[str, Any], **members: Any) -> dict[str, Any]:
        """Store a resource from its Create request and return the Create answer: its ARN.

        `members` are added to the request's own.

        Raises:
            ServiceError: the kind's own, when the name is taken.

        """
        return self.create_as(self.name(request), request, members)

    def create_as(self, name: str, request: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
        """Do as `create`, under a name that is not the request's."""
        arn = self.arn(name)
        given = {key: value for key, value in request.items() if key != "Tags" and value not in ({}, [])}
        moment = now()
        body = given | {self._kind.arn_key: arn, "CreationTime": moment, "LastModifiedTime": moment}
        body |= members
        try:
            self._store.create(self._kind.kind, name, arn, body, tags.parse(request.get("Tags", [])))
        except AlreadyExistsError as error:
            raise self._kind.already_exists(self._account, name) from error
        return {self._kind.arn_key: arn}

    def get(self, name: str) -> Resource:
        """Return the resource, or raise the kind's own error when there is none."""
        try:
            return self._store.get(self._kind.kind, name)
        except MissingError as error:
            raise self._kind.not_found(self._account, name) from error

    def all(self) -> Sequence[Resource]:
        """Return all resources of the kind, oldest first."""
        return self._store.list(self._kind.kind)

    def describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Describe answer."""
        return _view(self.get(self.name(request)))

    def list(self, request: Mapping[str, Any], resources: Iterable[Resource] | None = None) -> dict[str, Any]:
        """Return the List answer, of all resources of the kind or of some."""
        page = listing.page(self._kind, self.all() if resources is None else resources, request)
        return {
            self._kind.listed: [_view(each) for each in page.resources],
            "NextToken": page.next_token,
        }

    def update(self, name: str, change: Callable[[dict[str, Any]], None]) -> Resource:
        """Change the resource's body in place, in one transaction."""
        try:
            return self._store.update(self._kind.kind, name, change)
        except MissingError as error:
            raise self._kind.not_found(self._account, name) from error

    def delete(self, request: Mapping[str, Any]) -> None:
        """Remove the resource of a request, and its tags."""
        self.remove(self.name(request))

    def remove(self, name: str) -> None:
        """Remove a resource and its tags."""
        try:
            self._store.delete(self._kind.kind, name)
        except MissingError as error:
            raise self._kind.not_found(self._account, name) from error


def _view(resource: Resource) -> dict[str, Any]:
    # The row knows when it was last written; whoever writes a body need not say so.
    return resource.body | {"LastModifiedTime": resource.modified}
