"""What an endpoint's answers prove, and what they do not."""

from __future__ import annotations

import io
import json

import pytest
from botocore.exceptions import ReadTimeoutError

from sagewind.jobs import probe
from sagewind.jobs.failures import Cause
from sagewind.jobs.golden import Golden
from sagewind.jobs.service import CallError
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError

GOLDENS = [Golden(body="1\n", expected=[1.0])]
THROTTLED = AwsError("ThrottlingException", "Rate exceeded")
UNAVAILABLE = AwsError("ServiceUnavailable", "Try your call again.", 503)


class Endpoint:
    """Answers the next of `answers` to each call, the last one for ever; pauses are written down."""

    def __init__(self, *answers, retries=()):
        self.answers = list(answers)
        self.retries = list(retries)
        self.account = Account()
        self.pauses = []

    def invoke(self, _):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        tried = self.retries.pop(0) if self.retries else 0
        body = io.BytesIO(json.dumps(answer).encode())
        told = {"HTTPStatusCode": 200, "RetryAttempts": tried}
        return {"Body": body, "ContentType": "application/json", "ResponseMetadata": told}

    def probe(self, latency=None, requests=3):
        runtime = client("sagemaker-runtime", {"InvokeEndpoint": self.invoke}, self.account)
        return probe.probe(
            runtime,
            "e",
            GOLDENS,
            tolerance=0.0,
            latency=latency,
            requests=requests,
            sleep=self.pauses.append,
        )


def test_right_answers_in_time_pass():
    endpoint = Endpoint([1.0])
    assert endpoint.probe(latency=60.0)["GoldenPredictions"] == 1
    assert len(endpoint.account.calls) == 4


@pytest.mark.parametrize("trouble", [THROTTLED, UNAVAILABLE])
def test_what_passes_is_waited_out(trouble):
    endpoint = Endpoint(trouble, trouble, [1.0])
    assert endpoint.probe()["GoldenPredictions"] == 1
    assert len(endpoint.pauses) == 2


PROOFS = [
    ([2.0], r"answer\[0\] is 2.0"),
    (AwsError("ModelError", "Received server error (500) from primary", 424), "Received server error"),
    (AwsError("ValidationError", "the variant is unknown"), "the variant is unknown"),
    (ReadTimeoutError(endpoint_url="http://127.0.0.1:9"), "Read timeout"),
    (UNAVAILABLE, "Try your call again"),
]


@pytest.mark.parametrize(("answer", "said"), PROOFS)
def test_what_speaks_against_the_model(answer, said):
    with pytest.raises(probe.ProbeError, match=said):
        Endpoint(answer).probe()


def test_a_model_that_takes_too_long_is_not_asked_again():
    endpoint = Endpoint(PROOFS[3][0])
    with pytest.raises(probe.ProbeError):
        endpoint.probe()
    assert len(endpoint.account.calls) == 1


NO_PROOFS = [
    (THROTTLED, Cause.THROTTLED),
    (AwsError("AccessDeniedException", "no identity-based policy allows it", 403), Cause.DENIED),
    (AwsError("ExpiredTokenException", "The security token is expired", 403), Cause.UNKNOWN),
]


@pytest.mark.parametrize(("answer", "cause"), NO_PROOFS)
def test_what_says_nothing_of_the_model_is_no_proof(answer, cause):
    with pytest.raises(CallError) as told:
        Endpoint(answer).probe()
    assert told.value.cause is cause


def test_an_answer_that_the_client_had_to_ask_for_twice_is_not_timed():
    endpoint = Endpoint([1.0], retries=[0, 1, 0, 0, 0])
    assert "LatencyP95Seconds" in endpoint.probe(latency=60.0)
    assert len(endpoint.account.calls) == 5


def test_where_no_answer_comes_at_once_there_is_no_time_to_judge_by():
    endpoint = Endpoint([1.0], retries=[1] * 100)
    with pytest.raises(CallError, match="0 of 3 answers came at the first call"):
        endpoint.probe(latency=60.0)
