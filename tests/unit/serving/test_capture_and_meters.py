"""What is kept of invocations: lines of data capture, metrics for CloudWatch, messages of an event stream."""

import base64
import json

import pytest
from botocore.eventstream import EventStreamBuffer

from sagelocal.serving import capture, meters
from sagelocal.wire import eventstream

CONFIG = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://bucket/prefix/",
    "CaptureOptions": [{"CaptureMode": "Input"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}


@pytest.mark.parametrize(
    ("kind", "body", "data", "encoding"),
    [
        ("text/csv; charset=utf-8", b"1,2", "1,2", "CSV"),
        ("Application/JSON", b'{"a": 1}', '{"a": 1}', "JSON"),
        ("image/png", b"\x89", base64.b64encode(b"\x89").decode(), "BASE64"),
        ("text/csv", b"\xff", base64.b64encode(b"\xff").decode(), "BASE64"),  # no text after all
    ],
)
def test_a_body_is_written_as_its_type_says(kind, body, data, encoding):
    taken = capture.Capture("e", CONFIG)
    taken.note("v", {"ContentType": kind, "Body": body}, "text/csv", b"out")
    ((uri, lines),) = taken.files().items()
    event = json.loads(lines)
    assert uri.startswith("s3://bucket/prefix/e/v/20")
    assert event["captureData"] == {
        "endpointInput": {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}
    }
    assert taken.files() == {}


def test_nothing_is_sampled_at_zero_percent():
    taken = capture.Capture("e", CONFIG | {"InitialSamplingPercentage": 0})
    taken.note("v", {"Body": b"1"}, "", b"")
    assert taken.files() == {}


def test_what_cannot_be_written_is_written_later_and_what_does_not_fit_is_dropped(caplog):
    written, broken = {}, [True]

    def write(uri, data):
        if broken[0]:
            raise OSError("no S3")
        written[uri] = data

    captures = capture.Captures(write)
    captures.of("e", CONFIG).note("v", {"Body": b"1"}, "", b"")
    captures.tick()
    broken[0] = False
    captures.of("e", CONFIG | {"CaptureOptions": [{"CaptureMode": "Output"}]})  # another configuration
    captures.tick()
    assert [data.count(b"\n") for data in written.values()] == [1]
    assert "no S3" in caplog.text
    full = capture.Capture("full", CONFIG, most_bytes=4)
    for _ in range(3):
        full.note("v", {"Body": b"1,2,3"}, "", b"")
    assert sum(data.count(b"\n") for data in full.files().values()) == 1
    assert "2 captured records were dropped" in caplog.text


def test_samples_become_the_metrics_of_sagemaker():
    samples = [
        (0.25, 0.5, 200, 2),
        (0.25, 0.5, 415, 2),
        (0.5, 0.5, 500, 2),
    ]
    found = {each["MetricName"]: each for each in meters.data("e", "v", samples)}
    assert (found["ModelLatency"]["Values"], found["ModelLatency"]["Counts"]) == (
        [250000.0, 500000.0],
        [2.0, 1.0],
    )
    assert found["ModelLatency"]["Unit"] == "Microseconds"
    assert (found["Invocation4XXErrors"]["Values"], found["Invocation4XXErrors"]["Counts"]) == (
        [0.0, 1.0],
        [2.0, 1.0],
    )
    assert found["InvocationsPerInstance"]["Values"] == [0.5]
    assert found["Invocations"]["Dimensions"] == [
        {"Name": "EndpointName", "Value": "e"},
        {"Name": "VariantName", "Value": "v"},
    ]
    assert list(meters.data("e", "v", [])) == []


def test_many_different_values_are_told_to_two_digits_and_none_is_lost():
    parts = list(meters.histogram(float(value) for value in range(100, 100_000, 7)))
    assert all(len(part) <= meters.MOST_VALUES for part in parts)
    assert sum(count for part in parts for _, count in part) == len(range(100, 100_000, 7))


def test_botocore_reads_the_messages_of_an_event_stream():
    buffer = EventStreamBuffer()
    buffer.add_data(
        eventstream.event("PayloadPart", b"part") + eventstream.failure("ModelStreamError", {"Message": "m"})
    )
    event, failure = list(buffer)
    assert (event.headers[":event-type"], event.payload) == ("PayloadPart", b"part")
    assert (failure.headers[":message-type"], json.loads(failure.payload)) == ("exception", {"Message": "m"})
