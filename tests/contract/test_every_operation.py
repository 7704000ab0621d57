"""Every operation of the installed models gives an answer that a client can read, whatever it is asked.

The requests are written by botocore and go through the whole service but its socket; nothing runs, since no
image is known. A good answer has every member that the model requires; an error is one that AWS has.
"""

import asyncio
import io
import json
import os
import random

import botocore.session
import pytest
from botocore import parsers
from botocore.awsrequest import HeadersDict
from tests.contract import values
from tests.contract.test_round_trip import sent_by_botocore

from sagelocal import app
from sagelocal.errors import ServiceError
from sagelocal.settings import Settings
from sagelocal.wire import model

SERVICES = model.load(app.SERVICES)
OPERATIONS = sorted(SERVICES.operations.values(), key=lambda each: (each.service, each.name))
MODELS = {name: botocore.session.get_session().get_service_model(name) for name in app.SERVICES}
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "5"))
"""Of each kind, for each operation."""
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/sagemaker/aws4_request"
every_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[f"{each.service}.{each.name}" for each in OPERATIONS]
)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return app.build(Settings(data_dir=tmp_path_factory.mktemp("every")), {})


@every_operation
@pytest.mark.parametrize("full", [False, True], ids=["required", "full"])
def test_a_valid_request_is_answered_or_refused(service, operation, full):
    request = values.value(operation.input, full=full) if operation.input else {}

    assert_answered(operation, *ask(service, operation, request), request)


@every_operation
def test_a_broken_request_is_refused(service, operation):
    if operation.input is None or operation.input.serialization.get("payload"):
        return  # no body of which anything could be wrong
    request, body = sent(operation, values.value(operation.input, full=False))
    for wrong in values.broken(operation.input, json.loads(body or b"{}")):
        status, parsed = carry(service, operation, request, json.dumps(wrong).encode())
        assert status >= 400, wrong
        assert_known(operation, status, parsed)


@every_operation
def test_requests_that_chance_made_are_answered_or_refused(service, operation):
    for number in range(EXAMPLES):
        chance = random.Random(f"{operation.service}.{operation.name} {number}")
        value = values.some(operation.input, chance) if operation.input else {}
        assert_answered(operation, *ask(service, operation, value), value)


@every_operation
def test_requests_that_chance_spoiled_are_answered_or_refused(service, operation):
    if operation.input is None or operation.input.serialization.get("payload"):
        return  # no body that could be spoiled
    for number in range(EXAMPLES):
        chance = random.Random(f"{operation.service}.{operation.name} {number} spoiled")
        request, body = sent(operation, values.some(operation.input, chance))
        wrong = values.spoiled(json.loads(body or b"{}"), chance)
        assert_answered(operation, *carry(service, operation, request, json.dumps(wrong).encode()), wrong)


def ask(service, operation, value):
    """Send a request through the gateway and return the status and what botocore reads."""
    return carry(service, operation, *sent(operation, value))


def sent(operation, value):
    """Return a request as botocore writes it, and its body."""
    return sent_by_botocore(MODELS[operation.service], operation.name, value)


def carry(service, operation, request, body):
    """Carry a request through the gateway."""
    events = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event):
        events.append(event)

    headers = {**request.headers, "host": "localhost", "authorization": AUTHORIZATION}
    scope = {
        "type": "http",
        "method": request.method,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "headers": [(name.encode(), str(text).encode("utf-8")) for name, text in headers.items()],
    }
    asyncio.run(service.gateway(scope, receive, send))
    status = events[0]["status"]
    answer = b"".join(event.get("body", b"") for event in events[1:])
    headers = HeadersDict({name.decode(): text.decode() for name, text in events[0]["headers"]})
    shape = MODELS[operation.service].operation_model(operation.name).output_shape
    payload = shape.serialization.get("payload") if shape and status < 300 else None
    parsed = parsers.create_parser(operation.protocol).parse(
        {
            "headers": headers,
            "status_code": status,
            "body": io.BytesIO(answer) if payload else answer,
            "context": {"operation_name": operation.name},
        },
        shape,
    )
    return status, parsed


def missing(shape, value, path):
    """Return the paths of the required members that a value lacks."""
    if shape is None or value is None:
        return []
    match shape.type_name:
        case "structure":
            gone = [f"{path}.{name}" for name in shape.required_members if name not in value]
            inner = [
                (shape.members[name], each, name) for name, each in value.items() if name in shape.members
            ]
            return gone + [x for member, each, name in inner for x in missing(member, each, f"{path}.{name}")]
        case "list":
            return [x for each in value for x in missing(shape.member, each, f"{path}[]")]
        case "map":
            return [x for each in value.values() for x in missing(shape.value, each, f"{path}{{}}")]
        case _:
            return []


def assert_answered(operation, status, parsed, request):
    if status < 300:
        assert missing(operation.output, parsed, operation.name) == [], request
    else:
        assert_known(operation, status, parsed)


def assert_known(operation, status, parsed):
    known = {each.code for each in ServiceError.__subclasses__()} | set(operation.errors)
    assert status < 500, parsed
    assert parsed["Error"]["Code"] in known - {"InternalFailure"}
    assert parsed["Error"]["Message"]
