"""What a model needs of AWS, asked before a run costs money: each check says what it found and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sagewind import aws, images
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sagewind import spec

_ABSENT = {"404", "NoSuchBucket", "NotFound"}
_NO_ENTITY = "NoSuchEntity"
_NOBODY = "set credentials and AWS_DEFAULT_REGION, or start the local stack (sagewind up)"


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    FAILED = "FAILED"
    UNKNOWN = "unknown"
    """It could not be asked: a policy or an emulator says no."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check."""

    name: str
    verdict: Verdict
    says: str


def checks(model: spec.Model, clients: aws.Clients) -> Iterator[Finding]:
    """Yield a finding for each check; when the caller is nobody, the first is the last."""
    try:
        place = aws.account(model.account, clients)
    except (BotoCoreError, ClientError) as error:
        yield Finding(name="identity", verdict=Verdict.FAILED, says=f"{error}; {_NOBODY}")
        return
    yield Finding(name="identity", verdict=Verdict.OK, says=f"account {place.account}")
    yield Finding(name="region", verdict=Verdict.OK, says=place.region)
    for name, check in _CHECKS.items():
        yield _found(name, check, model, place, clients)


def _found(
    name: str,
    check: Callable[[spec.Model, aws.Account, aws.Clients], str],
    model: spec.Model,
    place: aws.Account,
    clients: aws.Clients,
) -> Finding:
    try:
        return Finding(name=name, verdict=Verdict.OK, says=check(model, place, clients))
    except SagewindError as error:
        return Finding(name=name, verdict=Verdict.FAILED, says=str(error))
    except ClientError as error:
        if error.response["Error"]["Code"].isdecimal():  # an HTTP status where AWS has a word
            says = f"{error.operation_name} is not known where the clients lead; an emulator may lack it"
        else:
            says = f"could not be asked: {error}"
        return Finding(name=name, verdict=Verdict.UNKNOWN, says=says)
    except BotoCoreError as error:
        return Finding(name=name, verdict=Verdict.UNKNOWN, says=f"could not be asked: {error}")


def _role(model: spec.Model, place: aws.Account, clients: aws.Clients) -> str:
    del model
    name = place.role.rpartition("/")[2]
    try:
        found = clients("iam").get_role(RoleName=name)["Role"]
    except ClientError as error:
        if error.response["Error"]["Code"] != _NO_ENTITY:
            raise
        raise SagewindError(f"there is no role {name}; make it, or name another in account.role") from error
    if "sagemaker.amazonaws.com" not in str(found.get("AssumeRolePolicyDocument", "sagemaker.amazonaws.com")):
        raise SagewindError(f"{place.role} does not trust sagemaker.amazonaws.com")
    return place.role


def _bucket(model: spec.Model, place: aws.Account, clients: aws.Clients) -> str:
    del model
    try:
        clients("s3").head_bucket(Bucket=place.bucket)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _ABSENT:
            return f"{place.bucket} does not exist yet; the first run makes it"
        raise SagewindError(f"{place.bucket} is not ours to use: {code}") from error
    return place.bucket


def _image(model: spec.Model, place: aws.Account, clients: aws.Clients) -> str:
    del clients
    return images.uri(model.image, place.region)


def _quota(model: spec.Model, place: aws.Account, clients: aws.Clients) -> str:
    """Compare what AWS allows with what one run needs, for the training jobs' machines."""
    del place
    kind = model.training.instance_type
    needed = model.training.instance_count * (model.tuning.parallel if model.tuning else 1)
    allowed = _allowed(clients("service-quotas"), f"{kind} for training job usage")
    if allowed is None:
        return f"{kind}: Service Quotas names no quota of its training jobs"
    if allowed < needed:
        raise SagewindError(
            f"{kind}: {allowed:g} for training jobs are allowed, a run needs {needed}; "
            "ask for more at Service Quotas, or choose another instance type"
        )
    return f"{kind}: {allowed:g} for training jobs are allowed, a run needs {needed}"


def _source(model: spec.Model, place: aws.Account, clients: aws.Clients) -> str:
    """See that the table is there, with point-in-time recovery where its export needs it."""
    del place
    source = model.data.dynamodb
    if source is None:
        return model.data.landing.prefix if model.data.landing else model.data.history or model.data.file
    dynamodb = clients("dynamodb")
    try:
        dynamodb.describe_table(TableName=source.table)
    except dynamodb.exceptions.ResourceNotFoundException as error:
        raise SagewindError(f"there is no DynamoDB table {source.table}, data.dynamodb.table") from error
    if source.export == "scan":
        return f"DynamoDB table {source.table}"
    kept = dynamodb.describe_continuous_backups(TableName=source.table)["ContinuousBackupsDescription"]
    recovery = kept.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        raise SagewindError(
            f"DynamoDB table {source.table} has no point-in-time recovery, which data.dynamodb.export needs; "
            "switch it on (UpdateContinuousBackups), or have export: scan"
        )
    return f"DynamoDB table {source.table}, with point-in-time recovery"


def _allowed(quotas: Any, wanted: str) -> float | None:
    for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        for each in page["Quotas"]:
            if each.get("QuotaName") == wanted:
                return float(each["Value"])
    return None


_CHECKS = {"role": _role, "bucket": _bucket, "image": _image, "quota": _quota, "data": _source}
