"""Model versions in SageMaker's model registry: what made each, and finding it again.

A version says what it came from: code, data, environment, job, metrics. Those facts are its content,
whose hash is written into the version, so registering the same content twice gives the same version,
whoever repeats the task. Approval is `approvals`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

PREFIX = "sagewind:"
"""What Sagewind's keys in a version's CustomerMetadataProperties begin with."""
MOST_PROPERTIES = 50
"""Source: SageMaker API reference, CreateModelPackage, CustomerMetadataProperties."""
LONGEST_VALUE = 256
_ALLOWED = re.compile(r"[^\w\s.:/=+\-@]", re.UNICODE)
_MARK = re.compile(r"\[content ([0-9a-f]{64})\]$")


class RegistryError(SagewindError):
    """A version cannot be registered or found as asked."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What a version came from; hashes are sha256 in hex."""

    job: str
    """The training job's name."""
    code_hash: str
    data_hash: str
    environment_hash: str
    """Of the freeze of the packages that trained it."""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    commit: str = ""


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """Where a version's files are: S3 URIs; all but the model and the evaluation may be empty."""

    model_data: str
    evaluation: str
    """`evaluation.json`: ModelMetrics.ModelQuality.Statistics."""
    statistics: str = ""
    """The training data's `statistics.json`: the baseline for drift."""
    constraints: str = ""
    importance: str = ""
    environment: str = ""
    """The freeze itself."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How a version is served: the inference image, its environment, and what it accepts."""

    image: str
    environment: Mapping[str, str] = field(default_factory=dict)
    content_types: tuple[str, ...] = ("text/csv", "application/json")
    response_types: tuple[str, ...] = ("text/csv", "application/json")
    instance_types: tuple[str, ...] = ("ml.m5.large",)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model that is about to become a version of `group`."""

    group: str
    description: str
    lineage: Lineage
    artifacts: Artifacts
    serving: Serving
    tags: Mapping[str, str] = field(default_factory=dict)
    """Put on the group: SageMaker takes no tags on a version of a group."""

    @property
    def content(self) -> str:
        """The sha256 of everything that makes this version what it is, in hex."""
        facts = [asdict(self.lineage), asdict(self.artifacts), asdict(self.serving)]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=list).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a group, as the registry has it."""

    arn: str
    group: str
    number: int
    status: str
    """ModelApprovalStatus: Approved, Rejected or PendingManualApproval."""
    created: datetime
    modified: datetime
    properties: Mapping[str, str] = field(default_factory=dict)
    model_data: str = ""
    evaluation: str = ""
    statistics: str = ""
    constraints: str = ""

    @property
    def content(self) -> str:
        """The content hash that it was registered under; empty for a version that Sagewind did not make."""
        return self.properties.get(f"{PREFIX}content", "")


class Registry:
    """The versions of model groups, over a boto3 `sagemaker` client."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def register(self, candidate: Candidate) -> Version:
        """Return the version that holds this content, registering it (pending approval) when there is none.

        Raises:
            RegistryError: the candidate has more facts than a version can carry.

        """
        properties = _properties(candidate)
        self._ensure_group(candidate)
        for summary in self._summaries(candidate.group):
            mark = _MARK.search(summary.get("ModelPackageDescription", ""))
            if mark and mark.group(1) == candidate.content:
                return self.describe(summary["ModelPackageArn"])
        made = self.client.create_model_package(**_request(candidate, properties))
        return self.describe(made["ModelPackageArn"])

    def describe(self, arn: str) -> Version:
        """Return a version by its ARN, or by `group/number`'s ARN."""
        got = self.client.describe_model_package(ModelPackageName=arn)
        metrics = got.get("ModelMetrics", {})
        containers = got.get("InferenceSpecification", {}).get("Containers", [{}])
        data = metrics.get("ModelDataQuality", {})
        return Version(
            arn=got["ModelPackageArn"],
            group=got["ModelPackageGroupName"],
            number=got["ModelPackageVersion"],
            status=got["ModelApprovalStatus"],
            created=got["CreationTime"],
            modified=got.get("LastModifiedTime", got["CreationTime"]),
            properties=got.get("CustomerMetadataProperties", {}),
            model_data=containers[0].get("ModelDataUrl", ""),
            evaluation=_uri(metrics.get("ModelQuality", {}), "Statistics"),
            statistics=_uri(data, "Statistics"),
            constraints=_uri(data, "Constraints"),
        )

    def versions(self, group: str) -> Iterator[Version]:
        """Yield the versions of a group, the newest first; nothing when there is no such group."""
        for summary in self._summaries(group):
            yield self.describe(summary["ModelPackageArn"])

    def version(self, group: str, number: int) -> Version:
        """Return one version by its number.

        Raises:
            RegistryError: the group has no such version; the message lists those it has.

        """
        found = {each["ModelPackageVersion"]: each["ModelPackageArn"] for each in self._summaries(group)}
        if number not in found:
            raise RegistryError(f"model {group}: no version {number}; it has {sorted(found) or 'none'}")
        return self.describe(found[number])

    def _summaries(self, group: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        )
        try:
            found = [each for page in pages for each in page["ModelPackageSummaryList"]]
        except ClientError as error:
            if _is_missing(error):
                return []
            raise
        return sorted(found, key=lambda each: int(each["ModelPackageVersion"]), reverse=True)

    def _ensure_group(self, candidate: Candidate) -> None:
        tags = [{"Key": key, "Value": value} for key, value in sorted(candidate.tags.items())]
        try:
            self.client.create_model_package_group(
                ModelPackageGroupName=candidate.group, **({"Tags": tags} if tags else {})
            )
        except ClientError as error:
            if "already exists" not in error.response["Error"]["Message"]:
                raise


def _is_missing(error: ClientError) -> bool:
    """Whether AWS says that the group does not exist: a ValidationException by its message."""
    said = error.response["Error"]
    return said["Code"] == "ResourceNotFound" or "does not exist" in said["Message"]


def _uri(quality: Mapping[str, Any], which: str) -> str:
    return str(quality.get(which, {}).get("S3Uri", ""))


def clean(value: str) -> str:
    """Make a text fit for a metadata value: the allowed characters, at most 256 of them, at least one."""
    return _ALLOWED.sub("_", value)[:LONGEST_VALUE] or "-"


def _properties(candidate: Candidate) -> dict[str, str]:
    """Return a version's CustomerMetadataProperties.

    Hyperparameters and metrics that exceed what a version can carry are an error, never dropped. Ten
    places are kept for approvals.
    """
    lineage = candidate.lineage
    facts = {
        "content": candidate.content,
        "job": lineage.job,
        "code": lineage.code_hash,
        "data": lineage.data_hash,
        "environment": lineage.environment_hash,
        "freeze": candidate.artifacts.environment,
        "importance": candidate.artifacts.importance,
        **{f"hp:{name}": value for name, value in lineage.hyperparameters.items()},
        **{f"metric:{name}": repr(float(value)) for name, value in lineage.metrics.items()},
    }
    kept = {clean(f"{PREFIX}{name}")[:128]: clean(value) for name, value in facts.items() if value}
    most = MOST_PROPERTIES - 10
    if len(kept) > most:
        raise RegistryError(
            f"model {candidate.group}: {len(kept)} hyperparameters, metrics and hashes; "
            f"a version carries {most}"
        )
    return kept


def _request(candidate: Candidate, properties: dict[str, str]) -> dict[str, Any]:
    """Return the CreateModelPackage request."""
    serving, files = candidate.serving, candidate.artifacts
    said = " ".join(candidate.description.split())[:900]  # no line breaks: the API takes none
    container: dict[str, Any] = {"Image": serving.image, "ModelDataUrl": files.model_data}
    if serving.environment:
        container["Environment"] = dict(serving.environment)
    return {
        "ModelPackageGroupName": candidate.group,
        "ModelPackageDescription": f"{said} [content {candidate.content}]".strip(),
        "ClientToken": candidate.content[:36],
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": list(serving.content_types),
            "SupportedResponseMIMETypes": list(serving.response_types),
            "SupportedRealtimeInferenceInstanceTypes": list(serving.instance_types),
            "SupportedTransformInstanceTypes": list(serving.instance_types),
        },
        "ModelMetrics": _model_metrics(files),
        "CustomerMetadataProperties": properties,
        **(
            {"MetadataProperties": {"CommitId": candidate.lineage.commit}} if candidate.lineage.commit else {}
        ),
    }


def _model_metrics(files: Artifacts) -> dict[str, Any]:
    """Return the ModelMetrics: S3 URIs under SageMaker's own headings, the absent ones omitted."""

    def at(uri: str) -> dict[str, str]:
        return {"ContentType": "application/json", "S3Uri": uri}

    data = {"Statistics": files.statistics, "Constraints": files.constraints}
    quality = {name: at(uri) for name, uri in data.items() if uri}
    return {
        "ModelQuality": {"Statistics": at(files.evaluation)},
        **({"ModelDataQuality": quality} if quality else {}),
        **({"Explainability": {"Report": at(files.importance)}} if files.importance else {}),
    }
