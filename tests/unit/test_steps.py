"""The steps of a run around SageMaker's own: upload, verify, report, and a day's gather and settle."""

import datetime as dt
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from botocore.response import StreamingBody

from sagewind import daily, report, requests, upload, verify
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError
from sagewind.testing.s3 import S3Twin

SPEC = Path(__file__).parents[2] / "dags" / "models" / "iris.yaml"
BUCKET = "sagemaker-us-east-1-123456789012"
S3 = ("PutObject", "GetObject", "HeadObject", "DeleteObjects")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def missing_bucket(_):
    raise AwsError("404", "Not Found", 404)


@dataclass
class Cloud:
    """The services of one test; a test gives or replaces answers at any time."""

    account: Account = field(default_factory=Account)
    s3: S3Twin = field(default_factory=S3Twin)
    answers: dict = field(default_factory=dict)
    clients: dict = field(default_factory=dict)

    def __call__(self, service):
        if service not in self.clients:
            self.clients[service] = client(service, self, self.account)
        return self.clients[service]

    def _all(self):
        who = {"Account": self.account.number, "Arn": "arn:aws:sts::123456789012:assumed-role/R/me"}
        s3 = {name: getattr(self.s3, f"_{name}") for name in S3}
        return {"GetCallerIdentity": lambda _: who, "HeadBucket": lambda _: {}} | s3 | self.answers

    def __getitem__(self, operation):
        return self._all()[operation]

    def __iter__(self):
        return iter(self._all())


@pytest.fixture
def cloud():
    return Cloud()


def uploaded(cloud, data=""):
    return upload.upload(SPEC, data=data, run_name="run-1", clients=cloud)


def test_upload_tells_what_the_run_needs(cloud):
    told = uploaded(cloud)
    assert told["role"] == "arn:aws:iam::123456789012:role/SageMakerRole"
    assert told["image"].endswith("/sagemaker-scikit-learn:1.9-0-cpu-py3")
    assert told["rows"] == 150
    assert told["scores"] == f"s3://{BUCKET}/iris/runs/run-1/scores"
    for uri in (told["code"], told["table"], told["features"]):
        assert (BUCKET, uri.removeprefix(f"s3://{BUCKET}/")) in cloud.s3.objects
    assert told["table"].startswith(told["train"])


def test_what_is_there_is_not_uploaded_again(cloud):
    first = uploaded(cloud)
    puts = len(cloud.account.called("PutObject"))
    assert {**uploaded(cloud), "seconds": 0} == {**first, "seconds": 0}
    assert len(cloud.account.called("PutObject")) == puts == 3


def test_another_table_has_another_address(cloud):
    cloud.s3.put("mine", "irises.csv", "A,B,Species\n1,2,x\n3,4,y\n")
    told = uploaded(cloud, "s3://mine/irises.csv")
    assert told["rows"] == 2
    assert told["table"].endswith("/iris.csv")  # what train.py opens, whatever it was called
    assert told["data_hash"] != uploaded(cloud)["data_hash"]


def test_the_bucket_is_made_when_there_is_none(cloud):
    cloud.answers = {"HeadBucket": missing_bucket, "CreateBucket": lambda _: {}}
    uploaded(cloud)
    assert [call["Bucket"] for call in cloud.account.called("CreateBucket")] == [BUCKET]


def answer(body):
    return lambda _: {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "application/json"}


def endpoint(live="config-1", status="InService", made=START, **more):
    """Answers of an endpoint that serves the config `live`, made at `made`; config-1 was made at START."""
    times = {"config-1": START, live: made}
    return {
        "DescribeEndpoint": lambda _: {"EndpointStatus": status, "EndpointConfigName": live, **more},
        "DescribeEndpointConfig": lambda p: {"CreationTime": times[p["EndpointConfigName"]]},
        "DescribeModel": lambda p: {"ModelArn": f"arn:aws:sagemaker:us-east-1:1:model/{p['ModelName']}"},
        "AddTags": lambda _: {"Tags": []},
        "InvokeEndpoint": answer(b'["setosa","setosa","versicolor","virginica","virginica"]'),
    }


def verified(cloud, **changed):
    cloud.answers = endpoint() | changed
    told = uploaded(cloud)
    return verify.verify(
        SPEC, endpoint="iris", endpoint_config="config-1", model_name="m", data=told["table"], clients=cloud
    )


def test_a_live_endpoint_is_verified_and_its_model_tagged(cloud):
    told = verified(cloud)
    assert [each["truth"] for each in told["predictions"]] == [
        "setosa", "setosa", "versicolor", "virginica", "virginica",
    ]  # fmt: skip
    assert told["columns"] == ["SepalLength", "SepalWidth", "PetalLength", "PetalWidth"]
    assert told["predictions"][0]["features"] == ["5.7", "4.4", "1.5", "0.4"]
    tags = cloud.account.called("AddTags")[0]["Tags"]
    assert [tag["Key"] for tag in tags] == [requests.VERIFIED_TAG]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (endpoint(status="Failed", FailureReason="no model_fn"), "is Failed, not InService: no model_fn"),
        # the update was rolled back: an older config serves
        (endpoint(live="config-0", made=START - dt.timedelta(1)), "serves config-0, not config-1"),
        ({"InvokeEndpoint": answer(b"[1]")}, "a list of 5 is needed"),
        ({"InvokeEndpoint": answer(b"oops")}, "answers no JSON"),
        (
            {"InvokeEndpoint": answer(b'["rose","rose","rose","rose","rose"]')},
            "predicts 'rose'; the data has",
        ),
    ],
)
def test_an_endpoint_that_is_not_right_is_red(cloud, changed, words):
    with pytest.raises(verify.VerifyError) as caught:
        verified(cloud, **changed)
    assert words in str(caught.value)
    assert not cloud.account.called("AddTags")


def test_a_later_runs_config_is_no_rollback(cloud):
    told = verified(cloud, **endpoint(live="config-2", made=START + dt.timedelta(1)))
    assert told["endpoint_config"] == "config-2"
    assert not cloud.account.called("AddTags")  # the predictions were another model's


def jobs(metrics=({"MetricName": "accuracy", "Value": 0.973700},)):
    source = {"S3DataSource": {"S3Uri": f"s3://{BUCKET}/iris/data/x/features/features.csv"}}
    names = ["n-estimators", "min-samples-leaf", "random-state", "target"]
    return {
        "DescribeTrainingJob": lambda p: {
            "TrainingJobName": p["TrainingJobName"],
            "FinalMetricDataList": list(metrics),
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
            "HyperParameters": dict.fromkeys(names, "1")
            | {"sagemaker_program": "train.py", "hf-token": "abcdefgh"},
            "CreationTime": START,
            "TrainingEndTime": START + dt.timedelta(seconds=7.5),
        },
        "DescribeTransformJob": lambda _: {
            "TransformInput": {"DataSource": source},
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/scores/"},
            "CreationTime": START,
            "TransformEndTime": START + dt.timedelta(seconds=3),
        },
    }


def reported(cloud, rows_out=150, **changed):
    told = verified(cloud)
    cloud.s3.put(BUCKET, "scores/features.csv.out", "1,2,3,4,setosa\n" * rows_out)
    cloud.answers = jobs() | changed
    return report.report(
        SPEC, training_job="t", transform_job="b", uploaded=uploaded(cloud), verified=told, clients=cloud
    )


def test_the_report_is_plain_json(cloud):
    told = reported(cloud)
    assert json.loads(json.dumps(told)) == told
    assert told["accuracy"] == 0.9737
    assert told["scores_uri"] == f"s3://{BUCKET}/scores/features.csv.out"
    assert told["rows_in"] == told["rows_out"] == 150
    assert told["durations"]["train"] == 7.5
    assert "sagemaker_program" not in told["hyperparameters"]
    assert told["hyperparameters"]["hf-token"] == "***"  # it goes to XCom


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"rows_out": 149}, "has 149 rows"),
        (jobs(metrics=()), "reported no metric 'accuracy' (reported: none)"),
        (jobs(metrics=({"MetricName": "acc", "Value": 1.0},)), "(reported: acc)"),
    ],
)
def test_a_report_that_does_not_add_up_is_red(cloud, changed, words):
    with pytest.raises(report.ReportError) as caught:
        reported(cloud, **changed)
    assert words in str(caught.value)


def models(*tagged):
    """ListModels' answer: the newest first, each with its tags."""
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/{}"
    rows = [{"ModelName": n, "ModelArn": arn.format(n), "CreationTime": START} for n, _ in tagged]
    tags = {arn.format(n): [{"Key": k, "Value": v} for k, v in t.items()] for n, t in tagged}
    return {"ListModels": lambda _: {"Models": rows}, "ListTags": lambda p: {"Tags": tags[p["ResourceArn"]]}}


GOOD = {requests.MODEL_TAG: "iris", requests.VERIFIED_TAG: "2026-01-01"}


def gathered(cloud, sample_rows=30, day="2026-01-05"):
    cloud.answers = cloud.answers or models(
        ("iris-model-2", {requests.MODEL_TAG: "iris"}), ("iris-model-1", GOOD)
    )
    return daily.gather(SPEC, day=day, sample_rows=sample_rows, clients=cloud)


def test_a_day_is_gathered_for_the_newest_verified_model(cloud):
    told = gathered(cloud)
    assert told["model_name"] == "iris-model-1"
    assert told["data"] == f"s3://{BUCKET}/iris/incoming/ds=2026-01-05/rows.csv"
    assert told["output"] == f"s3://{BUCKET}/iris/scores/ds=2026-01-05"
    assert told["rows"] == 30


def test_a_repeated_day_has_the_same_rows_and_another_day_others(cloud):
    keys = []
    for day in ("2026-01-05", "2026-01-06", "2026-01-05"):
        told = gathered(cloud, day=day)
        keys.append(cloud.s3.body(BUCKET, told["data"].removeprefix(f"s3://{BUCKET}/")))
    assert keys[0] == keys[2] != keys[1]


def test_rows_that_arrived_are_the_days_rows(cloud):
    cloud.s3.put(BUCKET, "iris/incoming/ds=2026-01-05/rows.csv", "1,2,3,4\n5,6,7,8\n")
    assert gathered(cloud, sample_rows=0)["rows"] == 2


@pytest.mark.parametrize(
    ("arrived", "words"),
    [
        (None, "no rows have arrived for 2026-01-05"),
        ("1,2,3,4\n1,2,3\n", "row 2 has 3 values; 4 are needed: SepalLength"),
        ("1,2,3,4\n1,2,x,nan\n", "row 2: PetalLength is 'x'; a number is needed; row 2: PetalWidth is 'nan'"),
        ("1,2,3\n" * 9, "; and 4 more"),
        (b"1,2,3,\xff\n", "is no UTF-8 text: invalid start byte at byte 6"),
        ("\n", "is empty"),
    ],
)
def test_a_day_without_good_rows_is_red_before_any_job(cloud, arrived, words):
    if arrived is not None:
        cloud.s3.put(BUCKET, "iris/incoming/ds=2026-01-05/rows.csv", arrived)
    with pytest.raises(daily.DayError) as caught:
        gathered(cloud, sample_rows=0)
    assert words in str(caught.value)


def test_no_verified_model_says_what_to_do(cloud):
    cloud.answers = models(("iris-model-2", {requests.MODEL_TAG: "iris"}))
    with pytest.raises(daily.NoModelError, match="run the DAG 'iris' to its end first"):
        gathered(cloud)


def test_a_day_is_done_only_when_every_row_has_a_score(cloud):
    told = gathered(cloud)
    success = "iris/scores/ds=2026-01-05/_SUCCESS"
    cloud.s3.put(BUCKET, "iris/scores/ds=2026-01-05/rows.csv.out", "1,2,3,4,x\n" * 29)
    with pytest.raises(daily.DayError, match="has 29 rows"):
        daily.settle(told, transform_job="b", clients=cloud)
    assert (BUCKET, success) not in cloud.s3.objects
    cloud.s3.put(BUCKET, "iris/scores/ds=2026-01-05/rows.csv.out", "1,2,3,4,x\n" * 30)
    assert daily.settle(told, transform_job="b", clients=cloud)["rows_out"] == 30
    assert json.loads(cloud.s3.body(BUCKET, success))["model"] == "iris-model-1"
    settled = cloud.s3.body(BUCKET, success)
    assert gathered(cloud)["done"]  # the same rows and model: nothing to do
    assert cloud.s3.body(BUCKET, success) == settled
    cloud.s3.put(BUCKET, "iris/incoming/ds=2026-01-05/rows.csv", "1,2,3,4\n")
    assert not gathered(cloud)["done"]  # other rows: not done until it is settled again
    assert (BUCKET, success) not in cloud.s3.objects
