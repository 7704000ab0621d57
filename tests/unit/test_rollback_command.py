"""`sagewind rollback` finds the model's endpoint by its name, however many others have a longer one."""

import pytest

from sagewind.cli import rollback
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError

WANTED = {
    "Endpoint": {"EndpointName": "iris"},
    "EndpointConfig": {
        "EndpointConfigName": "iris-back",
        "ProductionVariants": [{"VariantName": "one", "ModelName": "iris-v1"}],
    },
}


class Hosting:
    """One endpoint, or none; no list of them is answered."""

    def __init__(self, **found):
        self.found = found
        self.account = Account()
        names = ("DescribeEndpoint", "CreateEndpointConfig", "UpdateEndpoint")
        self.client = client("sagemaker", {name: getattr(self, f"_{name}") for name in names}, self.account)

    def _DescribeEndpoint(self, asked):  # noqa: N802
        if not self.found:
            raise AwsError("ValidationException", f"Could not find endpoint {asked['EndpointName']}")
        return {"EndpointName": asked["EndpointName"], **self.found}

    def _CreateEndpointConfig(self, asked):  # noqa: N802
        return {"EndpointConfigArn": self.account.arn("endpoint-config", asked["EndpointConfigName"])}

    def _UpdateEndpoint(self, asked):  # noqa: N802
        self.found["EndpointConfigName"] = asked["EndpointConfigName"]
        return {"EndpointArn": self.account.arn("endpoint", asked["EndpointName"])}


def test_the_endpoint_serves_the_version(capsys):
    hosting = Hosting(EndpointStatus="InService", EndpointConfigName="iris-now")
    rollback.serve(hosting.client, WANTED)
    assert capsys.readouterr().out == "endpoint iris serves it\n"
    assert hosting.found["EndpointConfigName"] == "iris-back"


def test_without_an_endpoint_nothing_is_made(capsys):
    hosting = Hosting()
    rollback.serve(hosting.client, WANTED)
    assert capsys.readouterr().out == "there is no endpoint iris; the next run deploys\n"
    assert not hosting.account.called("CreateEndpointConfig")


def test_an_endpoint_that_failed_is_an_error_with_its_reason():
    hosting = Hosting(EndpointStatus="Failed", EndpointConfigName="iris-now", FailureReason="no capacity")
    with pytest.raises(rollback.RollbackError, match="endpoint iris is Failed with iris-back: no capacity"):
        rollback.serve(hosting.client, WANTED)
