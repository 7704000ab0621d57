"""The model registry: registering a version once, approving and rejecting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators import sagemaker as provider
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from sagewind.jobs import resources
from sagewind.jobs.service import CallError
from sagewind.operators import base

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from sagewind.jobs import identity

OWNER_KEY = "sagewind-owner"
_LOOKED_AT = 20
_STATUSES = ("Approved", "Rejected", "PendingManualApproval")


_Provided = provider.SageMakerRegisterModelVersionOperator


class SageMakerRegisterModelVersionOperator(base.SagewindOperator, _Provided):  # type: ignore[valid-type, misc]
    """Registers a model version, once: a retry returns the version that its predecessor made.

    Beside the provider's arguments:

    :param content_types: what the model takes; CSV by default, as the provider has it.
    :param response_types: what it answers.
    :param model_metrics: the request's `ModelMetrics`.
    :param metadata: the request's `CustomerMetadataProperties`.
    """

    template_fields: Sequence[str] = (
        *_Provided.template_fields,
        "model_metrics",
        "metadata",
        "extras",
    )

    def __init__(
        self,
        *,
        content_types: Sequence[str] = ("text/csv",),
        response_types: Sequence[str] = ("text/csv",),
        model_metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.content_types = content_types
        self.response_types = response_types
        self.model_metrics = model_metrics
        self.metadata = metadata

    def execute(self, context: Context) -> str:
        """Make the group if need be, and the version; return the version's ARN.

        Raises:
            AirflowException: AWS refused.

        """
        owner = self._identity(context)
        try:
            made = self._ensure_group()
            known = None if made else self._known(owner.key)
            return known or self._register(owner, group_is_new=made)
        except CallError as error:
            raise base.airflow_error(error, f"registering in {self.package_group_name}") from error

    def _ensure_group(self) -> bool:
        described = (
            {"ModelPackageGroupDescription": self.package_group_desc} if self.package_group_desc else {}
        )
        try:
            self._caller().call(
                "create_model_package_group", ModelPackageGroupName=self.package_group_name, **described
            )
        except CallError as error:
            if error.taken:
                return False
            raise
        return True

    def _known(self, owner: str) -> str | None:
        """Return the version that this task has registered already."""
        caller = self._caller()
        listed = caller.call(
            "list_model_packages",
            ModelPackageGroupName=self.package_group_name,
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=_LOOKED_AT,
        )
        for summary in listed["ModelPackageSummaryList"]:
            arn = str(summary["ModelPackageArn"])
            found = resources.describe(caller, "model_package", ModelPackageName=arn) or {}
            if found.get("CustomerMetadataProperties", {}).get(OWNER_KEY) == owner:
                self.log.info("this task has registered %s already", arn)
                return arn
        return None

    def _register(self, owner: identity.Identity, *, group_is_new: bool) -> str:
        status = getattr(self.model_approval, "value", self.model_approval)
        request: dict[str, Any] = {
            "ModelPackageGroupName": self.package_group_name,
            "ModelApprovalStatus": status,
            "InferenceSpecification": {
                "Containers": [{"Image": self.image_uri, "ModelDataUrl": self.model_url}],
                "SupportedContentTypes": list(self.content_types),
                "SupportedResponseMIMETypes": list(self.response_types),
            },
            "CustomerMetadataProperties": {**(self.metadata or {}), OWNER_KEY: owner.key},
            "ClientToken": owner.key,
        }
        request |= {"ModelPackageDescription": self.package_desc} if self.package_desc else {}
        request |= {"ModelMetrics": dict(self.model_metrics)} if self.model_metrics else {}
        try:
            answer = self._caller().call("create_model_package", **(request | (self.extras or {})))
        except CallError:
            if group_is_new:
                self._caller().call(
                    "delete_model_package_group", ModelPackageGroupName=self.package_group_name
                )
            raise
        return str(answer["ModelPackageArn"])


class SageMakerUpdateModelPackageOperator(base.SagewindOperator):
    """Approves or rejects a model version, or changes its metadata.

    :param model_package_arn: the version.
    :param approval_status: `Approved`, `Rejected` or `PendingManualApproval`; `None` leaves it.
    :param approval_description: why.
    :param metadata: `CustomerMetadataProperties` to set.
    """

    template_fields: Sequence[str] = aws_template_fields(
        "model_package_arn", "approval_status", "approval_description", "metadata"
    )

    def __init__(
        self,
        *,
        model_package_arn: str,
        approval_status: str | None = None,
        approval_description: str = "",
        metadata: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(config={}, **kwargs)
        self.model_package_arn = model_package_arn
        self.approval_status = approval_status
        self.approval_description = approval_description
        self.metadata = metadata

    def execute(self, context: Context) -> str:
        """Change the version; return its ARN.

        Raises:
            ValueError: the status is not one that SageMaker knows.
            AirflowException: AWS refused.

        """
        del context
        if self.approval_status is not None and self.approval_status not in _STATUSES:
            raise ValueError(
                f"approval_status is {self.approval_status!r}; allowed are {', '.join(_STATUSES)}"
            )
        request: dict[str, Any] = {"ModelPackageArn": self.model_package_arn}
        request |= {"ModelApprovalStatus": self.approval_status} if self.approval_status else {}
        request |= {"ApprovalDescription": self.approval_description} if self.approval_description else {}
        request |= {"CustomerMetadataProperties": dict(self.metadata)} if self.metadata else {}
        try:
            return str(self._caller().call("update_model_package", **request)["ModelPackageArn"])
        except CallError as error:
            raise base.airflow_error(error, self.model_package_arn) from error
