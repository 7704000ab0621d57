"""Every error that the service can answer with is read by botocore: code, message, status and details."""

import json

import botocore.session
import pytest
from botocore import parsers
from botocore.awsrequest import HeadersDict

from sagelocal import app, errors
from sagelocal.wire import model, protocol

SERVICES = model.load(app.SERVICES)


def error_classes(root=errors.ServiceError):
    return [root, *(deeper for each in root.__subclasses__() for deeper in error_classes(each))]


@pytest.mark.parametrize("kind", ["json", "rest-json"])
@pytest.mark.parametrize("error_class", error_classes(), ids=lambda each: each.__name__)
def test_an_error_is_read_by_botocore(error_class, kind):
    answer = protocol.encode_error(error_class("It says «why»."), "request-1", kind)

    parsed = parsed_error(kind, answer)

    assert parsed["Error"]["Code"] == error_class.code
    assert parsed["Error"]["Message"] == "It says «why»."
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == error_class.status
    assert parsed["ResponseMetadata"]["RequestId"] == "request-1"


@pytest.mark.parametrize("error_class", error_classes(), ids=lambda each: each.__name__)
def test_a_modelled_error_has_the_models_status(error_class):
    declared = {
        operation.errors[error_class.code]
        for operation in SERVICES.operations.values()
        if operation.service == "sagemaker" and error_class.code in operation.errors
    }
    # The model gives SageMaker's own errors no status, which means 400; ConflictException is 409 on AWS.
    assert declared <= {error_class.status, 400}


def test_the_details_of_a_model_error_arrive():
    error = errors.ModelError(
        "Received server error (500) from primary",
        OriginalStatusCode=500,
        OriginalMessage="boom",
        LogStreamArn="arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e",
    )
    answer = protocol.encode_error(error, "request-1", "rest-json")
    shape = botocore.session.get_session().get_service_model("sagemaker-runtime").shape_for("ModelError")

    body = json.loads(answer.body)

    assert {name: body[name] for name in shape.members} == {
        "Message": error.message,
        "OriginalStatusCode": 500,
        "OriginalMessage": "boom",
        "LogStreamArn": error.details["LogStreamArn"],
    }


def parsed_error(kind, answer):
    return parsers.create_parser(kind).parse(
        {
            "headers": HeadersDict(answer.headers),
            "status_code": answer.status,
            "body": answer.body,
            "context": {"operation_name": "Any"},
        },
        None,
    )
