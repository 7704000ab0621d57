"""The TensorFlow container's translations and predict API on a stand-in; see `tests/frameworks`."""

import json
import types

import numpy as np
import pytest

from sagelocal.serving import handlers, tensorflow, tensorflow_model, tensorflow_requests
from sagelocal.serving.tensorflow_requests import RequestError

JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"


@pytest.mark.parametrize(
    ("kind", "text", "want"),
    [
        (JSON, '{"instances": [1]}', '{"instances": [1]}'),
        (JSON, "[[1, 2], [3, 4]]", '{"instances":[[1, 2], [3, 4]]}'),
        (JSON, "[1, 2]", '{"instances":[[1, 2]]}'),
        (JSON, '{"x": 1}', '{"instances":[{"x": 1}]}'),
        (LINES, '{"x": 1}\n{"x": 2}\n', '{"instances":[{"x": 1},{"x": 2}]}'),
        (LINES, "[1, 2]\r\n\n[3, 4]", '{"instances":[[1, 2],[3, 4]]}'),
        (CSV, "1,2\n3,4\n", '{"instances":[[1,2],[3,4]]}'),
        (CSV, "1\n2\n", '{"instances":[1,2]}'),
        (CSV, '"a",1\n', '{"instances":[["a",1]]}'),
        (CSV, "a,b\nc,d\n", '{"instances":[["a","b"],["c","d"]]}'),
        (CSV, "a,b,c\n", '{"instances":[["a","b,c"]]}'),  # the container sees the first comma only
    ],
)
def test_bodies_become_requests_as_in_the_container(kind, text, want):
    assert tensorflow_requests.request(text, kind) == want


def test_other_types_are_not_read():
    with pytest.raises(RequestError, match="Unsupported Media Type: text/plain") as told:
        tensorflow_requests.request("1", "text/plain")
    assert told.value.http_status == 415


@pytest.mark.parametrize(
    ("accept", "want"), [("text/csv", JSON), (JSON, JSON), (f"{LINES}, {CSV}", LINES), (f"{CSV},{JSON}", CSV)]
)
def test_the_answers_type_is_the_first_that_is_accepted_with_json(accept, want):
    assert tensorflow_requests.answer_type(accept) == want


def save(folder, *versions):
    for version in versions:
        (folder / version).mkdir(parents=True)
        (folder / version / "saved_model.pb").touch()


def test_the_newest_version_of_the_first_model_is_served(tmp_path):
    save(tmp_path / "b", "1")
    save(tmp_path / "a", "2", "00010")
    save(tmp_path / "c", "latest")  # no number: TensorFlow Serving does not see it
    found = [(bundle.name, bundle.version) for bundle in tensorflow_model.bundles(tmp_path)]
    assert found == [("a", "00010"), ("b", "1")]
    assert tensorflow_model.choose(tmp_path).path == tmp_path / "a" / "00010"
    assert tensorflow_model.choose(tmp_path, "b").name == "b"
    with pytest.raises(ValueError, match="SAGEMAKER_TFS_DEFAULT_MODEL_NAME is 'z'; the models are a, b"):
        tensorflow_model.choose(tmp_path, "z")


def test_a_model_without_a_bundle_says_what_is_needed(tmp_path):
    with pytest.raises(ValueError, match=r"no SavedModel bundles found! A saved_model\.pb is needed"):
        tensorflow_model.choose(tmp_path)


class Tensor:
    def __init__(self, values, dtype):
        self.array = np.array(values, dtype=dtype)

    def numpy(self):
        return self.array


class Signature:
    """A function from named tensors to named tensors."""

    def __init__(self, function, **dtypes):
        self.function = function
        specs = {name: types.SimpleNamespace(dtype=dtype) for name, dtype in dtypes.items()}
        self.structured_input_signature = ((), specs)

    def __call__(self, **tensors):
        outputs = self.function(**{name: tensor.array for name, tensor in tensors.items()})
        return {name: Tensor(array, array.dtype) for name, array in outputs.items()}


FAKE = types.SimpleNamespace(
    constant=Tensor, errors=types.SimpleNamespace(InvalidArgumentError=ZeroDivisionError)
)
SIGNATURES = {
    "serving_default": Signature(lambda x: {"y": x / np.float32(3)}, x=np.float32),
    "both": Signature(lambda a, b: {"twice": a * 2, "b_bytes": b}, a=np.int32, b=object),
    "sum": Signature(lambda x: {"y": np.array(x.sum())}, x=np.float32),
}


@pytest.fixture
def model(tmp_path):
    bundle = tensorflow_model.Bundle("half", "1", tmp_path)
    return tensorflow_model.Model(bundle, types.SimpleNamespace(signatures=SIGNATURES), FAKE)


@pytest.mark.parametrize(
    ("request_", "want"),
    [
        ({"instances": [[3, 6], [1, 2]]}, {"predictions": [[1.0, 2.0], [0.333333343, 0.666666687]]}),
        ({"instances": [{"x": [3]}]}, {"predictions": [[1.0]]}),
        ({"inputs": [[3.0]]}, {"outputs": [[1.0]]}),
        ({"inputs": {"x": [3.0]}}, {"outputs": [1.0]}),
        ({"signature_name": "sum", "inputs": [1, 2]}, {"outputs": 3.0}),
        (
            {"signature_name": "both", "instances": [{"a": 1, "b": {"b64": "eQ=="}}]},
            {"predictions": [{"b_bytes": {"b64": "eQ=="}, "twice": 2}]},
        ),
        (
            {"signature_name": "both", "inputs": {"a": [1, 2], "b": [{"b64": "eQ=="}, {"b64": "eg=="}]}},
            {"outputs": {"b_bytes": [{"b64": "eQ=="}, {"b64": "eg=="}], "twice": [2, 4]}},
        ),
    ],
)
def test_rows_and_columns_are_predicted(model, request_, want):
    assert json.loads(model.predict(json.dumps(request_))) == want


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1", "JSON Parse error"),
        ("[1]", "a JSON object is needed"),
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"instances": []}', "at least one element"),
        ('{"instances": [["a"]]}', "could not convert string to float"),
        ('{"instances": [1], "signature_name": "no"}', '"no" not found in signature def; there is both, '),
        ('{"instances": [1], "signature_name": "both"}', "the inputs a, b: each must be named"),
        ('{"instances": [{"a": 1}], "signature_name": "both"}', "Missing named input: b; there is a"),
        ('{"instances": [1, 2], "signature_name": "sum"}', "inconsistent batch size"),
    ],
)
def test_a_request_that_is_at_fault_is_told_why(model, text, words):
    with pytest.raises(RequestError, match=words) as told:
        model.predict(text)
    assert told.value.http_status == 400


def script(**functions):
    module = types.ModuleType("inference")
    vars(module).update(functions, __file__="inference.py")
    return module


@pytest.fixture
def adopt(tmp_path, model, monkeypatch):
    save(tmp_path / "half", "1")
    monkeypatch.setattr(tensorflow_model, "load", lambda _: model)

    def adopt(module=None):
        return handlers.load(tensorflow.adopt(module, tmp_path, {}), tmp_path, {})

    return adopt


def test_without_a_script_requests_are_translated_and_errors_are_json(adopt):
    loaded = adopt()
    assert loaded.answer(b"3\n6\n", CSV, "") == (200, JSON, b'{"predictions":[1.0,2.0]}')
    status, kind, body = loaded.answer(b'{"instances": []}', JSON, JSON)
    assert (status, kind) == (400, JSON)
    assert json.loads(body) == {"error": "'instances' must be a list of at least one element"}
    assert loaded.answer(b"x", "text/x-other", JSON)[0] == 415


def test_a_script_without_handlers_is_refused(adopt):
    with pytest.raises(NotImplementedError, match="needs handler, or input_handler and output_handler"):
        adopt(script(input_handler=print))
