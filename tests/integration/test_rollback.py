"""A rollback on the real registry: the version before is the champion, and who wanted it is written down."""

import datetime as dt

import pytest

from sagewind import scaffold
from sagewind.approvals import Approvals, facts
from sagewind.registry import Registry, RegistryError
from sagewind.steps import rollback

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture
def spec(tmp_path):
    scaffold.scaffold(tmp_path, "sorter")
    return tmp_path / "dags" / "models" / "sorter.yaml"


@pytest.fixture
def registry(aws):
    """A group of two versions, approved a day apart."""
    sagemaker = aws("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="sorter")
    registry = Registry(sagemaker)
    for number in (1, 2):
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://bucket/{number}/model.tar.gz"}
        arn = sagemaker.create_model_package(
            ModelPackageGroupName="sorter",
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            ModelApprovalStatus="PendingManualApproval",
        )["ModelPackageArn"]
        at = DAY + dt.timedelta(days=number)
        Approvals(registry).approve(registry.describe(arn), at=at, by="ana")
    return registry


def test_who_rolled_back_is_in_the_registry_and_the_version_before_is_served(spec, registry, aws):
    done = rollback.rollback(spec, version=0, by="zoe", name="config-1", clients=aws)
    assert (done["version"], done["rejected"]) == (1, [2])
    second, first = registry.versions("sorter")
    assert [(each.number, each.status) for each in (first, second)] == [(1, "Approved"), (2, "Rejected")]
    assert [each.by for each in facts(second)] == ["ana", "zoe"]
    [variant] = done["endpoint"]["EndpointConfig"]["ProductionVariants"]
    made = aws("sagemaker").describe_model(ModelName=variant["ModelName"])
    assert made["PrimaryContainer"]["ModelDataUrl"] == "s3://bucket/1/model.tar.gz"
    with pytest.raises(RegistryError, match="no approved version before the champion"):
        rollback.rollback(spec, version=0, by="zoe", name="config-2", clients=aws)

    forth = rollback.rollback(spec, version=2, by="kim", name="config-3", clients=aws)
    assert forth["version"] == 2
    assert facts(registry.version("sorter", 2))[-1].by == "kim"
