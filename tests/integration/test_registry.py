"""The model registry, with boto3 and with Sagewind's own client against the real service."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from sagewind.approvals import Approvals
from sagewind.registry import Artifacts, Candidate, Lineage, Registry, Serving

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
SPECIFICATION = {
    "Containers": [
        {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz", "Environment": {"A": "1", "B": "2"}}
    ],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def sagemaker(control_plane):
    return control_plane.client("sagemaker")


@pytest.fixture
def group(sagemaker):
    name = f"group-{next(_numbers)}"
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def version(sagemaker, group, **more):
    return sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, **more
    )["ModelPackageArn"]


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_group_lives_and_goes(sagemaker):
    tags = [{"Key": "a", "Value": "b"}]
    arn = sagemaker.create_model_package_group(
        ModelPackageGroupName="lives", ModelPackageGroupDescription="why", Tags=tags
    )["ModelPackageGroupArn"]
    described = sagemaker.describe_model_package_group(ModelPackageGroupName=arn)

    assert arn == described["ModelPackageGroupArn"] == f"{ARN}:model-package-group/lives"
    assert described["ModelPackageGroupStatus"] == "Completed"
    assert described["ModelPackageGroupDescription"] == "why"
    assert "IamIdentity" in described["CreatedBy"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    listed = sagemaker.list_model_package_groups(NameContains="live")["ModelPackageGroupSummaryList"]
    assert [each["ModelPackageGroupName"] for each in listed] == ["lives"]
    code, message = refusal(sagemaker.create_model_package_group, ModelPackageGroupName="lives")
    assert code == "ValidationException"
    assert message.startswith("Model Package Group already exists")

    sagemaker.delete_model_package_group(ModelPackageGroupName="lives")
    gone = ("ValidationException", f"ModelPackageGroup {arn} does not exist.")
    assert refusal(sagemaker.describe_model_package_group, ModelPackageGroupName="lives") == gone
    assert refusal(sagemaker.list_model_packages, ModelPackageGroupName="lives") == gone
    assert refusal(version, sagemaker=sagemaker, group="lives") == gone


def test_a_groups_policy(sagemaker, group):
    missing = refusal(sagemaker.get_model_package_group_policy, ModelPackageGroupName=group)
    assert missing[0] == "ValidationException"
    sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy='{"Version": "x"}')
    got = sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)
    assert got["ResourcePolicy"] == '{"Version": "x"}'
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
    assert refusal(sagemaker.get_model_package_group_policy, ModelPackageGroupName=group) == missing


def test_versions_are_numbered_and_numbers_are_not_given_again(sagemaker, group):
    first, second = version(sagemaker, group), version(sagemaker, group)
    assert [first, second] == [f"{ARN}:model-package/{group}/{number}" for number in (1, 2)]

    code, message = refusal(sagemaker.delete_model_package_group, ModelPackageGroupName=group)
    assert code == "ConflictException"
    assert "2 model packages" in message
    sagemaker.delete_model_package(ModelPackageName=second)
    gone = ("ValidationException", f"ModelPackage {second} does not exist.")
    assert refusal(sagemaker.describe_model_package, ModelPackageName=second) == gone
    assert version(sagemaker, group).endswith("/3")


def test_a_version_is_described_as_it_was_asked_for(sagemaker, group):
    given = {
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "a/json", "S3Uri": "s3://b/e"}}},
        "CustomerMetadataProperties": {"k": "v"},
        "MetadataProperties": {"CommitId": "abc"},
        "ModelPackageDescription": "a version",
        "Domain": "MACHINE_LEARNING",
    }
    arn = version(sagemaker, group, **given)
    described = sagemaker.describe_model_package(ModelPackageName=arn)

    assert {key: described[key] for key in given} == given
    assert described["InferenceSpecification"] == SPECIFICATION
    assert described["ModelPackageVersion"] == 1
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    assert "ModelPackageName" not in described
    assert "LastModifiedBy" not in described
    assert sagemaker.describe_model_package(ModelPackageName=f"{group}/1")["ModelPackageArn"] == arn


def test_an_update_changes_what_it_names(sagemaker, group):
    arn = version(sagemaker, group, CustomerMetadataProperties={"a": "1", "b": "2"})
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="good",
        CustomerMetadataProperties={"c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
        AdditionalInferenceSpecificationsToAdd=[{"Name": "small", "Containers": [{"Image": IMAGE}]}],
        ModelLifeCycle={"Stage": "Production", "StageStatus": "Ready"},
    )
    described = sagemaker.describe_model_package(ModelPackageName=arn)

    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "good"
    assert described["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert [each["Name"] for each in described["AdditionalInferenceSpecifications"]] == ["small"]
    assert described["ModelLifeCycle"]["Stage"] == "Production"
    assert described["LastModifiedTime"] > described["CreationTime"]
    assert "IamIdentity" in described["LastModifiedBy"]

    too_many = {str(number): "x" for number in range(50)}
    code, _ = refusal(
        sagemaker.update_model_package, ModelPackageArn=arn, CustomerMetadataProperties=too_many
    )
    assert code == "ValidationException"
    again = sagemaker.describe_model_package(ModelPackageName=arn)
    assert again["CustomerMetadataProperties"] == {"b": "2", "c": "3"}


def test_a_package_by_itself_has_no_approval_also_where_one_is_sent(sagemaker, group):
    arn = sagemaker.create_model_package(
        ModelPackageName=f"sent-{group}",
        InferenceSpecification=SPECIFICATION,
        ModelApprovalStatus="PendingManualApproval",
    )["ModelPackageArn"]
    assert "ModelApprovalStatus" not in sagemaker.describe_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package(ModelPackageName=arn)


def test_packages_are_listed_by_group_type_and_approval(sagemaker, group):
    arns = [version(sagemaker, group, ModelApprovalStatus="Approved") for _ in range(3)]
    sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Rejected")
    alone = sagemaker.create_model_package(
        ModelPackageName=f"alone-{group}", InferenceSpecification=SPECIFICATION
    )["ModelPackageArn"]

    def listed(**request):
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            PaginationConfig={"PageSize": 1}, **request
        )
        return [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]]

    assert listed(ModelPackageGroupName=group) == arns
    assert listed(ModelPackageGroupName=group, SortOrder="Descending") == arns[::-1]
    assert listed(ModelPackageGroupName=f"{ARN}:model-package-group/{group}") == arns
    assert listed(ModelPackageGroupName=group, ModelApprovalStatus="Approved") == [arns[0], arns[2]]
    assert listed(NameContains=group) == [alone]
    assert listed(NameContains=group, ModelPackageType="Both") == [*arns, alone]
    assert listed(NameContains=group, ModelPackageType="Versioned") == arns


def test_several_are_described_at_once(sagemaker, group):
    arn, missing = version(sagemaker, group), f"{ARN}:model-package/{group}/7"

    answer = sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, missing])

    assert answer["ModelPackageSummaries"][arn]["InferenceSpecification"] == SPECIFICATION
    error = answer["BatchDescribeModelPackageErrorMap"][missing]
    assert error == {
        "ErrorCode": "ValidationException",
        "ErrorResponse": f"ModelPackage {missing} does not exist.",
    }


def test_a_repeated_request_makes_no_second_version(sagemaker, group):
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(version, sagemaker, group, ClientToken="t" * 36) for _ in range(8)]
        made = {call.result() for call in calls}
    assert made == {f"{ARN}:model-package/{group}/1"}

    sagemaker.delete_model_package(ModelPackageName=made.pop())
    assert version(sagemaker, group, ClientToken="t" * 36).endswith("/2")


WRONG = [
    # Neither a name nor a group: AWS's own words.
    ({"InferenceSpecification": SPECIFICATION}, "Missing ARN."),
    (
        {"ModelPackageName": "x", "ModelPackageGroupName": "y", "InferenceSpecification": SPECIFICATION},
        "Both ModelPackageName and ModelPackageGroupName are provided",
    ),
    ({"ModelPackageName": "x"}, "needs one of InferenceSpecification"),
    (
        {
            "ModelPackageName": "x",
            "SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "a"}]},
        },
        "sagelocal cannot make model packages from algorithms",
    ),
]


@pytest.mark.parametrize(("request_", "words"), WRONG)
def test_what_is_no_package_is_refused(sagemaker, request_, words):
    code, message = refusal(sagemaker.create_model_package, **request_)
    assert code == "ValidationException"
    assert words in message


def test_a_model_is_made_from_a_package(sagemaker, group):
    arn = version(sagemaker, group)
    container = {"ModelPackageName": arn, "Environment": {"B": "3"}}
    sagemaker.create_model(ModelName=f"{group}-m", Containers=[container], ExecutionRoleArn=ROLE)

    assert sagemaker.describe_model(ModelName=f"{group}-m")["Containers"] == [container]
    code, message = refusal(
        sagemaker.create_model,
        ModelName=f"{group}-n",
        PrimaryContainer={"ModelPackageName": f"{group}/7"},
        ExecutionRoleArn=ROLE,
    )
    assert (code, message) == (
        "ValidationException",
        f"ModelPackage {ARN}:model-package/{group}/7 does not exist.",
    )


CANDIDATE = Candidate(
    group="sagewind-iris",
    description="Random forest",
    lineage=Lineage(
        job="iris-1",
        code_hash="c" * 64,
        data_hash="d" * 64,
        environment_hash="e" * 64,
        metrics={"accuracy": 0.9},
    ),
    artifacts=Artifacts(model_data="s3://b/model.tar.gz", evaluation="s3://b/evaluation.json"),
    serving=Serving(image=IMAGE),
    tags={"sagewind:model": "iris"},
)


def test_sagewinds_registry_registers_finds_and_approves(sagemaker):
    registry = Registry(sagemaker)

    assert list(registry.versions("sagewind-iris")) == []
    first = registry.register(CANDIDATE)
    assert registry.register(CANDIDATE) == first
    other = replace(CANDIDATE, lineage=replace(CANDIDATE.lineage, job="iris-2"))
    second = registry.register(other)

    assert [each.number for each in registry.versions("sagewind-iris")] == [2, 1]
    assert second.content == other.content
    assert second.model_data == "s3://b/model.tar.gz"
    Approvals(registry).approve(second, at=second.created, by="ana")
    assert registry.version("sagewind-iris", 2).status == "Approved"
