"""Each question to AWS for the Models page, on twins of its services."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import NoRegionError
from tests.unit.ui import models_shown as shown

from sagewind import load, requests
from sagewind.approvals import Approvals
from sagewind.objects import ObjectMissingError
from sagewind.registry import Artifacts, Candidate, Lineage, Registry, RegistryError, Serving
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError
from sagewind.testing.registry import RegistryTwin
from sagewind.testing.s3 import S3Twin
from sagewind.ui.models.amazon import MOST_VERSIONS, Amazon

MODEL = shown.DIABETES
IRIS = load.load(shown.ROOT / "dags" / "models" / "iris.yaml", environ={})
BUCKET = "sagemaker-us-east-1-123456789012"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def sts(account):
    caller = {"Account": account.number, "Arn": f"arn:aws:iam::{account.number}:user/x", "UserId": "x"}
    return client("sts", {"GetCallerIdentity": lambda _: caller}, account)


def amazon(*, sagemaker=None, s3=None, **handlers):
    """Ask these twins; without one of SageMaker, its operations are the handlers."""
    account = Account()
    made = {
        "sagemaker": sagemaker or client("sagemaker", handlers, account),
        "s3": (s3 or S3Twin()).client(),
        "sts": sts(account),
    }
    return Amazon(made.__getitem__, now=lambda: shown.NOW)


def registered(count, approved=()):
    twin = RegistryTwin()
    registry = Registry(twin.client())
    for number in range(1, count + 1):
        made = registry.register(
            Candidate(
                group=MODEL.name,
                description="",
                lineage=Lineage(
                    job=f"job-{number}",
                    code_hash="c",
                    data_hash="d",
                    environment_hash="e",
                    metrics={"r2": 0.5},
                ),
                artifacts=Artifacts(model_data=shown.artifact(number), evaluation="s3://b/e.json"),
                serving=Serving(image="image"),
            )
        )
        if number in approved:
            Approvals(registry).approve(made, at=AT, by="ada")
    return twin


def test_the_champion_is_found_in_the_registry():
    found = amazon(sagemaker=registered(3, approved=(1, 2)).client()).standing(MODEL)
    assert found.champion is not None
    assert (found.champion.number, found.champion.by, found.champion.since) == (2, "ada", AT)
    assert found.waiting == (3,)


def test_a_model_of_which_the_registry_knows_nothing_has_no_champion():
    assert amazon(sagemaker=RegistryTwin().client()).standing(MODEL).champion is None


def test_of_many_versions_the_newest_are_shown():
    few, more = amazon(sagemaker=registered(2).client()).versions(MODEL)
    assert ([each.number for each in few], more) == ([2, 1], False)
    many = registered(MOST_VERSIONS + 1)
    newest, more = amazon(sagemaker=many.client()).versions(MODEL)
    assert (newest[0].number, len(newest), more) == (MOST_VERSIONS + 1, MOST_VERSIONS, True)


def test_the_card_is_beside_the_artifact():
    s3 = S3Twin()
    s3.put("bucket", "diabetes/models/job-1/output/card.html", "<h1>card</h1>")
    asked = amazon(sagemaker=registered(2).client(), s3=s3)
    assert asked.card(asked.version(MODEL, 1)) == b"<h1>card</h1>"
    with pytest.raises(ObjectMissingError, match=r"job-2/output/card\.html"):
        asked.card(asked.version(MODEL, 2))
    with pytest.raises(RegistryError, match="no version 9"):
        asked.version(MODEL, 9)


def missing(what):
    def answer(_):
        raise AwsError("ValidationException", f'Could not find {what} "arn:aws:sagemaker:x".')

    return answer


HOSTED = {
    "DescribeEndpoint": lambda _: {
        "EndpointName": "diabetes", "EndpointArn": "a" * 20, "EndpointConfigName": "config-1",
        "EndpointStatus": "InService", "CreationTime": AT, "LastModifiedTime": AT,
    },
    "DescribeEndpointConfig": lambda _: {
        "EndpointConfigName": "config-1", "EndpointConfigArn": "a" * 20, "CreationTime": AT,
        "ProductionVariants": [
            {"VariantName": "A", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        ],
    },
    "DescribeModel": lambda _: {
        "ModelName": "m", "ModelArn": "a" * 20, "PrimaryContainer": {"ModelDataUrl": shown.artifact(2)},
    },
}  # fmt: skip


def test_an_endpoint_says_what_its_config_serves():
    found = amazon(**HOSTED).endpoint(MODEL)
    assert found is not None
    assert (found.status, found.config, found.model) == ("InService", "config-1", "m")
    assert (found.artifact, found.instances) == (shown.artifact(2), "2 of ml.m5.large")


def test_a_model_that_is_gone_leaves_the_artifact_unknown():
    found = amazon(**HOSTED | {"DescribeModel": missing("model")}).endpoint(MODEL)
    assert found is not None
    assert found.artifact == ""


def test_no_endpoint_is_no_error_and_a_refusal_is_one():
    assert amazon(DescribeEndpoint=missing("endpoint")).endpoint(MODEL) is None

    def refused(_):
        raise AwsError("AccessDeniedException", "no")

    with pytest.raises(Exception, match="AccessDeniedException"):
        amazon(DescribeEndpoint=refused).endpoint(MODEL)


def test_partitions_are_those_that_are_whole_the_last_first():
    s3 = S3Twin()
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        home = f"diabetes/scores/ds={day}"
        s3.put(BUCKET, f"{home}/scores.csv", "id,prediction\n")
        if not day.endswith("02"):
            s3.put(BUCKET, f"{home}/_SUCCESS", json.dumps({"rows": 60, "model": "arn:aws:x/diabetes/2"}))
    s3.put(BUCKET, "diabetes-2/scores/ds=2027-01-01/_SUCCESS", "{}")  # another model's
    found = amazon(s3=s3).scored(MODEL, 9)
    assert [(each.ds, each.rows, each.version) for each in found] == [
        ("2026-03-03", 60, "2"),
        ("2026-03-01", 60, "2"),
    ]
    assert len(amazon(s3=s3).scored(MODEL, 1)) == 1


def test_the_iris_dags_partitions_are_read_too():
    s3 = S3Twin()
    done = {"rows_in": 30, "rows_out": 30, "model": "iris-model-1"}
    s3.put(BUCKET, "iris/scores/ds=2026-03-01/_SUCCESS", json.dumps(done))
    [found] = amazon(s3=s3).scored(IRIS, 9)
    assert (found.rows, found.version) == (30, "iris-model-1")


def test_the_days_watched_last_are_read_and_no_others():
    s3 = S3Twin()
    for day in range(1, 6):
        drift = json.dumps({"version": 2, "drifted": ["bmi"] if day == 4 else []})
        s3.put(BUCKET, f"diabetes/monitor/ds=2026-03-{day:02d}/drift.json", drift)
    asked = amazon(s3=s3)
    found = asked.watched(MODEL, 2)
    assert [(each.day.day, each.drifted) for each in found.days] == [(4, ("bmi",)), (5, ())]
    assert len(s3.account.called("GetObject")) == 2


def test_who_we_are_is_asked_once_for_an_account():
    account = Account()
    made = {"s3": S3Twin().client(), "sts": sts(account)}
    asked = Amazon(made.__getitem__)
    for model in (MODEL, IRIS, MODEL):
        asked.scored(model, 1)
    assert len(account.called("GetCallerIdentity")) == 1
    elsewhere = dataclasses.replace(MODEL, account=dataclasses.replace(MODEL.account, bucket="other-bucket"))
    assert asked.base(elsewhere) == "s3://other-bucket/diabetes/"


def test_clients_are_made_before_anybody_waits_and_without_a_region_the_page_is_there_all_the_same():
    account, made = Account(), []

    def make(service):
        made.append(service)
        return client(service, {}, account)

    Amazon(make).prepare()
    assert sorted(made) == ["s3", "sagemaker", "sts"]
    assert account.calls == []

    def nowhere(service):
        raise NoRegionError

    asked = Amazon(nowhere)
    asked.prepare()
    with pytest.raises(NoRegionError):
        asked.standing(MODEL)


VERIFIED = {
    "ListModels": lambda _: {
        "Models": [{"ModelName": "iris-model-1", "ModelArn": "a" * 20, "CreationTime": AT}],
    },
    "ListTags": lambda _: {
        "Tags": [
            {"Key": requests.MODEL_TAG, "Value": "iris"},
            {"Key": requests.VERIFIED_TAG, "Value": AT.isoformat()},
        ]
    },
    "DescribeModel": HOSTED["DescribeModel"],
    "DescribeTrainingJob": lambda params: {
        "TrainingJobName": params["TrainingJobName"],
        "FinalMetricDataList": [{"MetricName": "accuracy", "Value": 0.96, "Timestamp": AT}],
    },
}  # fmt: skip


def test_without_a_gate_the_newest_verified_model_is_the_champion_and_its_job_tells_its_metrics():
    asked = amazon(**VERIFIED)
    found = asked.standing(IRIS).champion
    assert found is not None
    assert (found.name, found.number, found.since) == ("iris-model-1", None, AT)
    assert found.metrics == {"accuracy": pytest.approx(0.96)}
    job = missing("requested job with name")
    champion = amazon(**VERIFIED | {"DescribeTrainingJob": job}).standing(IRIS).champion
    assert champion is not None
    assert champion.metrics == {}
    assert amazon(**VERIFIED | {"ListModels": lambda _: {"Models": []}}).standing(IRIS).champion is None


def test_the_months_cost_is_of_the_models_jobs():
    def listed(params):
        assert params["CreationTimeAfter"].day == 1
        return {}

    nothing = {f"List{kind}Jobs": listed for kind in ("Training", "Processing", "Transform")}
    answers = {
        name: lambda params, kind=name: listed(params) | {f"{kind[4:-1]}Summaries": []} for name in nothing
    }
    answers["DescribeEndpoint"] = missing("endpoint")
    assert amazon(**answers).cost(MODEL).total == 0
