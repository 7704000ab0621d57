"""Asking for held calls: of local services only, within the client's patience, and with pauses in between."""

import io

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from urllib3 import HTTPResponse

from sagewind.jobs import holding

LOCAL, AWS = "http://127.0.0.1:9", "https://api.sagemaker.us-east-1.amazonaws.com"


def client(endpoint, **config):
    return boto3.client(
        "sagemaker",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(**config),
    )


def sent(made):
    """Make a call that does not leave the process, and return the header that it was sent with."""
    seen = []

    def answer(request, **_):
        seen.append(request.headers.get(holding.HEADER))
        body = HTTPResponse(io.BytesIO(b'{"Models": []}'), preload_content=False)
        return AWSResponse(request.url, 200, {}, body)

    made.meta.events.register("before-send", answer)
    assert made.list_models()["Models"] == []
    made.meta.events.unregister("before-send", answer)
    (header,) = seen
    return header if header is None else header.decode()


@pytest.mark.parametrize(
    ("endpoint", "config", "seconds", "header", "patience"),
    [
        (LOCAL, {}, 3, "3.000", 3),
        (LOCAL, {}, 100, "20.000", 20),
        (LOCAL, {"read_timeout": 4}, 3, "2.000", 2),
        (LOCAL, {"read_timeout": None}, 100, "20.000", 20),
        (LOCAL, {}, 0, None, 0),
        (LOCAL, {}, -1, None, 0),
        (AWS, {}, 3, None, 0),
    ],
)
def test_a_local_service_is_asked_to_hold_a_call_and_aws_is_not(endpoint, config, seconds, header, patience):
    made = client(endpoint, **config)
    with holding.asking(made, seconds) as found:
        assert (sent(made), found) == (header, patience)
    assert sent(made) is None


def test_a_look_that_fails_leaves_no_header_behind():
    made = client(LOCAL)
    with pytest.raises(KeyError), holding.asking(made, 3):
        raise KeyError
    assert sent(made) is None


class Clock:
    """Time that passes only where it is spent."""

    def __init__(self):
        self.now, self.slept = 100.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(round(seconds, 6))
        self.now += seconds


def test_answers_that_are_held_are_not_paused_between():
    clock, asked = Clock(), []

    def look(seconds):
        asked.append(seconds)
        clock.now += 1.0
        return "over" if len(asked) == 3 else None

    assert holding.until(look, 5, sleep=clock.sleep, clock=clock) == "over"
    assert (asked, clock.slept) == ([5, 4, 3], [0, 0])


def test_answers_that_come_at_once_are_paused_between_until_the_time_is_over():
    clock, looks = Clock(), []
    assert holding.until(looks.append, 0.2, sleep=clock.sleep, clock=clock) is None
    assert clock.slept[:5] == [0.1, 0.02, 0.02, 0.02, 0.02]
    assert len(looks) == len(clock.slept)
    assert 0.2 <= clock.now - 100 < 0.25


def test_who_is_stopped_or_has_no_time_does_not_look():
    def look(_):
        raise AssertionError("it was looked")

    assert holding.until(look, 5, stopped=lambda: True) is None
    assert holding.until(look, 0) is None
