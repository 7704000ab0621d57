"""Model packages: versions of a group, or packages by themselves.

A version's ARN is `…:model-package/<group>/<number>`; numbers only rise, those of deleted versions are not
given again. A package that is to be validated by a transform job before it counts as whole is refused.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateModelPackage.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.api import package_requests as packages
from sagelocal.api.model_package_groups import group_name
from sagelocal.api.records import now
from sagelocal.errors import ServiceError, ValidationException
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping

    from sagelocal.api.account import Account
    from sagelocal.api.records import Records
    from sagelocal.jobs.store import Resource
    from sagelocal.wire.message import Call

_TOKENS = "ClientTokens"
_MOST_TOKENS = 1000
"""How many requests of a group are known again when they are repeated."""
_TYPES: dict[str, Callable[[Resource], bool]] = {
    "Versioned": lambda package: "ModelPackageGroupName" in package.body,
    "Unversioned": lambda package: "ModelPackageGroupName" not in package.body,
    "Both": lambda _: True,
}


class ModelPackages:
    """Create, Describe, List, Update, Delete and BatchDescribeModelPackage."""

    def __init__(
        self, *, records: Records, groups: Records, account: Account, changing: threading.Lock
    ) -> None:
        self._records = records
        self._groups = groups
        self._account = account
        self._changing = changing

    @operation("CreateModelPackage")
    def create(self, call: Call) -> dict[str, Any]:
        """Store a package; a request that is repeated with its ClientToken makes no second one."""
        request = call.parameters
        packages.check_new(request)
        members = packages.new_body(request) | {"CreatedBy": self._account.owner}
        if "ModelPackageGroupName" not in request:
            # The SDK sends an approval for these, too, to which it "does not apply".
            others = {key: value for key, value in request.items() if key != "ModelApprovalStatus"}
            return self._create_by_itself(others, members)
        if request.get("Tags"):
            raise ValidationException(
                "Tags cannot be put on a version of a model package group; tag the group"
            )
        with self._changing:
            return self._create_version(group_name(request), request, members)

    @operation("DescribeModelPackage", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe a package, by its name or ARN."""
        return self._records.get(packages.key(call.parameters["ModelPackageName"])).body

    @operation("BatchDescribeModelPackage")
    def describe_several(self, call: Call) -> dict[str, Any]:
        """Describe several versions by their ARNs; those that are not there are told of one by one."""
        found, errors = {}, {}
        for arn in call.parameters["ModelPackageArnList"]:
            try:
                body = self._records.get(packages.key(arn)).body
                if "ModelPackageGroupName" not in body:
                    raise ValidationException(f"{arn} is no version of a group")
                found[arn] = body
            except ServiceError as error:
                errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
        return {
            "ModelPackageSummaries": found or None,
            "BatchDescribeModelPackageErrorMap": errors or None,
        }

    @operation("ListModelPackages")
    def list(self, call: Call) -> dict[str, Any]:
        """List packages: those of a group, or of a type (by default those of no group)."""
        return self._records.list(call.parameters, self._wanted(call.parameters))

    @operation("UpdateModelPackage")
    def update(self, call: Call) -> dict[str, Any]:
        """Change a package: its approval above all."""
        request = call.parameters

        def change(body: dict[str, Any]) -> None:
            packages.change(body, request)
            body["LastModifiedTime"] = now()
            body["LastModifiedBy"] = self._account.owner

        changed = self._records.update(packages.key(request["ModelPackageArn"]), change)
        return {"ModelPackageArn": changed.arn}

    @operation("DeleteModelPackage")
    def delete(self, call: Call) -> None:
        """Delete a package; its number is not given again."""
        self._records.remove(packages.key(call.parameters["ModelPackageName"]))

    def containers(self, container: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        """Return the containers that a model's container stands for, which names a package."""
        return packages.containers(
            self._records.get(packages.key(container["ModelPackageName"])).body, container
        )

    def _create_by_itself(self, request: Mapping[str, Any], members: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._records.create(request, **members)
        except ValidationException:
            existing = self._records.get(request["ModelPackageName"])
            if existing.body.get("ClientToken") != request.get("ClientToken"):
                raise
            return {"ModelPackageArn": existing.arn}

    def _create_version(
        self, group: str, request: Mapping[str, Any], members: dict[str, Any]
    ) -> dict[str, Any]:
        token = request.get("ClientToken", "")
        body = self._groups.get(group).body
        earlier = f"{group}/{body.get(_TOKENS, {}).get(token)}"
        known = [each for each in self._records.all() if each.name == earlier]
        if known:
            return {"ModelPackageArn": known[0].arn}
        number = body["LastVersion"] + 1

        def take(body: dict[str, Any]) -> None:
            body["LastVersion"] = number
            tokens = body.get(_TOKENS, {}) | ({token: number} if token else {})
            body[_TOKENS] = dict(list(tokens.items())[-_MOST_TOKENS:])

        self._groups.update(group, take)
        members |= {"ModelPackageGroupName": group, "ModelPackageVersion": number}
        return self._records.create_as(f"{group}/{number}", request, members)

    def _wanted(self, request: Mapping[str, Any]) -> Iterable[Resource]:
        found = self._records.all()
        if "ModelPackageGroupName" in request:
            group = self._groups.get(group_name(request)).name
            if request.get("ModelPackageType") == "Unversioned":
                raise ValidationException(
                    "ModelPackageGroupName lists versions; ModelPackageType is Unversioned"
                )
            found = [each for each in found if each.body.get("ModelPackageGroupName") == group]
        else:
            found = [each for each in found if _TYPES[request.get("ModelPackageType", "Unversioned")](each)]
        status = request.get("ModelApprovalStatus")
        return [each for each in found if status in (None, each.body.get("ModelApprovalStatus"))]
