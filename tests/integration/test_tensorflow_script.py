"""A TensorFlow script's handlers reach the model by the REST address that their context names."""

import json
import types
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from sagelocal.serving import handlers, tensorflow, tensorflow_model
from sagelocal.serving.tensorflow_requests import RequestError

SECONDS = 60
"""A bound for slow machines, no measure."""


class Echo:
    """A model that predicts the request."""

    bundle = tensorflow_model.Bundle("half", "7", Path())

    def predict(self, text):
        if not text:
            raise RequestError("Missing key")
        return json.dumps({"predictions": json.loads(text)["instances"]}).encode()


def handler(data, context):
    """Ask for the model's state, and then for a prediction."""
    with urllib.request.urlopen(context.rest_uri.rpartition(":")[0], timeout=SECONDS) as answer:
        state = json.load(answer)["model_version_status"][0]
    try:
        with urllib.request.urlopen(context.rest_uri, data=data.read(), timeout=SECONDS) as answer:
            return answer.read() + state["state"].encode() + state["version"].encode(), context.accept_header
    except urllib.error.HTTPError as error:
        with error:
            raise ValueError(error.code, error.read().decode()) from error


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    (tmp_path / "half" / "7").mkdir(parents=True)
    (tmp_path / "half" / "7" / "saved_model.pb").touch()
    monkeypatch.setattr(tensorflow_model, "load", lambda _: Echo())
    # What the REST server says of proxies ends with the test.
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "example.org")
    script = types.ModuleType("inference")
    vars(script).update(handler=handler, __file__="inference.py")
    return handlers.load(tensorflow.adopt(script, tmp_path, {}), tmp_path, {})


def test_the_address_answers_for_state_and_predictions(loaded):
    answer = loaded.answer(b'{"instances": [3]}', "text/plain", "text/x-own")
    assert answer == (200, "text/x-own", b'{"predictions": [3]}AVAILABLE7')


def test_what_the_script_raises_is_an_error_in_json(loaded):
    status, kind, body = loaded.answer(b"", "text/plain", "")
    assert (status, kind) == (500, "application/json")
    assert "Missing key" in json.loads(body)["error"]
