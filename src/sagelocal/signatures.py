"""Signatures of AWS (SigV4), checked against fixed credentials by botocore's own signer.

Only a service with `SAGELOCAL_CREDENTIALS` checks them; without, any signature will do, as for any emulator.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from sagelocal.errors import IncompleteSignature, InvalidClientTokenId, SignatureDoesNotMatch

if TYPE_CHECKING:
    from sagelocal.wire.message import Request

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = dt.timedelta(minutes=15)
"""How far the clocks of client and service may be apart, as on AWS."""
_HEADER = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^/,\s]+)/(?P<day>\d{{8}})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request"
    r",\s*SignedHeaders=(?P<headers>[a-z0-9;_-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_TIME = "%Y%m%dT%H%M%SZ"


class Verifier:
    """Checks requests against one pair of an access key and its secret."""

    def __init__(self, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret

    def verify(self, request: Request, body: bytes) -> None:
        """Let a request pass that is signed, now, with the configured credentials.

        Raises:
            IncompleteSignature: the header `Authorization` or `X-Amz-Date` is not whole.
            InvalidClientTokenId: the access key is another, or there is a session token.
            SignatureDoesNotMatch: the secret, the signed content or the time is another.

        """
        found = _HEADER.fullmatch(request.headers.get("authorization", ""))
        if found is None:
            raise IncompleteSignature(f"the Authorization header is no whole {ALGORITHM} signature")
        if found["key"] != self._key or "x-amz-security-token" in request.headers:
            raise InvalidClientTokenId("The security token included in the request is invalid.")
        signed = found["headers"].split(";")
        _check_signed(signed, request)
        stamp = _time(request, found["day"])
        given = request.headers.get("x-amz-content-sha256")
        if given is not None and given != hashlib.sha256(body).hexdigest():
            raise SignatureDoesNotMatch("X-Amz-Content-SHA256 is not the SHA-256 of the body")
        if not hmac.compare_digest(self._signature(request, body, found, stamp), found["signature"]):
            raise SignatureDoesNotMatch(
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method."
            )

    def _signature(self, request: Request, body: bytes, found: re.Match[str], stamp: str) -> str:
        from botocore.auth import SigV4Auth  # noqa: PLC0415  (only where credentials are fixed)
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials  # noqa: PLC0415

        query = f"?{request.query}" if request.query else ""
        again = AWSRequest(
            method=request.method,
            url=f"http://{request.headers['host']}{request.path}{query}",
            headers={name: request.headers.get(name, "") for name in found["headers"].split(";")},
            data=body,
        )
        again.context["timestamp"] = stamp
        signer = SigV4Auth(Credentials(self._key, self._secret), found["service"], found["region"])
        text = signer.string_to_sign(again, signer.canonical_request(again))
        signature: str = signer.signature(text, again)
        return signature


def _check_signed(signed: list[str], request: Request) -> None:
    needed = {"host", "x-amz-date"} | ({"x-amz-target"} & set(request.headers))
    missing = sorted(needed - set(signed))
    if missing:
        raise IncompleteSignature(f"the header {missing[0]!r} is not among the signed ones")


def _time(request: Request, day: str) -> str:
    stamp = request.headers.get("x-amz-date", "")
    try:
        moment = dt.datetime.strptime(stamp, _TIME).replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise IncompleteSignature(f"X-Amz-Date is {stamp!r}; its form is YYYYMMDD'T'HHMMSS'Z'") from error
    now = dt.datetime.now(dt.UTC)
    if abs(now - moment) > SKEW or not stamp.startswith(day):
        raise SignatureDoesNotMatch(
            f"Signature expired: {stamp} is not within 15 minutes of {now.strftime(_TIME)}"
        )
    return stamp
