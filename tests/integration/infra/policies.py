"""IAM as far as the template uses it: which permission a call needs, and whether a policy gives it.

Which permission a call needs is from AWS's service authorization reference, where names differ as said there:
HeadObject needs s3:GetObject, DeleteObjects s3:DeleteObject, ListObjectsV2 and HeadBucket s3:ListBucket.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.integration.infra.recording import Call

ACCOUNT, REGION = "123456789012", "us-east-1"
MARK = "sagewind:model"


@dataclass(frozen=True, kw_only=True)
class Need:
    """A permission: the action, on what, and what IAM knows of the request (`aws:RequestTag/…` and so on)."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


_NAMED = {
    "TrainingJobName": "training-job",
    "ProcessingJobName": "processing-job",
    "TransformJobName": "transform-job",
    "HyperParameterTuningJobName": "hyper-parameter-tuning-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "ModelPackageGroupName": "model-package-group",
}
_S3 = {
    "HeadObject": "GetObject",
    "DeleteObjects": "DeleteObject",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
_ROLES = ("RoleArn", "ExecutionRoleArn")


class Account:
    """Turns calls into needs, in order: what was made with which tags is known to the calls after."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}

    def needs(self, call: Call) -> Iterator[Need]:
        """Yield what a call needs.

        Raises:
            KeyError: a call of a service that nobody has thought of.

        """
        readers = {
            "sagemaker": self._sagemaker,
            "sagemaker-runtime": self._sagemaker,
            "s3": self._s3,
            "cloudwatch-logs": self._logs,
            "cloudwatch": self._cloudwatch,
            "dynamodb": self._dynamodb,
            "sts": lambda _: (),  # who one is may be asked by everybody
            "eventbridge": lambda _: (),  # SageMaker itself tells of its jobs
        }
        yield from readers[call.service](call)

    def _sagemaker(self, call: Call) -> Iterator[Need]:
        params, name = call.params, call.operation
        tags = {each["Key"]: each["Value"] for each in params.get("Tags", ())}
        for resource in _resources(call):
            known = self._tags.get(resource, {})
            yield Need(
                action=f"sagemaker:{name}",
                resource=resource,
                context={
                    **{f"aws:RequestTag/{key}": value for key, value in tags.items()},
                    **{f"aws:ResourceTag/{key}": value for key, value in known.items()},
                },
            )
            if name.startswith("Create") and tags:
                self._tags[resource] = tags
                yield Need(
                    action="sagemaker:AddTags", resource=resource, context={"sagemaker:TaggingAction": name}
                )
        for role in (params[key] for key in _ROLES if key in params):
            service = {"iam:PassedToService": "sagemaker.amazonaws.com"}
            yield Need(action="iam:PassRole", resource=role, context=service)
        yield from self._of_tuning(params)

    def _of_tuning(self, params: dict[str, Any]) -> Iterator[Need]:
        role = params.get("TrainingJobDefinition", {}).get("RoleArn")
        if role:
            service = {"iam:PassedToService": "sagemaker.amazonaws.com"}
            yield Need(action="iam:PassRole", resource=role, context=service)

    def _s3(self, call: Call) -> Iterator[Need]:
        bucket = f"arn:aws:s3:::{call.params['Bucket']}"
        action = _S3.get(call.operation, call.operation)
        keys = [each["Key"] for each in call.params.get("Delete", {}).get("Objects", ())]
        keys += [call.params["Key"]] if "Key" in call.params else []
        for resource in [f"{bucket}/{key}" for key in keys] or [bucket]:
            yield Need(action=f"s3:{action}", resource=resource)

    def _logs(self, call: Call) -> Iterator[Need]:
        group = arn("logs", f"log-group:{call.params['logGroupName']}")
        stream = call.params.get("logStreamName")
        resource = f"{group}:log-stream:{stream}" if stream else group
        yield Need(action=f"logs:{call.operation}", resource=resource)

    def _cloudwatch(self, call: Call) -> Iterator[Need]:
        if "AlarmName" in call.params:
            resource = arn("cloudwatch", f"alarm:{call.params['AlarmName']}")
            yield Need(action=f"cloudwatch:{call.operation}", resource=resource)
        elif not call.params["Namespace"].startswith("AWS/"):  # these are SageMaker's own
            space = {"cloudwatch:namespace": call.params["Namespace"]}
            yield Need(action=f"cloudwatch:{call.operation}", resource="*", context=space)

    def _dynamodb(self, call: Call) -> Iterator[Need]:
        resource = arn("dynamodb", f"table/{call.params['TableName']}")
        yield Need(action=f"dynamodb:{call.operation}", resource=resource)


def _resources(call: Call) -> list[str]:
    """Return the ARNs that a call of SageMaker is about; `*` of a list."""
    params, name = call.params, call.operation
    given = [params[key] for key in ("ResourceArn", "ModelPackageArn") if key in params]
    if given:
        return given
    if name.startswith("List"):
        return ["*"]
    if "ModelPackageName" in params:
        return [params["ModelPackageName"]]
    if name == "CreateModelPackage":
        return [arn("sagemaker", f"model-package/{params['ModelPackageGroupName']}/1")]
    keys = ["EndpointName", "EndpointConfigName"] if name == "UpdateEndpoint" else _NAMED
    own = "EndpointConfigName" if "EndpointConfig" in name else ""
    named = [key for key in ([own] if own else keys) if key in params]
    if name in ("CreateTransformJob", "CreateEndpoint"):
        named = [name.removeprefix("Create") + "Name"]
    return [arn("sagemaker", f"{_NAMED[key]}/{params[key]}") for key in named]


def allowed(need: Need, statements: Iterable[Mapping[str, Any]]) -> bool:
    """Whether some statement allows it; a policy of ours denies nothing."""
    return any(_gives(each, need) for each in statements)


def actions(statements: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return every action that the statements allow."""
    return {action for each in statements for action in _many(each["Action"])}


def _gives(statement: Mapping[str, Any], need: Need) -> bool:
    assert statement["Effect"] == "Allow"
    return (
        any(fnmatch.fnmatchcase(need.action, each) for each in _many(statement["Action"]))
        and any(fnmatch.fnmatchcase(need.resource, each) for each in _many(statement["Resource"]))
        and all(
            _OPERATORS[operator](need.context.get(key), _many(wanted))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


_OPERATORS = {
    "StringEquals": lambda got, wanted: got in wanted,
    "StringLike": lambda got, wanted: got is not None and any(fnmatch.fnmatchcase(got, w) for w in wanted),
    "Null": lambda got, wanted: (got is None) == (wanted == ["true"]),
}


def _many(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
