"""A training request becomes a plan: channels with their defaults, hosts, configuration files, limits."""

import dataclasses
import json

import pytest

from sagelocal.jobs import plan as planning

GROUP = "homogeneousCluster"
BODY = {
    "TrainingJobName": "job",
    "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/job",
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/out/"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
}


def make(**changes):
    return planning.training({**BODY, **changes}, region="us-east-1")


def channel(**changes):
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/x", **changes.pop("source", {})}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **changes}


def test_the_smallest_request_gets_the_documented_defaults():
    plan = make()
    assert plan.output_uri == "s3://b/out/job"
    assert (plan.max_runtime, plan.stop_grace, plan.compress) == (86400, 120, True)
    assert plan.entrypoint == ()
    assert plan.input_data_config(plan.hosts[0]) == {}
    assert plan.variables == {
        "TRAINING_JOB_NAME": "job",
        "TRAINING_JOB_ARN": BODY["TrainingJobArn"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def test_configuration_files_are_the_documented_ones():
    plan = make(HyperParameters={"a": "1"}, InputDataConfig=[channel(ContentType="text/csv")])
    assert plan.config_files(plan.hosts[0]) == {
        "hyperparameters.json": {"a": "1"},
        "inputdataconfig.json": {
            "train": {
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
                "ContentType": "text/csv",
            }
        },
        "resourceconfig.json": {
            "current_host": "algo-1",
            "current_instance_type": "ml.m5.large",
            "current_group_name": GROUP,
            "hosts": ["algo-1"],
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": "ml.m5.large",
                    "hosts": ["algo-1"],
                }
            ],
            "network_interface_name": "eth0",
        },
    }


def test_a_channels_own_mode_goes_before_the_jobs():
    plan = make(InputDataConfig=[channel(InputMode="FastFile"), {**channel(), "ChannelName": "other"}])
    assert [each.mode for each in plan.channels] == ["FastFile", "File"]


def test_every_host_of_every_group_has_an_address_of_its_own():
    groups = [
        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 2},
        {"InstanceGroupName": "b", "InstanceType": "ml.c5.large", "InstanceCount": 1},
    ]
    plan = make(ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1})
    assert [(host.name, host.group) for host in plan.hosts] == [
        ("algo-1", "a"),
        ("algo-2", "a"),
        ("algo-3", "b"),
    ]
    assert len({host.address for host in plan.hosts}) == 3
    config = plan.resource_config(plan.hosts[2])
    assert (config["current_host"], config["current_instance_type"]) == ("algo-3", "ml.c5.large")
    assert [group["hosts"] for group in config["instance_groups"]] == [["algo-1", "algo-2"], ["algo-3"]]


def test_a_spot_job_is_waited_for_so_long_from_its_creation():
    condition = {"MaxRuntimeInSeconds": 10, "MaxWaitTimeInSeconds": 30}
    spot = make(EnableManagedSpotTraining=True, StoppingCondition=condition, CreationTime=1000.0)
    assert (spot.max_runtime, spot.wait_until) == (10, 1030)
    assert make().wait_until is None


@pytest.mark.parametrize(
    "text", ['"s3://b/code.tar.gz"', "s3://b/code.tar.gz"]
)  # SDK v2 quotes; boto3 users do not
def test_the_source_is_read_quoted_or_not(text):
    assert make(HyperParameters={"sagemaker_submit_directory": text}).source_uri == "s3://b/code.tar.gz"


def test_the_requests_environment_goes_before_ours():
    assert make(Environment={"AWS_REGION": "x", "MINE": "1"}).variables["AWS_REGION"] == "x"


def test_arguments_need_an_entrypoint():
    algorithm = {**BODY["AlgorithmSpecification"], "ContainerArguments": ["-c", "x"]}
    assert make(AlgorithmSpecification=algorithm).entrypoint == ()
    algorithm["ContainerEntrypoint"] = ["/bin/bash"]
    assert make(AlgorithmSpecification=algorithm).entrypoint == ("/bin/bash", "-c", "x")


def test_a_plan_is_json():
    plan = make(InputDataConfig=[channel()], CheckpointConfig={"S3Uri": "s3://b/c"})
    assert json.loads(json.dumps(dataclasses.asdict(plan)))["checkpoints"] == {
        "uri": "s3://b/c",
        "path": "/opt/ml/checkpoints",
    }
