"""Fixed credentials: what botocore signs with them is let in, and nothing else."""

import dataclasses
import datetime as dt
import hashlib

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagelocal.errors import IncompleteSignature, InvalidClientTokenId, SignatureDoesNotMatch
from sagelocal.signatures import Verifier
from sagelocal.wire.message import Request

VERIFIER = Verifier("AKIALOCAL", "a/secret+of=mine")
BODY = b'{"ModelName": "m"}'


def signed(*, key="AKIALOCAL", secret="a/secret+of=mine", token=None, path="/", query="", headers=()):
    url = f"http://localhost:8088{path}" + (f"?{query}" if query else "")
    made = AWSRequest("POST", url, {"X-Amz-Target": "SageMaker.DescribeModel", **dict(headers)}, BODY)
    SigV4Auth(Credentials(key, secret, token), "sagemaker", "us-east-1").add_auth(made)
    lowered = {name.lower(): value for name, value in made.headers.items()}
    return Request(
        method="POST", path=path, query=query, headers={"host": "localhost:8088", **lowered, "accept": "*/*"}
    )


def changed(request, **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return dataclasses.replace(request, headers={**request.headers, **given})


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"path": "/endpoints/a%20b/invocations"},  # encoded twice in what is signed
        {"query": "b=2&a=1"},
        {"headers": {"X-Amz-Content-SHA256": hashlib.sha256(BODY).hexdigest()}},
        {"headers": {"X-Amzn-SageMaker-Custom-Attributes": "two  spaces"}},
    ],
)
def test_what_is_signed_with_the_credentials_passes(how):
    VERIFIER.verify(signed(**how), BODY)


@pytest.mark.parametrize("how", [{"key": "AKIAOTHER"}, {"token": "a-session"}])
def test_other_keys_and_sessions_are_not_known(how):
    with pytest.raises(InvalidClientTokenId, match="security token"):
        VERIFIER.verify(signed(**how), BODY)


def test_another_secret_or_body_or_header_does_not_match():
    good = signed()
    for request, body in (
        (signed(secret="another-secret"), BODY),
        (good, BODY + b" "),
        (changed(good, x_amz_target="SageMaker.DeleteModel"), BODY),
        (dataclasses.replace(good, query="a=1"), BODY),
        (signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}), BODY),
    ):
        with pytest.raises(SignatureDoesNotMatch):
            VERIFIER.verify(request, body)


def test_an_old_signature_has_expired():
    past = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=16)
    stamp = past.strftime("%Y%m%dT%H%M%SZ")
    request = signed()
    authorization = request.headers["authorization"].replace(request.headers["x-amz-date"][:8], stamp[:8])
    with pytest.raises(SignatureDoesNotMatch, match="expired"):
        VERIFIER.verify(changed(request, x_amz_date=stamp, authorization=authorization), BODY)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "AWS4-HMAC-SHA256 Credential=a/…"},
        {"x_amz_date": "today"},
    ],
)
def test_half_a_signature_is_told_as_such(headers):
    with pytest.raises(IncompleteSignature):
        VERIFIER.verify(changed(signed(), **headers), BODY)


def test_a_target_that_is_not_signed_is_refused():
    request = signed()
    shorter = request.headers["authorization"].replace(";x-amz-target", "")
    with pytest.raises(IncompleteSignature, match="x-amz-target"):
        VERIFIER.verify(changed(request, authorization=shorter), BODY)
