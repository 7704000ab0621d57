"""What SageMaker records by itself: from an endpoint back to the data, every change told to EventBridge."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from botocore.exceptions import ClientError
from tests.integration import pipeline_definitions as pipelines
from tests.integration import served_models as models
from tests.integration import training_jobs as jobs

TRAIN = """
import os
print("Accuracy=0.9;")
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("a model")
"""
SERVE = (
    "def model_fn(model_dir):\n    return None\n"
    "def transform_fn(model, body, kind, accept):\n    return 'ok', 'text/plain'\n"
)


@pytest.fixture(scope="module")
def s3(aws):
    client = aws("s3")
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=jobs.BUCKET)
    models.make_bucket(client)
    return client


@pytest.fixture
def sagemaker(aws):
    return aws("sagemaker")


def until(look, what):
    """Return what a look finds, once it finds something: changes are carried some moments later."""
    deadline = time.monotonic() + jobs.SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


class Mail:
    """The events that a rule puts on a queue."""

    def __init__(self, aws, resources):
        name = jobs.unique("told")
        self._sqs = aws("sqs")
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        told = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        pattern = {"source": ["aws.sagemaker"], "resources": [{"prefix": each} for each in resources]}
        aws("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
        target = {"Id": "queue", "Arn": told["Attributes"]["QueueArn"]}
        aws("events").put_targets(Rule=name, Targets=[target])
        self.events: list = []

    def look(self):
        """Take what has come, and return all events so far."""
        more = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        self.events += [json.loads(each["Body"]) for each in more.get("Messages", [])]
        return self.events

    def values(self, member):
        return [event["detail"].get(member) for event in self.look()]


def train(s3, sagemaker, name, **more):
    data = f"s3://{jobs.BUCKET}/{name}/data/"
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/data/rows.csv", Body=b"1\n")
    channel = [jobs.channel("train", data)]
    sagemaker.create_training_job(
        **jobs.request(s3, name, {"train.py": TRAIN}, InputDataConfig=channel, **more)
    )
    return data


def test_an_endpoint_leads_back_to_the_data_that_its_model_was_trained_on(aws, s3, sagemaker):
    name = jobs.unique("lineage")
    prefixes = [
        f"arn:aws:sagemaker:us-east-1:123456789012:{kind}/{name}" for kind in ("training-job", "endpoint")
    ]
    mail = Mail(aws, prefixes)
    data = train(s3, sagemaker, name)
    job = jobs.wait(sagemaker, name)
    group = {"ModelPackageGroupName": name}
    sagemaker.create_model_package_group(**group)
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    container = models.container(aws, SERVE) | {"ModelDataUrl": artifact}
    container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] = jobs.put_source(s3, {"inference.py": SERVE})
    specification = {"Containers": [container], "SupportedContentTypes": ["text/csv"]}
    package = sagemaker.create_model_package(
        **group, InferenceSpecification=specification, ModelApprovalStatus="PendingManualApproval"
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    model = models.create_model(aws, PrimaryContainer={"ModelPackageName": package})
    config = models.make_config(aws, {"VariantName": "v", "ModelName": model})
    arn = sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)["EndpointArn"]
    assert models.wait(aws, name)["EndpointStatus"] == "InService"

    contexts = until(lambda: sagemaker.list_contexts(SourceUri=arn)["ContextSummaries"], "no context")
    (context,) = contexts

    def ascendants(lineage_type, kind):
        return sagemaker.query_lineage(
            StartArns=[context["ContextArn"]],
            Direction="Ascendants",
            IncludeEdges=False,
            Filters={"LineageTypes": [lineage_type], "Types": [kind]},
        )["Vertices"]

    def uris(kind):
        found = [
            sagemaker.describe_artifact(ArtifactArn=each["Arn"]) for each in ascendants("Artifact", kind)
        ]
        return {each["Source"]["SourceUri"] for each in found}

    until(lambda: ascendants("TrialComponent", "TrainingJob"), "no training job")
    assert uris("DataSet") == {data}
    assert {artifact, package} <= uris("Model")
    assert uris("Image") == {container["Image"]}
    (component,) = sagemaker.list_trial_components(SourceArn=job["TrainingJobArn"])["TrialComponentSummaries"]
    assert component["TrialComponentName"] == f"{name}-aws-training-job"
    actions = sagemaker.list_actions(SourceUri=package, ActionType="Approval", SortOrder="Ascending")
    assert [each["Status"] for each in actions["ActionSummaries"]] == ["PendingManualApproval", "Approved"]

    statuses = ["InProgress", "Completed"]
    until(lambda: [each for each in mail.values("TrainingJobStatus") if each] == statuses, "not told")
    until(lambda: "IN_SERVICE" in mail.values("EndpointStatus"), "not told that it serves")
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_service_with_an_emulator_of_its_own_tells_that_one(serve):
    """What its environment has of AWS may be a real account's: nothing must go there."""
    service = serve(AWS_ENDPOINT_URL="")
    group = {"ModelPackageGroupName": "g"}
    mail = Mail(service.client, ["arn:aws:sagemaker:us-east-1:123456789012:model-package/g"])
    sagemaker = service.client("sagemaker")
    sagemaker.create_model_package_group(**group)
    container = {"Image": models.IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}
    specification = {"Containers": [container], "SupportedContentTypes": ["text/csv"]}
    sagemaker.create_model_package(**group, InferenceSpecification=specification)
    until(lambda: mail.values("ModelPackageStatus"), "not told")
    assert service.data_dir.stat().st_mode & 0o077 == 0


def test_a_job_of_an_experiment_is_a_component_of_its_trial(s3, sagemaker):
    name = jobs.unique("experiment")
    sagemaker.create_experiment(ExperimentName=name)
    sagemaker.create_trial(ExperimentName=name, TrialName=f"{name}-trial")
    train(s3, sagemaker, name, ExperimentConfig={"ExperimentName": name, "TrialName": f"{name}-trial"})

    def found():
        return sagemaker.list_trial_components(TrialName=f"{name}-trial")["TrialComponentSummaries"]

    (component,) = until(found, "no component")
    assert component["TrialComponentSource"]["SourceType"] == "SageMakerTrainingJob"
    jobs.wait(sagemaker, name)
    until(lambda: found()[0]["Status"] == {"PrimaryStatus": "Completed"}, "not completed")

    with pytest.raises(ClientError, match="TrialName 'none' of ExperimentConfig does not exist") as caught:
        train(s3, sagemaker, f"{name}-2", ExperimentConfig={"ExperimentName": name, "TrialName": "none"})
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


def test_a_pipelines_steps_are_told_and_its_version_knows_it(aws, s3, sagemaker):
    group = jobs.unique("group")
    name = pipelines.create(
        sagemaker, pipelines.training(s3, "Train"), pipelines.registration("Register", group, "Train")
    )
    mail = Mail(aws, [f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{name}"])

    arn = pipelines.start(sagemaker, name)
    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"

    until(lambda: "Succeeded" in mail.values("currentPipelineExecutionStatus"), "the end was not told")
    steps = [event["detail"] for event in mail.events if "stepName" in event["detail"]]
    ended = [each for each in steps if each["currentStepStatus"] == "Succeeded"]
    assert [each["stepName"] for each in ended] == ["Train", "Register"]
    assert set(ended[0]["metadata"]) == {"trainingJob"}
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    described = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert described["MetadataProperties"] == {"GeneratedBy": arn}
    context = {"ContextName": f"{group}-aws-model-package-group"}
    assert sagemaker.describe_context(**context)["Properties"] == {"PipelineExecutionArn": arn}
