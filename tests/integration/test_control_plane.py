"""boto3 against the real service: what is made is described and listed, what is wrong refused as on AWS."""

import datetime as dt
import itertools
import json
import re
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
UNIQUE = (
    "{first} job names must be unique within an AWS account and region, "
    "and a {word} job with this name already exists"
)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def sagemaker(control_plane):
    return control_plane.client("sagemaker")


@pytest.fixture
def name():
    return f"thing-{next(_numbers)}"


def training_job(name, **changed):
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"n-estimators": "10"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changed,
    }


FILE_SYSTEM = {
    "FileSystemId": "fs-0123456789a",
    "FileSystemAccessMode": "ro",
    "FileSystemType": "EFS",
    "DirectoryPath": "/data",
}


GROUPS = [{"InstanceGroupName": "g", "InstanceType": "ml.m5.large", "InstanceCount": 1}] * 2


def source(kind, **members):
    return {"ChannelName": "train", "DataSource": {kind: members}}


def container():
    return {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}


def config(name, model, **changed):
    variant = {"VariantName": "AllTraffic", "ModelName": model, "InstanceType": "ml.m5.large"}
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [variant | {"InitialInstanceCount": 1} | changed],
    }


def transform_job(name, model, **changed):
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}}
    return {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": source,
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changed,
    }


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_model_lives_and_goes(sagemaker, name):
    created = sagemaker.create_model(
        ModelName=name, PrimaryContainer=container(), ExecutionRoleArn=ROLE, Tags=[{"Key": "a", "Value": "b"}]
    )
    described = sagemaker.describe_model(ModelName=name)

    assert created["ModelArn"] == described["ModelArn"] == f"{ARN}:model/{name}"
    assert described["PrimaryContainer"] == container()
    assert described["CreationTime"].tzinfo is not None
    assert "Tags" not in described
    assert "VpcConfig" not in described
    assert sagemaker.list_tags(ResourceArn=created["ModelArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    assert [each["ModelName"] for each in sagemaker.list_models(NameContains=name)["Models"]] == [name]

    sagemaker.delete_model(ModelName=name)
    gone = ("ValidationException", f'Could not find model "{ARN}:model/{name}".')
    assert refusal(sagemaker.describe_model, ModelName=name) == gone
    assert refusal(sagemaker.delete_model, ModelName=name) == gone


def test_an_endpoint_config_needs_its_models(sagemaker, name):
    missing = ("ValidationException", f'Could not find model "{ARN}:model/{name}".')
    assert refusal(sagemaker.create_endpoint_config, **config(name, name)) == missing

    sagemaker.create_model(ModelName=name, PrimaryContainer=container(), ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint_config(**config(name, name))

    described = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert described["EndpointConfigArn"] == f"{ARN}:endpoint-config/{name}"
    assert described["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    listed = sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    assert [each["EndpointConfigName"] for each in listed] == [name]
    sagemaker.delete_endpoint_config(EndpointConfigName=name)


def test_a_training_job_is_described_as_it_was_asked_for(sagemaker, name):
    created = sagemaker.create_training_job(**training_job(name))
    described = sagemaker.describe_training_job(TrainingJobName=name)

    assert created["TrainingJobArn"] == described["TrainingJobArn"] == f"{ARN}:training-job/{name}"
    for member in ("HyperParameters", "InputDataConfig", "ResourceConfig", "RoleArn"):
        assert described[member] == training_job(name)[member]
    assert described["OutputDataConfig"] == {"KmsKeyId": "", "S3OutputPath": "s3://bucket/out"}
    first = described["SecondaryStatusTransitions"][0]
    assert (first["Status"], first["StatusMessage"]) == ("Starting", "Starting the training job")
    assert described["LastModifiedTime"] >= described["CreationTime"]
    summaries = sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    assert [each["TrainingJobName"] for each in summaries] == [name]
    assert "HyperParameters" not in summaries[0]


EXISTING = [
    (
        "create_training_job",
        training_job,
        "ResourceInUse",
        UNIQUE.format(first="Training", word="training") + " ({arn}:training-job/{name})",
    ),
    (
        "create_model",
        lambda name: {"ModelName": name, "PrimaryContainer": container(), "ExecutionRoleArn": ROLE},
        "ValidationException",
        'Cannot create already existing model "{arn}:model/{name}".',
    ),
    (
        "create_endpoint_config",
        lambda name: config(name, name),
        "ValidationException",
        'Cannot create already existing endpoint configuration "{arn}:endpoint-config/{name}".',
    ),
    (
        "create_endpoint",
        lambda name: {"EndpointName": name, "EndpointConfigName": name},
        "ValidationException",
        'Cannot create already existing endpoint "{arn}:endpoint/{name}".',
    ),
    (
        "create_transform_job",
        lambda name: transform_job(name, name),
        "ResourceInUse",
        UNIQUE.format(first="Transform", word="transform") + " ({arn}:transform-job/{name})",
    ),
]


def test_a_name_is_taken_once(sagemaker, name):
    sagemaker.create_model(ModelName=name, PrimaryContainer=container(), ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint_config(**config(name, name))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.create_training_job(**training_job(name))
    sagemaker.create_transform_job(**transform_job(name, name))

    for method, request, code, words in EXISTING:
        expected = (code, words.format(arn=ARN, name=name))
        assert refusal(getattr(sagemaker, method), **request(name)) == expected
    sagemaker.delete_endpoint(EndpointName=name)


ABSENT = [
    ("describe_training_job", "TrainingJobName", "Requested resource not found."),
    ("stop_training_job", "TrainingJobName", "Requested resource not found."),
    ("describe_transform_job", "TransformJobName", "Could not find requested job with name: absent"),
    ("stop_transform_job", "TransformJobName", "Could not find requested job with name: absent"),
    ("describe_model", "ModelName", f'Could not find model "{ARN}:model/absent".'),
    (
        "describe_endpoint_config",
        "EndpointConfigName",
        f'Could not find endpoint configuration "{ARN}:endpoint-config/absent".',
    ),
    ("describe_endpoint", "EndpointName", f'Could not find endpoint "{ARN}:endpoint/absent".'),
    ("delete_endpoint", "EndpointName", f'Could not find endpoint "{ARN}:endpoint/absent".'),
    ("list_tags", "ResourceArn", f'Could not find resource "{ARN}:model/absent".'),
]


@pytest.mark.parametrize(("method", "member", "words"), ABSENT)
def test_what_is_absent_is_a_validation_error(sagemaker, method, member, words):
    value = f"{ARN}:model/absent" if member == "ResourceArn" else "absent"
    assert refusal(getattr(sagemaker, method), **{member: value}) == ("ValidationException", words)


REFUSED = [
    (
        "create_processing_job",
        {
            "ProcessingJobName": "x",
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            # As the SDK's model monitor and Clarify do: the image has an entry point of its own.
            "AppSpecification": {
                "ImageUri": "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
            },
            "RoleArn": ROLE,
        },
        "sagelocal cannot run the image '156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-",
    ),
    ("create_training_job", training_job("bad_name"), "at 'trainingJobName' failed to satisfy constraint"),
    (
        "create_training_job",
        training_job("x", AlgorithmSpecification={"TrainingImage": "me/own:1", "TrainingInputMode": "File"}),
        "sagelocal cannot",
    ),
    (
        "create_training_job",
        training_job("x", InputDataConfig=training_job("x")["InputDataConfig"] * 2),
        "Channel 'train' is in InputDataConfig twice",
    ),
    (
        "create_training_job",
        training_job("x", InputDataConfig=[source("FileSystemDataSource", **FILE_SYSTEM)]),
        "its DataSource is FileSystemDataSource; an S3DataSource works",
    ),
    (
        "create_training_job",
        training_job("x", InputDataConfig=[source("S3DataSource", S3DataType="Converse", S3Uri="s3://b/k")]),
        "its S3DataType is Converse; S3Prefix, ManifestFile, AugmentedManifestFile work",
    ),
    (
        "create_training_job",
        training_job(
            "x",
            InputDataConfig=[
                source("S3DataSource", S3DataType="S3Prefix", S3Uri="s3://b/k", InstanceGroupNames=["g"])
            ],
        ),
        "names the instance group 'g'; ResourceConfig has none",
    ),
    (
        "create_training_job",
        training_job(
            "x",
            AlgorithmSpecification={
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "ContainerArguments": ["--a"],
            },
        ),
        "ContainerArguments without a ContainerEntrypoint",
    ),
    (
        "create_training_job",
        training_job("x", EnableManagedSpotTraining=True),
        "Invalid MaxWaitTimeInSeconds. It must be present",
    ),
    (
        "create_training_job",
        training_job("x", InputDataConfig=[training_job("x")["InputDataConfig"][0] | {"ChannelName": ".."}]),
        "ChannelName '..' is no name of a folder",
    ),
    (
        "create_training_job",
        training_job("x", OutputDataConfig={"S3OutputPath": "https://bucket"}),
        "OutputDataConfig.S3OutputPath: 'https://bucket' is no S3 address",
    ),
    (
        "create_training_job",
        training_job("x", CheckpointConfig={"S3Uri": "https://bucket"}),
        "CheckpointConfig.S3Uri: 'https://bucket' is no S3 address",
    ),
    (
        "create_training_job",
        training_job("x", CheckpointConfig={"S3Uri": "s3://b/k", "LocalPath": "/opt/ml/../kept"}),
        "sagelocal keeps checkpoints below /opt/ml only, not in '/opt/ml/../kept'",
    ),
    (
        "create_training_job",
        training_job("x", InputDataConfig=[source("S3DataSource", S3DataType="S3Prefix", S3Uri="https://b")]),
        "Channel 'train': 'https://b' is no S3 address",
    ),
    (
        "create_training_job",
        training_job(
            "x", ResourceConfig=training_job("x")["ResourceConfig"] | {"InstanceGroups": GROUPS[:1]}
        ),
        "ResourceConfig has InstanceGroups and InstanceType, InstanceCount; give the one or the others",
    ),
    (
        "create_training_job",
        training_job("x", ResourceConfig={"VolumeSizeInGB": 1, "InstanceGroups": GROUPS}),
        "The instance group 'g' is in ResourceConfig twice",
    ),
    ("create_model", {"ModelName": "x"}, "needs either PrimaryContainer or Containers"),
    ("create_model", {"ModelName": "x", "PrimaryContainer": {}}, "needs an Image"),
    (
        "create_endpoint",
        {"EndpointName": "x", "EndpointConfigName": "absent"},
        "Could not find endpoint config",
    ),
    ("update_endpoint", {"EndpointName": "absent", "EndpointConfigName": "x"}, "Could not find endpoint "),
    ("create_transform_job", transform_job("x", "absent"), "Could not find model"),
    (
        "create_transform_job",
        transform_job("x", "absent", MaxPayloadInMB=50, MaxConcurrentTransforms=3),
        "150 MB; at most 100 MB",
    ),
    (
        "create_transform_job",
        transform_job("x", "absent", TransformOutput={"S3OutputPath": "https://bucket"}),
        "TransformOutput.S3OutputPath: 'https://bucket' is no S3 address",
    ),
    (
        "create_transform_job",
        transform_job(
            "x",
            "absent",
            TransformInput={
                "DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://b/k"}}
            },
        ),
        "S3DataType AugmentedManifestFile is not one of a transform job: S3Prefix, ManifestFile",
    ),
    (
        "create_transform_job",
        transform_job("x", "absent", DataCaptureConfig={"DestinationS3Uri": "s3://b/captured"}),
        "sagelocal cannot capture the data of a transform job; give no DataCaptureConfig",
    ),
    ("list_models", {"NextToken": "nonsense"}, "is not a token of this list"),
    ("list_lineage_groups", {}, "sagelocal cannot carry out ListLineageGroups"),
]


@pytest.mark.parametrize(("method", "request_", "words"), REFUSED)
def test_a_request_that_cannot_be_carried_out_is_refused(sagemaker, method, request_, words):
    code, message = refusal(getattr(sagemaker, method), **request_)
    assert code == "ValidationException"
    assert words in message


def test_pages_hold_everything_once(sagemaker, name):
    names = [f"{name}-page-{number}" for number in range(7)]
    for each in names:
        sagemaker.create_model(ModelName=each, PrimaryContainer=container(), ExecutionRoleArn=ROLE)
    pages = sagemaker.get_paginator("list_models").paginate(
        NameContains=f"{name}-page",
        SortBy="CreationTime",
        SortOrder="Ascending",
        PaginationConfig={"PageSize": 3},
    )
    found = [[each["ModelName"] for each in page["Models"]] for page in pages]
    assert found == [names[:3], names[3:6], names[6:]]


def test_lists_are_filtered_by_time(sagemaker, name):
    sagemaker.create_model(ModelName=name, PrimaryContainer=container(), ExecutionRoleArn=ROLE)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    assert sagemaker.list_models(NameContains=name, CreationTimeBefore=later)["Models"]
    assert not sagemaker.list_models(NameContains=name, CreationTimeAfter=later)["Models"]


def test_tags_are_added_replaced_listed_and_deleted(sagemaker, name):
    arn = sagemaker.create_model(ModelName=name, PrimaryContainer=container(), ExecutionRoleArn=ROLE)[
        "ModelArn"
    ]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    added = sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "3"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["b"])

    assert added["Tags"] == [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refusal(sagemaker.add_tags, ResourceArn=arn, Tags=many)[0] == "ValidationException"
    reserved = [{"Key": "aws:x", "Value": ""}]
    assert "reserved" in refusal(sagemaker.add_tags, ResourceArn=arn, Tags=reserved)[1]


def test_an_unknown_endpoint_cannot_be_invoked(control_plane):
    runtime = control_plane.client("sagemaker-runtime")
    expected = ("ValidationError", "Endpoint absent of account 123456789012 not found.")
    assert refusal(runtime.invoke_endpoint, EndpointName="absent", Body=b"1") == expected


def test_an_unsigned_request_is_refused(control_plane):
    unsigned = control_plane.client("sagemaker", signature_version=UNSIGNED)
    assert refusal(unsigned.list_models)[0] == "MissingAuthenticationTokenException"


def test_health(control_plane):
    with urllib.request.urlopen(f"{control_plane.url}/_sagelocal/health") as answer:
        assert answer.status == 200


def test_calls_that_come_together_are_answered_in_their_order(control_plane, sagemaker, name):
    sagemaker.create_model(ModelName=name, PrimaryContainer=container(), ExecutionRoleArn=ROLE)
    port = int(control_plane.url.rpartition(":")[2])
    describe, more = f'{{"ModelName": "{name}"}}', '{"MaxResults": 1}'
    # Describe is answered at once, List in a thread: none may overtake another.
    sent = [("DescribeModel", describe), ("ListModels", more), ("DescribeModel", describe)]
    data = b"".join(written(*each) for each in sent)
    with socket.create_connection(("127.0.0.1", port)) as door:
        door.sendall(data + data[:-5])
        first = [answer(door) for _ in range(5)]
        door.sendall(data[-5:])
        last = answer(door)
    assert [next(iter(each)) for each in (*first, last)] == ["ModelName", "Models", "ModelName"] * 2
    assert last["ModelName"] == name


def test_of_clients_that_create_the_same_name_one_wins(control_plane, name):
    def create(number):
        client = control_plane.client("sagemaker")
        try:
            client.create_model(ModelName=name, PrimaryContainer=container(), ExecutionRoleArn=ROLE)
        except ClientError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(8))) == 1


def test_a_second_service_on_the_same_data_directory_is_refused(control_plane):
    code, words = run_service("--port", "0", "--data", str(control_plane.data_dir))
    assert code != 0
    assert f"another sagelocal serves the data directory {control_plane.data_dir}" in words


def test_a_port_in_use_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, words = run_service("--port", str(port), "--data", str(tmp_path))
    assert code != 0
    assert f"cannot listen on 127.0.0.1:{port}" in words


def test_a_killed_service_keeps_what_it_was_told(serve, name):
    service = serve()
    service.client("sagemaker").create_model(
        ModelName=name, PrimaryContainer=container(), ExecutionRoleArn=ROLE
    )
    service.kill()
    again = serve(data_dir=service.data_dir)
    assert again.client("sagemaker").describe_model(ModelName=name)["ModelName"] == name


def test_a_clean_end_has_exit_code_0(serve):
    assert serve().end() == 0


def written(operation, body):
    """Write a request as a client does that signs with any key."""
    return (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: SageMaker.{operation}\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=key/20261101/us-east-1/sagemaker/aws4_request\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def answer(door):
    """Read one answer, and nothing of the next."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += door.recv(1)
    length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
    return json.loads(door.recv(length, socket.MSG_WAITALL))


def run_service(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "sagelocal", "serve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
    )
    return done.returncode, done.stderr
