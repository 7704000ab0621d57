"""Metric definitions find their numbers in log lines, and say what they could not use."""

import threading

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sagelocal.jobs import metrics
from sagelocal.jobs.plan import Metric


def scan(regex, *lines):
    said = []
    scanner = metrics.Scanner([Metric(name="m", regex=regex)], said.append)
    values = [value.value for at, line in enumerate(lines) for value in scanner.scan(line, float(at))]
    scanner.tell_unmatched()
    return values, scanner.final(), said


@pytest.mark.parametrize(
    ("regex", "lines", "values"),
    [
        ("Accuracy=(.*)", ["Accuracy=0.9"], [0.9]),
        ("acc: ([0-9.]+)", ["acc: 0.1 then acc: 0.2"], [0.1, 0.2]),  # twice in one line
        (r"loss=(\S+)", ["loss=1e-3", "other", "loss=-2"], [0.001, -2]),
        ("[0-9]+", ["epoch 7"], [7]),  # no group: the whole match
        ("a=(.*?);", ["a= 5 ;"], [5]),  # spaces around a number are no harm
    ],
)
def test_values_are_found(regex, lines, values):
    found, final, said = scan(regex, *lines)
    assert found == values
    assert final[-1]["Value"] == values[-1]
    assert said == []


def test_the_last_value_is_the_final_one_with_its_time():
    _, final, _ = scan("a=(.*)", "a=1", "a=2", "b")
    assert final == [{"MetricName": "m", "Value": 2.0, "Timestamp": 1.0}]


@pytest.mark.parametrize("text", ["0.9 after 3 epochs", "", "nan", "inf", "high"])
def test_a_match_that_is_no_finite_number_is_left_out_and_told_once(text):
    found, final, said = scan("a=(.*)", f"a={text}", f"a={text}")
    assert (found, final) == ([], [])
    assert len(said) == 2  # the match, and that there is no value
    assert "no number" in said[0]
    assert "got no value" in said[1]


def test_a_broken_regex_is_told_and_harms_nothing():
    found, _, said = scan("a=(", "a=1")
    assert found == []
    assert "no regex" in said[0]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_survives(number):
    found, _, _ = scan("value: (.*)", f"value: {number!r}")
    assert found == [number]


class Cloud:
    def __init__(self):
        self.data = []

    def put_metric_data(self, *, Namespace, MetricData):  # noqa: N803  (as boto3 has it)
        assert Namespace == "/aws/sagemaker/TrainingJobs"
        self.data += MetricData


def test_values_go_to_cloudwatch_with_the_jobs_name():
    cloud = Cloud()
    sink = metrics.CloudWatchMetrics("job", connect=lambda: cloud)
    values = [metrics.Value(name="m", value=float(n), at=1.0) for n in range(1200)]
    sink.put(values)
    assert sink.close() == ""
    assert [datum["Value"] for datum in cloud.data] == [float(n) for n in range(1200)]
    assert cloud.data[0]["Dimensions"] == [{"Name": "TrainingJobName", "Value": "job"}]


def test_what_cloudwatch_refuses_is_told_and_fails_nothing():
    class Refusing(Cloud):
        def put_metric_data(self, *, MetricData, **_):  # noqa: N803  (as boto3 has it)
            if MetricData[0]["Value"] == 1.0:
                answer = {
                    "Error": {"Code": "InvalidParameterValue"},
                    "ResponseMetadata": {"HTTPStatusCode": 400},
                }
                raise ClientError(answer, "PutMetricData")
            self.data += MetricData

    cloud = Refusing()
    sink = metrics.CloudWatchMetrics("job", connect=lambda: cloud)
    sink.put([metrics.Value(name="m", value=1.0, at=1.0)] * metrics.BATCH)
    sink.put([metrics.Value(name="m", value=2.0, at=1.0)])
    assert sink.close().startswith("500 values: ClientError: An error occurred (InvalidParameterValue)")
    assert [datum["Value"] for datum in cloud.data] == [2.0]


def test_values_wait_for_a_cloudwatch_that_does_not_answer():
    attempts = iter([ConnectionError("nobody there"), None])
    cloud = Cloud()

    def connect():
        if error := next(attempts):
            raise error
        return cloud

    sink = metrics.CloudWatchMetrics("job", connect=connect)
    sink.put([metrics.Value(name="m", value=1.0, at=1.0)])
    assert sink.close() == ""
    assert len(cloud.data) == 1


def test_values_that_never_arrive_are_counted():
    def refuse():
        raise ConnectionError("nobody there")

    sink = metrics.CloudWatchMetrics("job", connect=refuse)
    sink.put([metrics.Value(name="m", value=1.0, at=1.0)])
    assert sink.close(within=0.1) == "1 values: ConnectionError: nobody there"


def test_of_more_values_than_are_kept_the_newest_arrive_and_the_others_are_counted():
    answers, failed = threading.Event(), threading.Event()
    cloud = Cloud()

    def connect():
        if not answers.is_set():
            failed.set()
            raise ConnectionError("nobody there")
        return cloud

    sink = metrics.CloudWatchMetrics("job", connect=connect, most=3)
    sink.put([metrics.Value(name="m", value=-1.0, at=1.0)])
    failed.wait()
    sink.put([metrics.Value(name="m", value=float(n), at=1.0) for n in range(10)])
    answers.set()
    assert sink.close() == "7 values: ConnectionError: nobody there"
    assert [datum["Value"] for datum in cloud.data] == [-1.0, 7.0, 8.0, 9.0]


def test_values_that_a_burst_leaves_no_room_for_are_counted():
    cloud = Cloud()
    sink = metrics.CloudWatchMetrics("job", connect=lambda: cloud, most=3)
    sink.put([metrics.Value(name="m", value=float(n), at=1.0) for n in range(4)])
    assert sink.close() == "1 values: more waited for CloudWatch than are kept"
