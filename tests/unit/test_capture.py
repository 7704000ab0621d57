"""Captured invocations become columns."""

import base64
import json
from datetime import UTC, datetime

import pytest

from sagewind import capture
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


def read(*lines, features=("x", "y")):
    return capture.read([("c.jsonl", "\n".join(lines) + "\n")], features, "p")


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
    found = read(line(sent, got, encoding=encoding))
    assert found.columns == {"x": ["1", "3"], "y": ["2", "4"], "p": ["a", "b"]}
    assert found.unread == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "c.jsonl line 1: no captured invocation"),
        ("{}", "c.jsonl line 1: no captured invocation: KeyError"),
        (line("1,2\n3,4\n5,6", "a,b"), "3 rows were sent, 2 predictions came back"),
        (line("1", "2", encoding="XML"), "encoding is 'XML'; expected CSV, JSON or BASE64"),
        (line("%%%", "2", encoding="BASE64"), "no text in base64"),
        (
            line('{"text": "hello"}', '["a"]', encoding="JSON"),
            "an object with text; known are instances, pred",
        ),
        (line("1,2,3", "a"), "c.jsonl line 1: a row has 3 values; expected x, y"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_there(text, message):
    found = read(text, line("1,2", "a"))
    assert found.columns == {"x": ["1"], "y": ["2"], "p": ["a"]}
    [why] = found.unread
    assert message in why


def test_hours_are_the_prefixes_of_an_interval():
    root = Address("b", "capture")
    start, end = datetime(2026, 1, 1, 22, 30, tzinfo=UTC), datetime(2026, 1, 2, 0, tzinfo=UTC)
    assert [str(each) for each in capture.prefixes(root, "iris", "AllTraffic", start, end)] == [
        "s3://b/capture/iris/AllTraffic/2026/01/01/22/",
        "s3://b/capture/iris/AllTraffic/2026/01/01/23/",
    ]
