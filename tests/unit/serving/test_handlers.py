"""Handlers: the user's functions where they are defined, the container's defaults where not."""

import json
import sys
import textwrap
import types
from http import HTTPStatus

import pytest

from sagelocal.container.stand_ins.sagemaker_inference import errors
from sagelocal.serving import handlers

MODEL = """
class Sum:
    n_features_in_ = 2
    def predict(self, rows):
        return rows.sum(axis=1)
def model_fn(model_dir):
    return Sum()
"""


@pytest.fixture
def load(tmp_path, request):
    """Load handlers from a script's text."""
    name = f"script_{abs(hash(request.node.name))}"
    before = list(sys.path)

    def load(script: str, **environ: str) -> handlers.Handlers:
        code = tmp_path / "model" / "code"
        code.mkdir(parents=True)
        (code / f"{name}.py").write_text(textwrap.dedent(script))
        environ.setdefault("SAGEMAKER_PROGRAM", f"{name}.py")
        module = handlers.import_program(tmp_path / "model", environ)
        return handlers.load(module, tmp_path / "model", environ)

    yield load
    sys.path[:] = before
    sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("body", "kind", "accept", "want"),
    [
        (b"[[1, 2], [3, 4]]", "application/json", "", (200, "application/json", b"[3.0, 7.0]")),
        (
            b"1,2\n3,4\n",
            "text/csv; charset=utf-8",
            "text/csv",
            (200, "text/csv; charset=utf-8", b"3.0\n7.0\n"),
        ),
        (b"1,2", "text/csv", "*/*", (200, "application/json", b"[3.0]")),  # the container answers 500 here
        (b"[1, 2]", "", "", (200, "application/json", b"[3.0]")),  # and here; no content type means JSON
    ],
)
def test_defaults_answer_as_the_container_or_where_it_fails(load, body, kind, accept, want):
    assert load(MODEL).answer(body, kind, accept) == want


def test_the_default_accept_is_a_variable(load):
    loaded = load(MODEL, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv")
    assert loaded.answer(b"[[1, 2]]", "application/json", "").body == b"3.0\n"


@pytest.mark.parametrize(
    ("kind", "accept", "status"), [("image/png", "", 415), ("text/csv", "image/png", 406)]
)
def test_unknown_types_get_415_and_406_with_the_containers_body(load, kind, accept, status):
    answer = load(MODEL).answer(b"1,2", kind, accept)
    body = json.loads(answer.body)
    assert answer.status == status
    assert body["error"] == "UnsupportedFormatError"
    assert set(body) == {"error", "error-message", "stack-trace"}


def test_the_users_functions_are_called_with_what_the_container_gives_them(load):
    loaded = load(
        MODEL
        + """
def input_fn(body, content_type):
    return (type(body).__name__, content_type)
def predict_fn(data, model):
    return [*data, type(model).__name__]
def output_fn(prediction, accept):
    return " ".join(prediction) + " " + accept
"""
    )
    kind = "text/csv; charset=utf-8"
    assert loaded.answer(b"x", kind, "a/b") == (200, "a/b", f"str {kind} Sum a/b".encode())
    assert loaded.answer(b"x", "image/png", "").body == b"bytes image/png Sum application/json"


def test_a_predict_fn_sees_one_csv_row_as_the_container_gives_it(load):
    loaded = load(MODEL + "def predict_fn(data, model):\n    return list(data.shape)\n")
    assert loaded.answer(b"1,2", "text/csv", "").body == b"[2]"
    assert loaded.answer(b"1,2\n3,4", "text/csv", "").body == b"[2, 2]"


def test_transform_fn_answers_alone_and_may_take_a_context(load):
    loaded = load(
        MODEL
        + "def transform_fn(model, body, content_type, accept, context):\n"
        + "    return body.upper(), 'x/y' if context is None else 'z'\n"
    )
    assert loaded.answer(b"ab", "text/csv", "") == (200, "x/y", b"AB")


def test_transform_fn_beside_another_is_refused(load):
    with pytest.raises(handlers.HandlerError, match="transform_fn and predict_fn"):
        load(MODEL + "def transform_fn(m, b, c, a): pass\ndef predict_fn(d, m): pass\n")


def test_a_script_without_model_fn_is_refused(load):
    with pytest.raises(handlers.HandlerError, match="Please provide a model_fn"):
        load("x = 1\n")


def test_a_missing_script_says_where_it_was_looked_for(load):
    with pytest.raises(handlers.HandlerError, match=r"SAGEMAKER_PROGRAM is 'other.py'"):
        load(MODEL, SAGEMAKER_PROGRAM="other.py")


def test_an_exception_is_a_500_with_its_message_and_a_traceback_in_the_log(load, capsys):
    answer = load(MODEL + "def predict_fn(d, m):\n    raise KeyError('gone')\n").answer(b"[[1]]", "", "")
    assert (answer.status, json.loads(answer.body)["error"]) == (500, "KeyError")
    assert "KeyError: 'gone'" in capsys.readouterr().err


def test_a_result_that_is_no_body_names_its_type(load):
    answer = load(MODEL + "def output_fn(p, a):\n    return {}\n").answer(b"[[1, 2]]", "", "")
    assert answer.status == 500
    assert "the handler returned dict" in json.loads(answer.body)["error-message"]


class Response:
    """What flask and the toolkits make of an answer, as far as a server needs it."""

    def __init__(self, body, mimetype, status_code=200):
        self.body, self.mimetype, self.status_code = body, mimetype, status_code
        self.content_type = f"{mimetype}; charset=utf-8" if mimetype.startswith("text/") else mimetype

    def get_data(self):
        return self.body


@pytest.mark.parametrize(
    ("result", "want"),
    [
        (Response(b"1\n", "text/csv"), (200, "text/csv; charset=utf-8", b"1\n")),
        (Response(b"no", "text/plain", 422), (422, "text/plain; charset=utf-8", b"no")),
        (types.SimpleNamespace(response="1", mimetype="text/x-own"), (200, "text/x-own", b"1")),
        (types.SimpleNamespace(response=[b"1,", "2"], mimetype=None), (200, "application/json", b"1,2")),
        (
            types.SimpleNamespace(response=b"", content_type="text/x-own", status="404 NOT FOUND"),
            (404, "text/x-own", b""),
        ),
        (
            types.SimpleNamespace(response=b"", content_type="text/x-own", status=HTTPStatus.NOT_FOUND),
            (404, "text/x-own", b""),
        ),
    ],
)
def test_a_response_object_is_passed_on(load, result, want):
    loaded = load(MODEL + "\ndef output_fn(prediction, accept):\n    return RESULT")
    sys.modules[loaded.write.__module__].RESULT = result

    assert loaded.answer(b"[[1, 2]]", "application/json", "") == want


def test_a_handler_may_say_the_status_of_its_failure(load):
    script = f"""
from {errors.__name__} import GenericInferenceToolkitError
def predict_fn(data, model):
    raise GenericInferenceToolkitError(422, "too few")
"""
    answer = load(MODEL + script).answer(b"[[1, 2]]", "application/json", "")
    assert answer.status == 422
    assert "too few" in json.loads(answer.body)["error-message"]
