"""What points clients at a running service."""

import fcntl
import json
import runpy
from types import SimpleNamespace

import pytest

from sagelocal.client import addresses, variables

BOOK = addresses.Addresses(sagelocal="http://127.0.0.1:1", aws="http://127.0.0.1:2", region="eu-west-1")
redirect = runpy.run_path(str(variables.PLUGIN_FOLDER / f"{variables.PLUGIN}.py"))["redirect"]


def test_sagemaker_goes_to_the_service_and_the_rest_to_the_emulator():
    built = variables.build(BOOK, {})
    assert built["AWS_ENDPOINT_URL"] == BOOK.aws
    assert {built[f"AWS_ENDPOINT_URL_{each}"] for each in variables.SAGEMAKER} == {BOOK.sagelocal}
    assert built["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert json.loads(built["AIRFLOW_CONN_AWS_DEFAULT"])["extra"]["region_name"] == "eu-west-1"


def test_lists_that_are_there_are_kept_and_added_to_once():
    environ = {"PYTHONPATH": "/mine", "BOTOCORE_EXPERIMENTAL__PLUGINS": "a=b"}
    once = variables.build(BOOK, environ)
    assert once["PYTHONPATH"] == f"/mine:{variables.PLUGIN_FOLDER}"
    assert once["BOTOCORE_EXPERIMENTAL__PLUGINS"] == "a=b,sagelocal_sts=sagelocal_sts"
    assert variables.build(BOOK, environ | once) == once


REQUESTS = [
    # The address that the SDK writes in code.
    ("https://sts.us-east-1.amazonaws.com/", "http://127.0.0.1:2/"),
    ("https://sts.cn-north-1.amazonaws.com.cn/?a=b", "http://127.0.0.1:2/?a=b"),
    ("https://sts.amazonaws.com/", "http://127.0.0.1:2/"),
    # What somebody chose is left.
    ("http://127.0.0.1:9/", "http://127.0.0.1:9/"),
    ("https://sts.us-east-1.amazonaws.com.example.org/", "https://sts.us-east-1.amazonaws.com.example.org/"),
]


@pytest.mark.parametrize(("asked", "expected"), REQUESTS)
def test_the_plugin_leads_amazons_sts_to_the_endpoint(monkeypatch, asked, expected):
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    request = SimpleNamespace(url=asked)
    redirect(request)
    assert request.url == expected


def test_the_plugin_changes_nothing_without_an_endpoint(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    request = SimpleNamespace(url="https://sts.us-east-1.amazonaws.com/")
    redirect(request)
    assert request.url == "https://sts.us-east-1.amazonaws.com/"


def test_addresses_are_true_only_while_the_lock_is_held(tmp_path):
    addresses.write(tmp_path, BOOK)
    with (tmp_path / addresses.LOCK).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert addresses.read(tmp_path) == BOOK
    with pytest.raises(addresses.NotServingError, match="no sagelocal serves the data directory"):
        addresses.read(tmp_path)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("0.0.0.0", "http://127.0.0.1:5"), ("::", "http://[::1]:5"), ("10.0.0.7", "http://10.0.0.7:5")],
)
def test_a_socket_on_every_interface_is_reached_by_loopback(host, expected):
    assert addresses.url(host, 5) == expected
