"""Processing jobs: the plan and its configuration files, and uploads while a job runs."""

import pytest

from sagelocal import storage
from sagelocal.container import sight
from sagelocal.jobs import outputs, processing_plan

REQUEST = {
    "ProcessingJobName": "p",
    "ProcessingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:processing-job/p",
    "RoleArn": "arn:aws:iam::123456789012:role/r",
    "AppSpecification": {
        "ImageUri": "sagemaker-scikit-learn:1.9-0",
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
        "ContainerArguments": ["--n", "3"],
    },
    "Environment": {"KEY": "value"},
    "ProcessingResources": {
        "ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
    },
    "ProcessingInputs": [
        {
            "InputName": "data",
            "S3Input": {
                "S3Uri": "s3://b/in",
                "LocalPath": "/opt/ml/processing/input",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        },
        {"InputName": "own", "AppManaged": True, "S3Input": {"S3Uri": "s3://b/x", "S3DataType": "S3Prefix"}},
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": "out",
                "S3Output": {
                    "S3Uri": "s3://b/out",
                    "LocalPath": "/opt/ml/processing/out",
                    "S3UploadMode": "EndOfJob",
                },
            }
        ]
    },
}


def with_input(**source):
    given = REQUEST["ProcessingInputs"][0]["S3Input"] | source
    return REQUEST | {"ProcessingInputs": [{"InputName": "data", "S3Input": given}]}


def with_output(**target):
    given = REQUEST["ProcessingOutputConfig"]["Outputs"][0]["S3Output"] | target
    return REQUEST | {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": given}]}}


def test_the_plan():
    plan = processing_plan.parse(REQUEST, region="us-east-1")

    assert plan.hosts == ("algo-1", "algo-2")
    assert plan.command == ("python3", "/opt/ml/processing/input/code/run.py", "--n", "3")
    assert plan.variables["KEY"] == "value"
    assert plan.variables["PROCESSING_JOB_ARN"] == REQUEST["ProcessingJobArn"]
    assert [each.name for each in plan.inputs] == ["data"]  # the application fetches the other one itself
    assert plan.resource_config("algo-2") == {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}


def test_processingjobconfig_has_the_documented_members():
    config = processing_plan.parse(REQUEST, region="us-east-1").config

    assert set(config) == {
        "ProcessingJobArn",
        "ProcessingJobName",
        "AppSpecification",
        "Environment",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "RoleArn",
        "StoppingCondition",
    }
    assert config["ProcessingOutputConfig"]["KmsKeyId"] is None
    assert config["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] is None
    assert config["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (REQUEST | {"AppSpecification": {"ImageUri": "x"}}, "ContainerEntrypoint"),
        (with_input(LocalPath="/tmp/in"), "must be a folder below /opt/ml/processing/"),
        (with_input(LocalPath="/opt/ml/processing/../x"), "must be a folder below /opt/ml/processing/"),
        (with_input(S3InputMode="Pipe"), "File works"),
        (with_input(S3CompressionType="Gzip"), "The input 'data' has S3CompressionType Gzip, which needs"),
        (with_input(S3Uri="https://b"), "The input 'data': 'https://b' is no S3 address"),
        (with_output(S3Uri="https://b"), "The output 'out': 'https://b' is no S3 address"),
        (REQUEST | {"ProcessingInputs": [{"InputName": "a", "DatasetDefinition": {}}]}, "Athena"),
        (REQUEST | {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "a"}]}}, "feature store"),
    ],
)
def test_requests_that_cannot_be_carried_out(request_, message):
    with pytest.raises(processing_plan.RequestError, match=message):
        processing_plan.parse(request_, region="us-east-1")


@pytest.fixture
def bucket(tmp_path):
    twin = storage.DirectoryStorage(tmp_path / "s3")
    twin.make_bucket("b")
    return twin


def folder(bucket, path, *, continuous):
    output = processing_plan.Output(name="o", uri="s3://b/out/", local_path="", continuous=continuous)
    return outputs.Folder(bucket, output, path, sight.Sight(((path, path),)), print)


def keys(bucket):
    return [item.key for item in bucket.list("s3://b/")]


def test_a_continuous_output_is_uploaded_when_files_come_to_rest(bucket, tmp_path):
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    watched = folder(bucket, here, continuous=True)
    (here / "sub" / "a.txt").write_text("one")

    watched.look()
    assert keys(bucket) == []  # it may still be written to
    watched.look()
    assert keys(bucket) == ["out/sub/a.txt"]

    (here / "sub" / "a.txt").write_text("three")
    (here / "b.txt").write_text("two")
    assert watched.finish() == 2
    assert keys(bucket) == ["out/b.txt", "out/sub/a.txt"]
    assert storage.read(bucket, "s3://b/out/sub/a.txt") == b"three"


def test_an_output_at_the_end_is_uploaded_then_alone_and_without_links(bucket, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    (here / "a.txt").write_text("one")
    (here / "link").symlink_to("/etc/passwd")
    watched = folder(bucket, here, continuous=False)

    watched.look()
    watched.look()
    assert keys(bucket) == []
    assert watched.finish() == 1
    assert keys(bucket) == ["out/a.txt"]
