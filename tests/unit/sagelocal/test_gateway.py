"""The door: who is let in, and that every answer is one of AWS's shape. Through ASGI, without a socket."""

import asyncio
import json

import pytest

from sagelocal import gateway as gateways
from sagelocal.errors import ResourceInUse
from sagelocal.gateway import Gateway
from sagelocal.wire import model
from sagelocal.wire.dispatch import Dispatch, operation
from sagelocal.wire.message import Call

SIGNED = {"host": "localhost:8088", "authorization": "AWS4-HMAC-SHA256 Credential=a/…"}
DESCRIBE = {**SIGNED, "x-amz-target": "SageMaker.DescribeModel"}


class Handlers:
    @operation("DescribeModel", quick=True)
    def describe(self, call):
        name = call.parameters["ModelName"]
        if name == "broken":
            raise RuntimeError("a secret detail")
        if name == "used":
            raise ResourceInUse("It is in use")
        return {"ModelName": name, "CreationTime": 1.5}

    @operation("ListModels")
    def list(self, _call):
        return {"Models": []}

    @operation("InvokeEndpoint")
    async def invoke(self, call):
        return {"Body": b"<" + call.parameters["Body"] + b">", "ContentType": "text/csv"}

    @operation("InvokeEndpointWithResponseStream")
    async def stream(self, call):
        return {"Body": parts(int(call.parameters["Body"]))}


ENDED = []


async def parts(count):
    """Make parts, and note how many were made when it ended."""
    made = 0
    try:
        while made < count:
            made += 1
            yield b"part"
            await asyncio.sleep(0)
    finally:
        ENDED.append(made)


def refuse(call: Call):
    raise ResourceInUse(f"no {call.operation}")


@pytest.fixture(scope="module")
def door():
    services = model.load(["sagemaker", "sagemaker-runtime"])
    return Gateway(services=services, dispatch=Dispatch([Handlers()], refuse), hosts=frozenset({"sagelocal"}))


def ask(door, *, method="POST", path="/", headers=SIGNED, chunks=(b"",)):
    scope = {
        "type": "http",
        "method": method,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    events = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    events[-1]["more_body"] = False
    sent = []

    async def receive():
        return events.pop(0)

    async def send(event):
        sent.append(event)

    asyncio.run(door(scope, receive, send))
    body = b"".join(event.get("body", b"") for event in sent[1:])
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, body


def error(answer):
    status, headers, body = answer
    told = json.loads(body)
    assert headers["x-amzn-errortype"] == told["__type"]
    assert headers["x-amzn-requestid"]
    return status, told["__type"], told["message"]


def test_a_request_is_answered(door):
    status, headers, body = ask(door, headers=DESCRIBE, chunks=(b'{"Model', b'Name": "m"}'))
    assert status == 200
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert json.loads(body) == {"ModelName": "m", "CreationTime": 1.5}


def test_a_rest_request_is_answered(door):
    headers = SIGNED | {"content-type": "text/csv"}
    status, headers, body = ask(door, path="/endpoints/e/invocations", headers=headers, chunks=(b"1,2",))
    assert (status, headers["content-type"], body) == (200, "text/csv", b"<1,2>")


def test_health_needs_no_signature(door):
    status, _, body = ask(door, method="GET", path="/_sagelocal/health", headers={"host": "127.0.0.1:1"})
    assert status == 200
    assert json.loads(body)["status"] == "ok"


REFUSED = [
    # A page whose own name was made to point at loopback.
    ({"host": "evil.example"}, 403, "AccessDeniedException", "Host 'evil.example'"),
    ({"host": "localhost.evil.example:8088"}, 403, "AccessDeniedException", "Host"),
    ({"host": "192.168.1.5"}, 403, "AccessDeniedException", "Host"),
    ({"host": ""}, 403, "AccessDeniedException", "Host"),
    # A page that calls loopback by its name.
    ({"origin": "https://evil.example"}, 403, "AccessDeniedException", "Origin 'https://evil.example'"),
    ({"origin": "null"}, 403, "AccessDeniedException", "Origin 'null'"),
    ({"sec-fetch-site": "cross-site"}, 403, "AccessDeniedException", "Sec-Fetch-Site 'cross-site'"),
    ({"sec-fetch-site": "same-site"}, 403, "AccessDeniedException", "Sec-Fetch-Site"),
    # No signature, or one of another kind.
    ({"authorization": ""}, 403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    ({"authorization": "Basic YTpi"}, 403, "MissingAuthenticationTokenException", "Missing"),
    # What the model does not have.
    ({"x-amz-target": "SageMaker.Fly"}, 404, "UnknownOperationException", "target 'SageMaker.Fly'"),
    ({"x-amz-target": "S3.DescribeModel"}, 404, "UnknownOperationException", "target"),
    # Too much.
    ({"content-length": "99999999999"}, 413, "RequestEntityTooLargeException", "99999999999 bytes"),
    ({"content-length": "-1"}, 413, "RequestEntityTooLargeException", "-1 bytes"),
]


@pytest.mark.parametrize(("changed", "status", "code", "words"), REFUSED)
def test_what_is_refused(door, changed, status, code, words):
    found = error(ask(door, headers=DESCRIBE | changed, chunks=(b'{"ModelName": "m"}',)))
    assert found[:2] == (status, code)
    assert words in found[2]


@pytest.mark.parametrize("host", ["localhost", "a.localhost:80", "127.0.0.9:1", "[::1]:80", "SAGELOCAL:8088"])
def test_names_of_this_machine_and_configured_ones_are_let_in(door, host):
    assert ask(door, headers=DESCRIBE | {"host": host}, chunks=(b'{"ModelName": "m"}',))[0] == 200


def test_a_path_that_is_no_operation(door):
    assert error(ask(door, path="/else"))[:2] == (404, "UnknownOperationException")


def test_a_long_body_without_a_length_is_refused(door, monkeypatch):
    monkeypatch.setattr(gateways, "LONGEST_BODY", 10)
    found = error(ask(door, headers=DESCRIBE, chunks=(b"x" * 6, b"x" * 6, b"x" * 6)))
    assert found[:2] == (413, "RequestEntityTooLargeException")


def test_a_handlers_error_keeps_its_shape(door):
    found = error(ask(door, headers=DESCRIBE, chunks=(b'{"ModelName": "used"}',)))
    assert found == (400, "ResourceInUse", "It is in use")


def test_what_nobody_foresaw_is_an_internal_failure_without_details(door, caplog):
    status, code, words = error(ask(door, headers=DESCRIBE, chunks=(b'{"ModelName": "broken"}',)))
    assert (status, code) == (500, "InternalFailure")
    assert "secret" not in words
    assert "a secret detail" in caplog.text


def test_an_operation_without_a_handler_goes_to_the_fallback(door):
    headers = SIGNED | {"x-amz-target": "SageMaker.ListDomains"}
    assert error(ask(door, headers=headers))[1:] == ("ResourceInUse", "no ListDomains")


def test_a_broken_runtime_request_has_the_runtimes_code(door):
    found = error(ask(door, path="/endpoints/-bad-/invocations", chunks=(b"1",)))
    assert found[:2] == (400, "ValidationError")


def test_headers_that_are_too_long_are_refused(door):
    answer = ask(door, headers={**DESCRIBE, "x-long": "a" * gateways.LONGEST_HEADERS})
    assert answer[0] == 431


def stream(door, leaves_after):
    """Ask for a hundred parts, and leave when so many events came; return all events."""
    gone, request = asyncio.Event(), [{"type": "http.request", "body": b"100"}]
    path = b"/endpoints/e/invocations-response-stream"
    headers = [(name.encode(), value.encode()) for name, value in SIGNED.items()]
    scope = {"type": "http", "method": "POST", "raw_path": path, "query_string": b"", "headers": headers}
    sent = []

    async def receive():
        if request:
            return request.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(event):  # as uvicorn's does: it does not tell that nobody is there
        sent.append(event)
        if len(sent) == leaves_after:
            gone.set()

    ENDED.clear()
    asyncio.run(door(scope, receive, send))
    return sent


def test_a_streamed_answer_is_made_to_its_end_for_who_waits_for_it(door):
    *_, last = stream(door, leaves_after=None)
    assert ENDED == [100]
    assert not last.get("more_body")


def test_a_streamed_answer_is_made_no_further_when_the_client_has_gone(door):
    *_, last = stream(door, leaves_after=3)
    assert ENDED < [100]
    assert last["more_body"]
