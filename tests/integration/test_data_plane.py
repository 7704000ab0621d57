"""Predictions are answered by a process of their own, at the API's address, whatever becomes of either."""

import contextlib
import http.client
import json
import signal
import time
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.exceptions import ClientError
from tests.integration import served_models as models

SECONDS = 60
PROGRAM = "sagelocal.dataplane.process"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test"}
CALL = {**SIGNED, "Content-Type": "application/x-amz-json-1.1"}


@pytest.fixture(scope="module")
def endpoint(aws):
    """Give an endpoint that says `hello`."""
    models.make_bucket(aws("s3"))
    name = models.unique("plane")
    config = models.make_config(aws, models.saying(aws, "hello"))
    aws("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert models.wait(aws, name)["EndpointStatus"] == "InService"
    yield name
    aws("sagemaker").delete_endpoint(EndpointName=name)


def data_plane(service):
    """Return the running data plane's process; None: there is none."""
    children = psutil.Process(service.process.pid).children()
    return next((each for each in children if PROGRAM in each.cmdline()), None)


class Connection:
    """One connection of a client, for any call."""

    def __init__(self, service):
        address = urlsplit(service.url)
        self._http = http.client.HTTPConnection(address.hostname, address.port, timeout=SECONDS)

    def invoke(self, endpoint, body=b"x"):
        self._http.request("POST", f"/endpoints/{endpoint}/invocations", body, SIGNED)
        return self._answer()

    def describe(self, endpoint):
        headers = {**CALL, "X-Amz-Target": "SageMaker.DescribeEndpoint"}
        self._http.request("POST", "/", json.dumps({"EndpointName": endpoint}), headers)
        return self._answer()

    def _answer(self):
        answer = self._http.getresponse()
        return answer.status, answer.read()

    def is_with(self, process):
        """Tell whether a process has the other end."""
        port = self._http.sock.getsockname()[1]
        return port in {each.raddr.port for each in process.net_connections("tcp") if each.raddr}

    def close(self):
        self._http.close()


@pytest.fixture
def connection(sagelocal_service, endpoint):
    """Give a connection that the data plane has."""
    made = connected(sagelocal_service, endpoint)
    yield made
    made.close()


def connected(service, endpoint):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        made = Connection(service)
        assert made.invoke(endpoint) == (200, b"hello")
        plane = data_plane(service)
        if plane is not None and made.is_with(plane):
            return made
        made.close()
    raise AssertionError("no prediction came from the data plane")


@contextlib.contextmanager
def stopped(process):
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_neither_plane_waits_for_the_other(sagelocal_service, endpoint, connection):
    with stopped(psutil.Process(sagelocal_service.process.pid)):
        assert connection.invoke(endpoint) == (200, b"hello")
    other = Connection(sagelocal_service)
    with stopped(data_plane(sagelocal_service)):
        assert other.describe(endpoint)[0] == 200
    other.close()


def test_a_connection_may_carry_calls_of_both(endpoint, connection):
    for _ in range(50):
        assert connection.invoke(endpoint) == (200, b"hello")
        status, body = connection.describe(endpoint)
        assert (status, json.loads(body)["EndpointName"]) == (200, endpoint)
    status, body = connection.invoke("no-such-endpoint")
    assert (status, json.loads(body)["__type"]) == (400, "ValidationError")
    assert connection.invoke(endpoint, b"y" * 2_000_000) == (200, b"hello")


def test_errors_of_the_model_are_those_of_the_api(aws, endpoint, connection):
    status, body = connection.invoke(endpoint, b"fail")
    assert (status, json.loads(body)["__type"]) == (424, "ModelError")
    with pytest.raises(ClientError) as caught:
        aws("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=b"x" * (7 * 2**20))
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_planned_faults_befall_predictions_at_once(sagelocal_service, endpoint, connection):
    plan = Connection(sagelocal_service)
    for _ in range(3):
        fault = {"fault": "throttle", "operation": "InvokeEndpoint"}
        plan._http.request("POST", "/_sagelocal/faults", json.dumps({"faults": [fault]}), SIGNED)
        assert plan._answer()[0] == 200
        status, body = connection.invoke(endpoint)
        assert (status, json.loads(body)["__type"]) == (400, "ThrottlingException")
        assert connection.invoke(endpoint) == (200, b"hello")
    plan.close()


def test_a_data_plane_that_dies_is_replaced_and_predictions_go_on(sagelocal_service, endpoint):
    dead = data_plane(sagelocal_service)
    connected(sagelocal_service, endpoint).close()
    dead.kill()
    dead.wait(SECONDS)
    again = connected(sagelocal_service, endpoint)  # what is asked before it is there is answered, too
    assert data_plane(sagelocal_service).pid != dead.pid
    again.close()


@pytest.mark.parametrize("way", ["end", "kill"])
def test_it_ends_with_the_service(serve, emulator, way):
    service = serve(**emulator.client_environment)
    models.make_bucket(service.client("s3"))
    name = models.unique("ends")
    config = models.make_config(service.client, models.saying(service.client, "hello"))
    service.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
    models.wait(service.client, name)
    connected(service, name).close()
    plane = data_plane(service)
    getattr(service, way)()
    plane.wait(SECONDS)
    if way == "kill":
        serve(**emulator.client_environment)  # which ends the endpoint's instances at the end of the test
