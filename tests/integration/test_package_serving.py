"""A version of the registry is served and transforms, and its approval is told to EventBridge."""

import json
import time

import pytest
from tests.integration import served_models as models


@pytest.fixture(scope="module")
def package(aws):
    """Give the ARN of a version whose artifact is on S3."""
    models.make_bucket(aws("s3"))
    group = models.unique("group")
    key = f"{group}/model.tar.gz"
    aws("s3").put_object(Bucket=models.BUCKET, Key=key, Body=models.artifact())
    aws("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    container = {
        "Image": models.IMAGE,
        "ModelDataUrl": f"s3://{models.BUCKET}/{key}",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    }
    specification = {"Containers": [container], "SupportedContentTypes": ["text/csv"]}
    return aws("sagemaker").create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=specification
    )["ModelPackageArn"]


@pytest.fixture(scope="module")
def model(aws, package):
    """Give a model that is made from the version, and nothing else."""
    name = models.unique("packaged")
    aws("sagemaker").create_model(
        ModelName=name, Containers=[{"ModelPackageName": package}], ExecutionRoleArn=models.ROLE
    )
    return name


def test_an_endpoint_serves_a_version(aws, model):
    name = models.unique("packaged")
    config = models.make_config(aws, {"VariantName": "v", "ModelName": model})
    aws("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert models.wait(aws, name)["EndpointStatus"] == "InService"

    answer = aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=models.CSV, ContentType="text/csv"
    )

    assert json.loads(answer["Body"].read()) == models.WANT
    aws("sagemaker").delete_endpoint(EndpointName=name)


def test_a_transform_job_uses_a_version(aws, model):
    name = models.unique("packaged")
    aws("s3").put_object(Bucket=models.BUCKET, Key=f"{name}/in/rows.csv", Body=models.CSV)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{models.BUCKET}/{name}/in/"}
    aws("sagemaker").create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={
            "ContentType": "text/csv",
            "SplitType": "Line",
            "DataSource": {"S3DataSource": source},
        },
        TransformOutput={
            "S3OutputPath": f"s3://{models.BUCKET}/{name}/out",
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    aws("sagemaker").get_waiter("transform_job_completed_or_stopped").wait(
        TransformJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": models.SECONDS}
    )

    assert aws("sagemaker").describe_transform_job(TransformJobName=name)["TransformJobStatus"] == "Completed"
    result = aws("s3").get_object(Bucket=models.BUCKET, Key=f"{name}/out/rows.csv.out")["Body"].read()
    assert [int(line) for line in result.split()] == models.WANT


def test_an_approval_is_told_to_eventbridge(aws, package):
    name = models.unique("approved")
    queue = aws("sqs").create_queue(QueueName=name)["QueueUrl"]
    attributes = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelApprovalStatus": ["Approved"]},
    }
    aws("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    aws("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}])

    aws("sagemaker").update_model_package(
        ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )

    end = time.monotonic() + models.SECONDS
    messages: list = []
    while not messages:
        assert time.monotonic() < end, "no event came"
        messages = aws("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
    event = json.loads(messages[0]["Body"])
    assert event["resources"] == [package]
    assert event["detail"]["ModelApprovalStatus"] == "Approved"
    assert event["detail"]["ApprovalDescription"] == "good"
