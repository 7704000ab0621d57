"""Every operation of the installed service models, there and back, with botocore as the other side."""

import io
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore import parsers, serialize
from botocore.awsrequest import HeadersDict, prepare_request_dict

from sagelocal import app
from sagelocal.wire import model, protocol
from sagelocal.wire.message import Request

SERVICES = model.load(app.SERVICES)
OPERATIONS = sorted(SERVICES.operations.values(), key=lambda each: (each.service, each.name))
every_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[f"{each.service}.{each.name}" for each in OPERATIONS]
)


@pytest.fixture(scope="module")
def protocols():
    return protocol.Protocols()


@pytest.fixture(scope="module")
def models():
    session = botocore.session.get_session()
    return {name: session.get_service_model(name) for name in app.SERVICES}


@every_operation
def test_an_input_that_botocore_writes_is_read_as_it_was_meant(operation, protocols, models, generated):
    value = generated.value(operation.input) if operation.input else {}
    request, body = sent_by_botocore(models[operation.service], operation.name, value)

    target = request.headers.get("x-amz-target")
    match = SERVICES.by_target(target) if target else SERVICES.by_path(request.method, request.path)

    assert match is not None
    assert match.operation is operation
    # The values are made without a look at patterns: what is broken does not matter here.
    read, _ = protocols.read(match, request, body)
    assert read == generated.ours(value)


@every_operation
def test_an_output_that_we_write_is_read_by_botocore_as_it_was_meant(operation, protocols, models, generated):
    value = generated.value(operation.output) if operation.output else {}

    answer = protocols.encode(operation, generated.ours(value), "request-1")

    parsed = parsed_by_botocore(models[operation.service], operation, answer)
    metadata = parsed.pop("ResponseMetadata")
    assert metadata["RequestId"] == "request-1"
    assert metadata["HTTPStatusCode"] == operation.status
    assert parsed == generated.without_empty(value)


def sent_by_botocore(service_model, name, value):
    serializer = serialize.create_serializer(service_model.metadata["protocol"], include_validation=False)
    sent = serializer.serialize_to_request(value, service_model.operation_model(name))
    prepare_request_dict(sent, endpoint_url="http://localhost", context={})
    url = urlsplit(sent["url"])
    body = sent["body"]
    request = Request(
        method=sent["method"],
        path=url.path,
        query=url.query,
        headers={name.lower(): text for name, text in sent["headers"].items()},
    )
    return request, body if isinstance(body, bytes) else body.encode()


def parsed_by_botocore(service_model, operation, answer):
    shape = service_model.operation_model(operation.name).output_shape
    payload = shape.serialization.get("payload") if shape else None
    response = {
        "headers": HeadersDict(answer.headers),
        "status_code": answer.status,
        # botocore reads a body that is one member from a file-like object.
        "body": io.BytesIO(answer.body) if payload else answer.body,
        "context": {"operation_name": operation.name},
    }
    parsed = parsers.create_parser(service_model.metadata["protocol"]).parse(response, shape)
    if payload and shape.members[payload].serialization.get("eventstream"):
        del parsed[payload]  # read from a socket; what it carries is tested where it is served
    elif payload:
        parsed[payload] = parsed[payload].read()
    return parsed
