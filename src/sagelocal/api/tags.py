"""Tags of any resource, by its ARN.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AddTags.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import ValidationException
from sagelocal.jobs.store import MissingError
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagelocal.jobs.store import Store
    from sagelocal.wire.message import Call

MOST_TAGS = 50
_RESERVED = "aws:"


class Tags:
    """AddTags, ListTags, DeleteTags."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @operation("AddTags")
    def add(self, call: Call) -> dict[str, Any]:
        """Add or replace tags, and return all that the resource has."""
        arn = self._known(call)
        added = parse(call.parameters["Tags"])
        total = len(self._store.tags(arn).keys() | added.keys())
        if total > MOST_TAGS:
            raise ValidationException(f"{arn} would have {total} tags; at most {MOST_TAGS} are allowed")
        self._store.tag(arn, added)
        return {"Tags": _listed(self._store.tags(arn))}

    @operation("ListTags", quick=True)
    def list(self, call: Call) -> dict[str, Any]:
        """Return the tags; they fit on one page, since the smallest page is as long as the most tags."""
        return {"Tags": _listed(self._store.tags(self._known(call)))}

    @operation("DeleteTags")
    def delete(self, call: Call) -> None:
        """Remove tags by their keys."""
        self._store.untag(self._known(call), call.parameters["TagKeys"])

    def _known(self, call: Call) -> str:
        arn: str = call.parameters["ResourceArn"]
        try:
            self._store.find(arn)
        except MissingError as error:
            raise ValidationException(f'Could not find resource "{arn}".') from error
        return arn


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def parse(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return tags by key.

    Raises:
        ValidationException: a key is there twice, is reserved for AWS, or there are too many.

    """
    result: dict[str, str] = {}
    for tag in tags:
        key = tag["Key"]
        if key in result:
            raise ValidationException(f"Tag key {key!r} is given twice; keys must be unique")
        if key.lower().startswith(_RESERVED):
            raise ValidationException(f"Tag key {key!r} begins with {_RESERVED!r}, which is reserved for AWS")
        result[key] = tag["Value"]
    if len(result) > MOST_TAGS:
        raise ValidationException(f"{len(result)} tags are given; at most {MOST_TAGS} are allowed")
    return result
