"""Model package groups: what the versions of one model belong to.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackageGroup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.api import documents
from sagelocal.errors import ConflictException, ValidationException
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from sagelocal.api.account import Account
    from sagelocal.api.records import Records
    from sagelocal.wire.message import Call

_POLICY = "ResourcePolicy"


class ModelPackageGroups:
    """Create, Describe, List and DeleteModelPackageGroup, and the groups' resource policies.

    `changing` is held while a version is added and while a group is deleted.
    """

    def __init__(
        self, *, records: Records, packages: Records, account: Account, changing: threading.Lock
    ) -> None:
        self._records = records
        self._packages = packages
        self._account = account
        self._changing = changing

    @operation("CreateModelPackageGroup")
    def create(self, call: Call) -> dict[str, Any]:
        """Store the group; a group is whole when it is stored."""
        return self._records.create(
            call.parameters, ModelPackageGroupStatus="Completed", CreatedBy=self._account.owner, LastVersion=0
        )

    @operation("DescribeModelPackageGroup", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one group, by its name or ARN."""
        return self._records.get(group_name(call.parameters)).body

    @operation("ListModelPackageGroups")
    def list(self, call: Call) -> dict[str, Any]:
        """List groups; none is shared with this account by another."""
        theirs = call.parameters.get("CrossAccountFilterOption") == "CrossAccount"
        return self._records.list(call.parameters, [] if theirs else None)

    @operation("DeleteModelPackageGroup")
    def delete(self, call: Call) -> None:
        """Delete a group that has no versions."""
        name = group_name(call.parameters)
        with self._changing:
            arn = self._records.get(name).arn
            held = [each for each in self._packages.all() if each.body.get("ModelPackageGroupName") == name]
            if held:
                raise ConflictException(
                    f"Model Package Group {arn} cannot be deleted: it has {len(held)} model packages "
                    f"({held[0].arn} among them)"
                )
            self._records.remove(name)

    @operation("PutModelPackageGroupPolicy")
    def put_policy(self, call: Call) -> dict[str, Any]:
        """Give the group a resource policy; it is kept, and nobody else's account is here to be let in."""
        policy = call.parameters[_POLICY]
        documents.check(_POLICY, policy)

        def put(body: dict[str, Any]) -> None:
            body[_POLICY] = policy

        return {"ModelPackageGroupArn": self._records.update(group_name(call.parameters), put).arn}

    @operation("GetModelPackageGroupPolicy", quick=True)
    def get_policy(self, call: Call) -> dict[str, Any]:
        """Return the group's resource policy."""
        group = self._records.get(group_name(call.parameters))
        if _POLICY not in group.body:
            raise ValidationException(f"Cannot find resource policy for Model Package Group {group.arn}")
        return {_POLICY: group.body[_POLICY]}

    @operation("DeleteModelPackageGroupPolicy")
    def delete_policy(self, call: Call) -> None:
        """Take the group's resource policy away."""

        def take(body: dict[str, Any]) -> None:
            body.pop(_POLICY, None)

        self._records.update(group_name(call.parameters), take)


def group_name(request: Mapping[str, Any]) -> str:
    """Return the group's name in a request, which may give its ARN instead."""
    given: str = request["ModelPackageGroupName"]
    return given.rpartition("/")[2]
