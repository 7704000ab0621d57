"""What requests about model packages say, checked and cut into bodies. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import NotSupported, ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_PROPERTIES = 50
"""Source: CreateModelPackage, CustomerMetadataProperties."""
MOST_SPECIFICATIONS = 15
"""Source: CreateModelPackage, AdditionalInferenceSpecifications."""
PENDING = "PendingManualApproval"
_SOURCES = ("InferenceSpecification", "SourceUri", "SourceAlgorithmSpecification")
_REFUSED = {
    "ValidationSpecification": "validate a model package by a transform job; create it without",
    "SourceAlgorithmSpecification": "make model packages from algorithms of the AWS Marketplace; "
    "give an InferenceSpecification",
}
_REPLACED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


def check_new(request: Mapping[str, Any]) -> None:
    """Check a CreateModelPackage request.

    Raises:
        ValidationException: it names both a package and a group, or neither.
        NotSupported: it asks for what cannot be done here.

    """
    is_versioned = "ModelPackageGroupName" in request
    if is_versioned and "ModelPackageName" in request:
        raise ValidationException(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. "
            "Cannot determine which one to use."
        )
    if not is_versioned and "ModelPackageName" not in request:
        raise ValidationException("Missing ARN.")
    for member, what in _REFUSED.items():
        if request.get(member):
            raise NotSupported(f"sagelocal cannot {what}")
    if not any(member in request for member in _SOURCES):
        raise ValidationException(f"CreateModelPackage needs one of {', '.join(_SOURCES)}")
    _check_size(request)


def new_body(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a new package has beyond its request."""
    body: dict[str, Any] = {
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": request.get("CertifyForMarketplace", False),
    }
    if "ModelPackageGroupName" in request:
        body["ModelApprovalStatus"] = request.get("ModelApprovalStatus", PENDING)
    return body


def change(body: dict[str, Any], request: Mapping[str, Any]) -> None:
    """Change a package's body as an UpdateModelPackage request asks."""
    is_versioned = "ModelPackageGroupName" in body
    if not is_versioned and ("ModelApprovalStatus" in request or "ApprovalDescription" in request):
        raise ValidationException(
            f"{body['ModelPackageArn']} is no version of a group; only versions have an approval status"
        )
    body.update({member: request[member] for member in _REPLACED if member in request})
    properties = body.get("CustomerMetadataProperties", {}) | request.get("CustomerMetadataProperties", {})
    for key in request.get("CustomerMetadataPropertiesToRemove", []):
        properties.pop(key, None)
    _put(body, "CustomerMetadataProperties", properties)
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    _put(
        body,
        "AdditionalInferenceSpecifications",
        [*body.get("AdditionalInferenceSpecifications", []), *added],
    )
    _check_size(body)


def key(name_or_arn: str) -> str:
    """Return under which name a package is stored: `<name>`, or `<group>/<number>`."""
    _, is_arn, rest = name_or_arn.partition(":model-package/")
    return rest if is_arn else name_or_arn


def containers(package: Mapping[str, Any], container: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the containers that a model's container stands for, when it names this package.

    The container's own environment goes before the package's.

    Raises:
        ValidationException: the package has no such inference specification, or none with containers.

    """
    chosen = _specification(package, container.get("InferenceSpecificationName"))
    found = []
    for each in chosen["Containers"]:
        if "Image" not in each:
            raise ValidationException(f"{package['ModelPackageArn']} has a container without an Image")
        merged = {k: each[k] for k in ("Image", "ModelDataUrl", "ModelDataSource") if k in each}
        environment = each.get("Environment", {}) | container.get("Environment", {})
        found.append(merged | ({"Environment": environment} if environment else {}))
    return found


def _specification(package: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    arn = package["ModelPackageArn"]
    if name is None:
        specification: Mapping[str, Any] | None = package.get("InferenceSpecification")
        if specification is None:
            raise ValidationException(f"{arn} has no InferenceSpecification; a model cannot be made from it")
        return specification
    named = {each["Name"]: each for each in package.get("AdditionalInferenceSpecifications", [])}
    if name not in named:
        raise ValidationException(
            f"{arn} has no inference specification {name!r}; it has {', '.join(sorted(named)) or 'none'}"
        )
    found: Mapping[str, Any] = named[name]
    return found


def _check_size(body: Mapping[str, Any]) -> None:
    properties = body.get("CustomerMetadataProperties", {})
    if len(properties) > MOST_PROPERTIES:
        raise ValidationException(
            f"{len(properties)} CustomerMetadataProperties are given; at most {MOST_PROPERTIES} are allowed"
        )
    names = [each["Name"] for each in body.get("AdditionalInferenceSpecifications", [])]
    if len(names) > MOST_SPECIFICATIONS:
        raise ValidationException(
            f"{len(names)} AdditionalInferenceSpecifications; at most {MOST_SPECIFICATIONS} are allowed"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValidationException(f"The inference specification {twice[0]!r} is there twice")


def _put(body: dict[str, Any], member: str, value: Any) -> None:
    """Set a member, or take it away when it is empty: nothing empty is ever stored."""
    if value:
        body[member] = value
    else:
        body.pop(member, None)
