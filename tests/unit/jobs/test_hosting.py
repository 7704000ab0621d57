"""Deleting an endpoint: AWS lets none go that is being made or changed."""

from __future__ import annotations

import pytest
from tests.unit.jobs.fakes import error

from sagewind.jobs.hosting import Hosting
from sagewind.jobs.service import Caller, CallError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"


class Endpoint:
    """One endpoint, that is a step further each time it is looked at."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.asked = []

    def describe_endpoint(self, EndpointName):  # noqa: N803
        if not self.statuses:
            raise error("ValidationException", f'Could not find endpoint "{ARN}".')
        status = self.statuses[0]
        if len(self.statuses) > 1 or status == "Deleting":
            self.statuses.pop(0)
        return {"EndpointName": EndpointName, "EndpointStatus": status}

    def delete_endpoint(self, EndpointName):  # noqa: N803
        status = self.statuses[0] if self.statuses else "Deleting"
        self.asked.append(status)
        if status in {"Creating", "Updating"}:
            raise error("ValidationException", f'Cannot update in-progress endpoint "{ARN}".')
        self.statuses = ["Deleting"]


def delete(endpoint, seconds=100):
    hosting = Hosting(Caller(endpoint, sleep=lambda _: None), sleep=lambda _: None)
    return hosting.delete("e", seconds=seconds, interval=1)


def test_one_that_serves_is_deleted_and_waited_for():
    endpoint = Endpoint("InService")
    assert delete(endpoint)
    assert endpoint.asked == ["InService"]


def test_one_that_is_being_made_is_deleted_when_that_is_over():
    endpoint = Endpoint("Creating", "Creating", "Creating", "Failed")
    assert delete(endpoint)
    assert endpoint.asked[-1] == "Failed"


def test_one_that_is_never_made_is_given_up():
    assert not delete(Endpoint("Creating"), seconds=5)


def test_one_that_is_not_there_is_no_failure():
    assert delete(Endpoint())


def test_what_is_refused_for_another_reason_is_an_error():
    endpoint = Endpoint("InService")
    endpoint.delete_endpoint = denied
    with pytest.raises(CallError, match="not authorized"):
        delete(endpoint)


def denied(**_):
    raise error("AccessDeniedException", "not authorized")
