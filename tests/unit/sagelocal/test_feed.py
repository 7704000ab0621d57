"""Changes of status are carried once each, become lineage and events, and survive a crash in between."""

import sqlite3
import threading

import pytest
from tests.unit.sagelocal.failing_store import FULL, FailingStore

from sagelocal.api.account import Account
from sagelocal.api.feed import Feed
from sagelocal.api.trail import Trail
from sagelocal.jobs.store import MissingError

ACCOUNT = Account(number="123456789012", region="us-east-1")
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
S3 = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/rows"}
JOB = {
    "TrainingJobName": "j",
    "TrainingJobArn": ACCOUNT.arn("training-job", "j"),
    "TrainingJobStatus": "InProgress",
    "AlgorithmSpecification": {"TrainingImage": IMAGE},
    "HyperParameters": {"trees": "7", "loss": "nan", "name": '"a"'},
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": S3}, "ContentType": "text/csv"}
    ],
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    "CheckpointConfig": {"S3Uri": "s3://b/checkpoints"},
    "ExperimentConfig": {"ExperimentName": "e", "TrialComponentDisplayName": "shown"},
}
ENDED = {
    "TrainingJobStatus": "Completed",
    "TrainingEndTime": 1_800_000_000.0,
    "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
    "FinalMetricDataList": [{"MetricName": "accuracy", "Value": 0.9, "Timestamp": 1_800_000_000.0}],
}
COMPONENT = "experiment-trial-component"


class Bus:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def tell(self, event):
        self.told.append(event)


@pytest.fixture
def store(tmp_path):
    store = FailingStore(tmp_path / "state.db")
    yield store
    store.close()


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def feed(store, bus):
    return Feed(store=store, trail=Trail(store=store, account=ACCOUNT), bus=bus)


def create(store, kind, name, body):
    store.create(kind, name, ACCOUNT.arn(kind, name), body)


def edges(store):
    """Return the associations, by what their ends are about."""

    def named(arn):
        body = store.find(arn).body
        return body.get("Source", {}).get("SourceUri") or body["TrialComponentName"]

    return {
        (named(each.body["SourceArn"]), each.body["AssociationType"], named(each.body["DestinationArn"]))
        for each in store.list("association")
    }


def test_a_job_leaves_a_component_and_artifacts(store, feed):
    create(store, "training-job", "j", JOB)
    feed.carry()
    store.update("training-job", "j", lambda body: body.update(ENDED))
    feed.carry()

    component = store.get(COMPONENT, "j-aws-training-job").body
    assert component["Status"] == {"PrimaryStatus": "Completed"}
    assert component["Source"] == {"SourceArn": JOB["TrainingJobArn"], "SourceType": "SageMakerTrainingJob"}
    assert component["DisplayName"] == "shown"
    assert component["Parameters"] == {
        "trees": {"NumberValue": 7.0},
        "loss": {"StringValue": "nan"},
        "name": {"StringValue": '"a"'},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
    }
    assert component["InputArtifacts"]["train"] == {"Value": "s3://b/rows", "MediaType": "text/csv"}
    assert component["OutputArtifacts"]["SageMaker.ModelArtifact"] == {"Value": "s3://b/model.tar.gz"}
    assert [(each["MetricName"], each["Last"]) for each in component["Metrics"]] == [("accuracy", 0.9)]
    name = "j-aws-training-job"
    assert edges(store) == {
        (IMAGE, "ContributedTo", name),
        ("s3://b/rows", "ContributedTo", name),
        (name, "Produced", "s3://b/checkpoints"),
        (name, "Produced", "s3://b/model.tar.gz"),
    }
    trial = store.get("experiment-trial", "j-aws-trial")
    assert trial.body["ExperimentName"] == "e"
    assert [each.body["TrialArn"] for each in store.list("trial-membership")] == [trial.arn]


def test_what_others_logged_in_a_jobs_component_stays(store, feed):
    create(store, "training-job", "j", JOB)
    feed.carry()
    logged = {
        "DisplayName": "mine",
        "Parameters": {"seed": {"NumberValue": 5.0}},
        "OutputArtifacts": {"plot": {"Value": "s3://b/plot.png"}},
        "Metrics": [{"MetricName": "auc", "Last": 0.7}],
    }
    store.update(COMPONENT, "j-aws-training-job", lambda body: body.update(logged))
    store.update("training-job", "j", lambda body: body.update(ENDED))
    feed.carry()

    component = store.get(COMPONENT, "j-aws-training-job").body
    assert component["DisplayName"] == "mine"
    assert {"seed", "trees"} < set(component["Parameters"])
    assert {"plot", "SageMaker.ModelArtifact"} < set(component["OutputArtifacts"])
    assert {each["MetricName"] for each in component["Metrics"]} == {"auc", "accuracy"}
    assert component["EndTime"] == ENDED["TrainingEndTime"]


def test_a_new_job_of_a_deleted_ones_name_has_nothing_of_its_run(store, feed):
    create(store, "training-job", "j", JOB | ENDED)
    feed.carry()
    store.delete("training-job", "j")
    create(store, "training-job", "j", JOB)
    feed.carry()

    component = store.get(COMPONENT, "j-aws-training-job").body
    assert component["Status"] == {"PrimaryStatus": "InProgress"}
    assert {"EndTime", "Metrics"} & set(component) == set()
    assert set(component["OutputArtifacts"]) == {"SageMaker.Checkpoint"}


def test_a_trial_that_was_deleted_meanwhile_has_no_component(store, feed):
    config = {"ExperimentConfig": {"ExperimentName": "e", "TrialName": "gone"}}
    create(store, "training-job", "j", JOB | config)
    feed.carry()
    assert store.get(COMPONENT, "j-aws-training-job")
    assert store.list("trial-membership") == []


def test_an_artifact_that_somebody_made_is_used(store, feed):
    create(store, "artifact", "own", {"ArtifactType": "Table", "Source": {"SourceUri": "s3://b/rows"}})
    create(store, "training-job", "j", JOB)
    feed.carry()
    (found,) = [each for each in store.list("association") if each.body["SourceType"] == "Table"]
    assert found.body["SourceArn"] == ACCOUNT.arn("artifact", "own")


def test_every_approval_of_a_version_is_an_action(store, feed):
    pipeline = ACCOUNT.arn("pipeline", "p/execution/abc")
    body = {
        "ModelPackageGroupName": "g",
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {"Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}]},
        "MetadataProperties": {"GeneratedBy": pipeline},
    }
    create(store, "model-package", "g/1", body)
    approval = {"ModelApprovalStatus": "Approved", "ApprovalDescription": "good"}
    store.update("model-package", "g/1", lambda body: body.update(approval))
    feed.carry()

    package, group = ACCOUNT.arn("model-package", "g/1"), ACCOUNT.arn("model-package-group", "g")
    assert edges(store) == {
        (IMAGE, "ContributedTo", package),
        ("s3://b/model.tar.gz", "ContributedTo", package),
        (package, "ContributedTo", package),  # from the actions, whose source it is
        (package, "AssociatedWith", group),
    }
    actions = [each.body for each in store.list("action")]
    assert [each["Status"] for each in actions] == ["PendingManualApproval", "Approved"]
    assert actions[1]["Description"] == "good"
    context = store.get("context", "g-aws-model-package-group").body
    assert (context["ContextType"], context["Properties"]) == (
        "ModelGroup",
        {"PipelineExecutionArn": pipeline},
    )


def test_an_endpoint_has_an_action_for_each_configuration(store, feed):
    package = ACCOUNT.arn("model-package", "g/1")
    create(store, "model", "m", {"PrimaryContainer": {"Image": IMAGE, "ModelPackageName": "g/1"}})
    create(store, "endpoint-config", "c", {"ProductionVariants": [{"ModelName": "m"}]})
    create(store, "endpoint", "e", {"EndpointStatus": "Creating", "EndpointConfigName": "c"})
    feed.carry()
    assert store.list("action") == []
    store.update("endpoint", "e", lambda body: body.update(EndpointStatus="InService"))
    # The configuration of the second may be gone when the change is carried.
    store.update("endpoint", "e", lambda body: body.update(EndpointConfigName="gone"))
    feed.carry()

    endpoint = ACCOUNT.arn("endpoint", "e")
    assert [each.body["ActionType"] for each in store.list("action")] == ["ModelDeployment"] * 2
    assert edges(store) == {
        (ACCOUNT.arn("model", "m"), "ContributedTo", endpoint),
        (IMAGE, "ContributedTo", endpoint),
        (package, "ContributedTo", endpoint),
        (endpoint, "AssociatedWith", endpoint),  # from the actions, whose source it is
    }


class Crash(Bus):
    """Is cut off as soon as it was told something."""

    def tell(self, event):
        super().tell(event)
        raise KeyboardInterrupt


def test_what_a_crash_left_is_carried_and_what_was_carried_twice_is_there_once(store, feed, bus):
    create(store, "training-job", "j", JOB)
    crash = Crash()
    with pytest.raises(KeyboardInterrupt):
        Feed(store=store, trail=Trail(store=store, account=ACCOUNT), bus=crash).carry()
    before = edges(store)
    assert before

    feed.start()
    feed.close()

    assert edges(store) == before
    assert len(store.list(COMPONENT)) == 1
    assert bus.told == crash.told
    assert store.untold(1) == []


def test_a_change_that_cannot_be_carried_keeps_no_other_back(store, feed, bus):
    create(store, "training-job", "broken", {"TrainingJobStatus": "InProgress"})
    create(store, "training-job", "j", JOB)
    feed.carry()
    assert [event.resources for event in bus.told] == [(JOB["TrainingJobArn"],)]
    with pytest.raises(MissingError):
        store.get(COMPONENT, "broken-aws-training-job")


def test_what_the_disk_does_not_take_is_carried_again(store, feed, bus):
    create(store, "training-job", "j", JOB)
    feed.carry()
    create(store, "training-job", "beside", JOB)
    store.update("training-job", "j", lambda body: body.update(ENDED))
    store.fail("update", "j-aws-training-job", threading.current_thread().name)
    with pytest.raises(sqlite3.OperationalError, match=FULL):
        feed.carry()
    feed.carry()

    assert store.has_failed()
    assert store.get(COMPONENT, "j-aws-training-job").body["Status"] == {"PrimaryStatus": "Completed"}
    told = [event.detail["TrainingJobStatus"] for event in bus.told]
    assert told == ["InProgress", "InProgress", "Completed"]


def test_only_a_change_of_status_is_told(store, feed, bus):
    create(store, "training-job", "j", JOB)
    store.update("training-job", "j", lambda body: body.update(SecondaryStatus="Training"))
    with pytest.raises(KeyError):
        store.update("training-job", "j", _fail)
    create(store, "model", "m", {})
    feed.carry()
    assert [event.detail["TrainingJobStatus"] for event in bus.told] == ["InProgress"]


def _fail(body):
    body["TrainingJobStatus"] = "Failed"
    raise KeyError
