"""A scored day is watched: its rows, predictions, what the endpoint was asked, and the truth that comes."""

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from sagewind import load, profile
from sagewind.steps import told, watch
from sagewind.steps.rows import RowsError
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError
from sagewind.testing.s3 import S3Twin

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "dags" / "models" / "diabetes.yaml"
MODEL = load.load(SPEC, environ={})
NAMES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
TABLE = list(csv.DictReader(io.StringIO((ROOT / "dags" / "data" / "diabetes.csv").read_text())))
BUCKET = "b"
EVALUATION = {"dataset": {"item_count": 1}, "regression_metrics": {"r2": {"value": 0.4}}}


class Day:
    """A day that was scored: its rows are the table's, and so are its predictions but for `error`."""

    def __init__(self, monkeypatch, **changed):
        self.s3 = S3Twin()
        self.account = Account()
        self.refused = False
        """Whether CloudWatch takes no metrics."""
        said = {name: dataclasses.replace(getattr(MODEL, name), **each) for name, each in changed.items()}
        model = dataclasses.replace(MODEL, **said)
        monkeypatch.setattr(load, "load", lambda _: model)
        columns = {name: [row[name] for row in TABLE] for name in NAMES}
        columns["prediction"] = [row["progression"] for row in TABLE]
        self.put("baseline.json", json.dumps(profile.to_statistics(profile.profile(columns))))
        self.put("evaluation.json", json.dumps(EVALUATION))

    def put(self, key, body):
        self.s3.put(BUCKET, key, body)

    def read(self, key):
        return json.loads(self.s3.body(BUCKET, key))

    def rows(self, day="2026-03-01", **moved):
        """Put a day's rows and scores, some columns moved by an amount."""
        add = moved.get("progression", 0)
        answers = "".join(f"{row['id']},{float(row['progression']) + add}\n" for row in TABLE)
        self.put(f"diabetes/scores/ds={day}/scores.csv", f"id,prediction\n{answers}")
        self.put(f"diabetes/scores/ds={day}/_SUCCESS", "{}")
        lines = [
            ",".join(str(float(row[n]) + moved.get(n, 0)) if row[n] else "" for n in NAMES) for row in TABLE
        ]
        self.put(f"diabetes/incoming/ds={day}/rows.csv", "\n".join([",".join(NAMES), *lines]))

    def truth(self, day="2026-03-01", error=0.0, rows=100):
        lines = [f"{row['id']},{float(row['progression']) + error}" for row in TABLE[:rows]]
        self.put(f"diabetes/truth/ds={day}/rows.csv", "\n".join(["id,progression", *lines]))

    def watched(self, day="2026-03-01", version=3):
        prepared = {
            "partition": {"root": f"s3://{BUCKET}/diabetes/scores", "ds": day, "features": list(NAMES)},
            "source": f"s3://{BUCKET}/diabetes/incoming/ds={day}/rows.csv",
            "statistics": f"s3://{BUCKET}/baseline.json",
            "evaluation": f"s3://{BUCKET}/evaluation.json",
            "version": version,
        }
        return watch.watch(SPEC, prepared=prepared, clients=self.clients)

    def clients(self, service):
        cloudwatch = {"PutMetricData": self.measured, "PutMetricAlarm": lambda _: {}}
        return self.s3.client() if service == "s3" else client(service, cloudwatch, self.account)

    def measured(self, _):
        if self.refused:
            raise AwsError("AccessDenied", "not today", 403)
        return {}

    def tells(self, day="2026-03-01", version=3):
        """Watch a day as its tasks do, up to the mark that is left when an event is out; return the news."""
        seen = self.watched(day, version)
        if seen["news"]:
            told.leave(SPEC, marks=seen["marks"], clients=self.clients)
        return seen["news"]

    def metrics(self):
        """Return the last metrics that CloudWatch was told."""
        data = self.account.called("PutMetricData")[-1]["MetricData"]
        assert {each["Dimensions"][0]["Value"] for each in data} == {"diabetes"}
        return {each["MetricName"]: each["Value"] for each in data}


@pytest.fixture
def day(monkeypatch):
    return Day(monkeypatch)


def test_a_day_like_the_training_data_is_quiet(day):
    day.rows()
    told = day.watched()
    assert (told["found"], told["drifted"], told["violations"], told["alarms"]) == (False, [], [], [])
    assert day.metrics() == {"DriftedColumns": 0.0, "QualityViolations": 0.0}


def test_moved_rows_and_moved_predictions_are_both_drift(day):
    day.rows(bmi=9, progression=120)
    told = day.watched()
    assert set(told["drifted"]) == {"bmi", "prediction"}
    assert told["news"]
    assert day.metrics()["DriftedColumns"] == 2.0
    report = day.read("diabetes/monitor/ds=2026-03-01/constraint_violations.json")
    assert {each["feature_name"] for each in report["violations"]} == {"bmi", "prediction"}


def test_drift_is_news_once_for_each_champion(day):
    for name in ("2026-03-01", "2026-03-02", "2026-03-06", "2026-03-08"):
        day.rows(name, bmi=9)
    day.rows("2026-03-07")
    assert day.tells("2026-03-01")
    assert not day.tells("2026-03-01")  # the day repeated
    assert not day.tells("2026-03-02")  # the day after
    assert not day.tells("2026-03-06")  # the next day that is scored
    assert not day.tells("2026-03-07")
    assert day.tells("2026-03-08")  # a quiet day was between
    assert day.tells("2026-03-02", version=4)  # another champion has not mended it
    assert not day.tells("2026-03-02", version=4)
    day.rows("2026-03-02", bmi=9, bp=40)
    assert day.tells("2026-03-02", version=4)  # another column, too


def test_drift_is_news_until_it_was_told(day):
    for name in ("2026-03-01", "2026-03-02"):
        day.rows(name, bmi=9)
    day.refused = True
    with pytest.raises(ClientError, match="not today"):
        day.watched("2026-03-01")
    day.refused = False
    assert day.watched("2026-03-01")["news"]  # the retry
    assert day.metrics()["DriftedColumns"] == 1.0
    assert day.watched("2026-03-02")["news"]  # nobody has raised an event
    assert day.tells("2026-03-01")
    assert not day.tells("2026-03-02")


def test_a_violation_is_news_until_it_was_told(day):
    for name in ("2026-03-01", "2026-03-02", "2026-03-03"):
        day.rows(name)
    day.truth("2026-03-01", error=300)
    day.refused = True
    with pytest.raises(ClientError, match="not today"):
        day.watched("2026-03-02")
    day.refused = False
    for name in ("2026-03-02", "2026-03-03"):  # the retry, and the day after
        seen = day.watched(name)
        assert (seen["found"], seen["news"], len(seen["violations"])) == (True, True, 2)
        assert day.metrics()["QualityViolations"] == 2.0
    assert day.tells("2026-03-02")
    for name in ("2026-03-02", "2026-03-03"):
        seen = day.watched(name)
        assert (seen["found"], seen["news"], seen["violations"]) == (False, False, [])
    day.truth("2026-03-01", error=400)  # corrected, and no better
    assert day.watched("2026-03-03")["news"]


def test_a_violation_that_is_told_takes_known_drift_for_no_news(day):
    for name in ("2026-03-01", "2026-03-02"):
        day.rows(name, bmi=9)
    assert day.tells("2026-03-01")
    day.truth("2026-03-01", error=300)
    seen = day.watched("2026-03-02")
    assert (seen["news"], seen["drifted"]) == (True, ["bmi"])
    assert list(seen["marks"]) == [f"s3://{BUCKET}/diabetes/monitor/ds=2026-03-01/quality_told.json"]


def test_quality_is_measured_when_the_truth_comes_and_once(day):
    for name in ("2026-03-01", "2026-03-02"):
        day.rows(name)
    day.truth("2026-03-01")
    day.truth("2026-03-05")  # of a day that is not scored, and later
    told = day.watched("2026-03-02")
    [measured] = told["measured"]
    assert (measured["day"], measured["rows"], measured["waiting"]) == ("2026-03-01", 100, 342)
    assert measured["metrics"]["r2"] == 1.0
    assert day.metrics()["rmse"] == 0.0
    before = len(day.s3.account.called("GetObject"))
    assert day.watched("2026-03-02")["measured"] == []  # known
    read = [each["Key"] for each in day.s3.account.called("GetObject")[before:]]
    assert not [key for key in read if "/truth/" in key or "ds=2026-03-01/scores" in key]
    day.truth("2026-03-01")  # the same once more
    day.rows("2026-03-01")
    assert day.watched("2026-03-02")["measured"] == []
    day.truth("2026-03-01", error=300)  # corrected
    told = day.watched("2026-03-02")
    assert told["violations"] == [
        f"2026-03-01: r2 {told['measured'][0]['metrics']['r2']:.4g} is below 0.25",
        "2026-03-01: rmse 300 is above 75",
    ]
    assert told["news"]
    assert day.metrics()["QualityViolations"] == 2.0


def test_too_few_truths_say_nothing(day):
    day.rows()
    day.truth(rows=5)
    [measured] = day.watched()["measured"]
    assert (measured["rows"], measured["metrics"]) == (5, {})


def test_a_truth_that_is_no_number_is_an_error(day):
    day.rows()
    day.put("diabetes/truth/ds=2026-03-01/rows.csv", "id,progression\n" + "p0000,high\n" + "".join(
        f"{row['id']},1\n" for row in TABLE[1:]
    ))  # fmt: skip
    said = r"truth/ds=2026-03-01/rows.csv: the progression of id 'p0000' is 'high'; a number is needed"
    with pytest.raises(RowsError, match=said):
        day.watched()


def test_a_truth_that_is_left_empty_has_yet_to_come(day):
    day.rows()
    lines = [f"{row['id']},{row['progression'] if number % 2 else ''}" for number, row in enumerate(TABLE)]
    day.put("diabetes/truth/ds=2026-03-01/rows.csv", "\n".join(["id,progression", *lines]))
    [measured] = day.watched()["measured"]
    assert (measured["rows"], measured["waiting"]) == (221, 221)
    assert measured["metrics"]["rmse"] == 0.0


def test_a_truth_of_other_rows_is_an_error(day):
    day.rows()
    day.put("diabetes/truth/ds=2026-03-01/rows.csv", "id,progression\nP-0001,12\n")
    said = "no row with its id was scored that day; it has 'P-0001', the scores 'p0000'"
    with pytest.raises(RowsError, match=said):
        day.watched()


def test_old_truth_is_left_alone(monkeypatch):
    day = Day(monkeypatch, monitor={"truth_days": 3})
    for name in ("2026-03-01", "2026-03-05"):
        day.rows(name)
    day.truth("2026-03-01")
    assert day.watched("2026-03-05")["measured"] == []


def test_a_model_that_asks_for_alarms_has_them(monkeypatch):
    day = Day(monkeypatch, monitor={"alarm": True, "alarm_actions": ("arn:aws:sns:us-east-1:1:t",)})
    day.rows()
    assert day.watched()["alarms"] == ["sagewind-diabetes-drift", "sagewind-diabetes-quality"]
    [first, _] = day.account.called("PutMetricAlarm")
    assert (first["MetricName"], first["AlarmActions"]) == ("DriftedColumns", ["arn:aws:sns:us-east-1:1:t"])


def test_what_the_endpoint_was_asked_is_watched(monkeypatch):
    day = Day(monkeypatch, endpoint={"capture_percent": 100})
    day.rows()
    assert not day.watched()["found"]
    side = {"observedContentType": "text/csv", "encoding": "CSV"}
    events = [
        {
            "captureData": {
                "endpointInput": side | {"data": ",".join([*(row[n] for n in NAMES[:-1]), "500"])},
                "endpointOutput": side | {"data": row["progression"]},
            },
            "eventMetadata": {"eventId": row["id"], "inferenceTime": "2026-03-01T07:00:00Z"},
        }
        for row in TABLE
    ]
    odd = json.loads(json.dumps(events[0]).replace("CSV", "JSON"))
    odd["captureData"]["endpointInput"]["data"] = '{"patient": "p0001"}'  # for an input_fn of the model's
    lines = [json.dumps(each) for each in (*events, odd)]
    day.put("diabetes/capture/diabetes/AllTraffic/2026/03/01/07/a.jsonl", "\n".join(lines))
    seen = day.watched()
    assert seen["drifted"] == ["s6"]
    [why] = seen["unread"]
    assert "a.jsonl line 443: " in why
    assert "an object with patient" in why
    report = day.read("diabetes/monitor/ds=2026-03-01/endpoint_drift.json")
    assert (report["rows"], report["unread"]) == (len(TABLE), 1)
