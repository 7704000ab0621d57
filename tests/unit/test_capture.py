"""Captured invocations become columns."""

import base64
import json
from datetime import UTC, datetime

import pytest

from sagewind import capture
from sagewind.capture import CaptureError
from sagewind.objects import Address


def line(sent, got, event="e1", encoding="CSV", **meta):
    side = {"observedContentType": "text/csv", "mode": "INPUT", "encoding": encoding}
    return json.dumps(
        {
            "captureData": {
                "endpointInput": side | {"data": sent},
                "endpointOutput": side | {"mode": "OUTPUT", "data": got},
            },
            "eventMetadata": {"eventId": event, "inferenceTime": "2026-01-02T03:04:05Z"} | meta,
            "eventVersion": "0",
        }
    )


def events(*lines):
    return list(capture.parse("\n".join(lines) + "\n", source="c.jsonl"))


@pytest.mark.parametrize(
    ("sent", "got", "encoding"),
    [
        ("1,2\n3,4\n", "a\nb\n", "CSV"),
        ("1,2\n3,4", "a,b", "CSV"),
        ("[[1, 2], [3, 4]]", '["a", "b"]', "JSON"),
        ('{"instances": [[1, 2], [3, 4]]}', '{"predictions": ["a", "b"]}', "JSON"),
        (base64.b64encode(b"1,2\n3,4").decode(), base64.b64encode(b"a\nb").decode(), "BASE64"),
    ],
)
def test_rows_and_predictions_are_read_in_every_encoding(sent, got, encoding):
    [event] = events(line(sent, got, encoding=encoding))
    assert event.inputs == (("1", "2"), ("3", "4"))
    assert event.outputs == ("a", "b")
    assert capture.columns([event], ["x", "y"], "p") == {"x": ["1", "3"], "y": ["2", "4"], "p": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "c.jsonl line 1: no captured invocation"),
        ("{}", "c.jsonl line 1: no captured invocation: KeyError"),
        (line("1,2\n3,4\n5,6", "a,b"), "3 rows were sent, 2 predictions came back"),
        (line("1", "2", encoding="XML"), "encoding is 'XML'; expected CSV, JSON or BASE64"),
        (line("%%%", "2", encoding="BASE64"), "no text in base64"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text, message):
    with pytest.raises(CaptureError, match=message):
        events(text)


def test_a_row_of_another_width_is_named():
    with pytest.raises(CaptureError, match=r"event e1: a row has 2 values; expected x"):
        capture.columns(events(line("1,2", "a")), ["x"], "p")


def test_hours_are_the_prefixes_of_an_interval():
    root = Address("b", "capture")
    start, end = datetime(2026, 1, 1, 22, 30, tzinfo=UTC), datetime(2026, 1, 2, 0, tzinfo=UTC)
    assert [str(each) for each in capture.prefixes(root, "iris", "AllTraffic", start, end)] == [
        "s3://b/capture/iris/AllTraffic/2026/01/01/22/",
        "s3://b/capture/iris/AllTraffic/2026/01/01/23/",
    ]
