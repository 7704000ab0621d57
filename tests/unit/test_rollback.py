"""What an endpoint has by its spec, it has after a rollback, too."""

import datetime as dt

import pytest

from sagewind import load, requests, scaffold
from sagewind.approvals import facts
from sagewind.registry import Registry
from sagewind.steps import rollback
from sagewind.testing import client
from sagewind.testing.registry import RegistryTwin

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
BUCKET = "sagemaker-us-east-1-123456789012"
MODEL_REGISTRY = ("DescribeModelPackage", "ListModelPackages", "UpdateModelPackage")
WISHES = """
account: {kms_key: alias/ours}
tags: {team: lab}
endpoint: {capture_percent: 20, ttl_hours: 5}
"""


@pytest.fixture
def twin():
    """A registry with two approved versions."""
    twin = RegistryTwin()
    sagemaker = twin.client()
    sagemaker.create_model_package_group(ModelPackageGroupName="sorter")
    for number in (1, 2):
        sagemaker.create_model_package(
            ModelPackageGroupName="sorter",
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://bucket/{number}/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            ModelApprovalStatus="Approved",
        )
    return twin


@pytest.fixture
def rolled_back(twin, tmp_path):
    """Return what rolls back a model whose spec says this, too, and the model."""

    def rolled_back(wishes):
        scaffold.scaffold(tmp_path, "sorter")
        file = tmp_path / "dags" / "models" / "sorter.yaml"
        file.write_text(file.read_text() + wishes)
        who = {"Account": twin.account.number, "Arn": "arn:aws:sts::123456789012:assumed-role/R/me"}
        registry = {name: getattr(twin, f"_{name}") for name in MODEL_REGISTRY}
        clients = {
            "sts": client("sts", {"GetCallerIdentity": lambda _: who}, twin.account),
            "sagemaker": client("sagemaker", registry | {"DescribeModel": lambda _: {}}, twin.account),
        }
        done = rollback.rollback(file, version=0, by="zoe", name="config", clients=clients.__getitem__)
        return done, load.load(file)

    return rolled_back


def test_a_rollback_gives_the_endpoint_what_a_deployment_gives_it(rolled_back, twin):
    done, model = rolled_back(WISHES)
    config = done["endpoint"]["EndpointConfig"]
    deployed = requests.endpoint(
        model, name="config", model_name=done["model_name"], capture=f"s3://{BUCKET}/sorter/capture"
    )
    assert config == deployed["EndpointConfig"]
    assert config["DataCaptureConfig"]["DestinationS3Uri"] == f"s3://{BUCKET}/sorter/capture"
    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 20
    assert config["KmsKeyId"] == "alias/ours"
    tags = {each["Key"]: each["Value"] for each in done["endpoint"]["Endpoint"]["Tags"]}
    [*_, back] = facts(Registry(twin.client()).version("sorter", 1))
    assert tags == {
        "sagewind:model": "sorter",
        "team": "lab",
        "sagewind:expires": (back.at + dt.timedelta(hours=5)).isoformat(),
    }


def test_an_endpoint_that_shall_stay_does_not_expire(rolled_back):
    done, _ = rolled_back("")
    assert [each["Key"] for each in done["endpoint"]["Endpoint"]["Tags"]] == ["sagewind:model"]
    assert "DataCaptureConfig" not in done["endpoint"]["EndpointConfig"]
