"""SageMaker's model registry in memory: groups, versions and their approval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sagewind.testing.aws import Account, AwsError, client

_SUMMARY = [
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
]


@dataclass(kw_only=True)
class RegistryTwin:
    """The registry of one account; `packages` maps an ARN to what DescribeModelPackage answers."""

    account: Account = field(default_factory=Account)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: int = 2

    def client(self) -> Any:
        """Make a boto3 SageMaker client on this twin."""
        operations = (
            "CreateModelPackageGroup CreateModelPackage DescribeModelPackage "
            "ListModelPackages UpdateModelPackage"
        )
        return client("sagemaker", {n: getattr(self, f"_{n}") for n in operations.split()}, self.account)

    def _CreateModelPackageGroup(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802  (AWS's)
        name = params["ModelPackageGroupName"]
        if name in self.groups:
            raise AwsError("ValidationException", f"Model Package Group already exists: {name}")
        self.groups[name] = params
        return {"ModelPackageGroupArn": self.account.arn("model-package-group", name)}

    def _CreateModelPackage(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        group = params["ModelPackageGroupName"]
        number = 1 + sum(each["ModelPackageGroupName"] == group for each in self.packages.values())
        arn = self.account.arn("model-package", f"{group}/{number}")
        stored = {key: value for key, value in params.items() if key not in {"ClientToken", "Tags"}}
        self.packages[arn] = stored | {
            "ModelPackageArn": arn,
            "ModelPackageVersion": number,
            "ModelPackageStatus": "Completed",
            "CreationTime": self.account.now,
        }
        return {"ModelPackageArn": arn}

    def _DescribeModelPackage(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._find(params["ModelPackageName"])

    def _ListModelPackages(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        group = params["ModelPackageGroupName"]
        if group not in self.groups:
            raise AwsError("ValidationException", f"ModelPackageGroup {group} does not exist.")
        mine = [each for each in self.packages.values() if each["ModelPackageGroupName"] == group]
        start = int(params.get("NextToken", 0))
        page = [{k: v for k, v in each.items() if k in _SUMMARY} for each in mine[start : start + self.page]]
        more = {"NextToken": str(start + self.page)} if start + self.page < len(mine) else {}
        return {"ModelPackageSummaryList": page, **more}

    def _UpdateModelPackage(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        package = self._find(params["ModelPackageArn"])
        package["LastModifiedTime"] = self.account.now
        package["ModelApprovalStatus"] = params.get("ModelApprovalStatus", package["ModelApprovalStatus"])
        properties = package.setdefault("CustomerMetadataProperties", {})
        package["CustomerMetadataProperties"] = {**properties, **params.get("CustomerMetadataProperties", {})}
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def _find(self, arn: str) -> dict[str, Any]:
        try:
            return self.packages[arn]
        except KeyError:
            raise AwsError("ValidationException", f"ModelPackage {arn} does not exist.") from None
