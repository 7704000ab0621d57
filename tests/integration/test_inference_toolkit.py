"""The real inference toolkit and sagelocal side by side: the same handlers and requests, the same answers.

sagemaker-inference 1.10.1 (PyPI) runs in an environment of its own. Where it differs from the serving code of
the scikit-learn container, sagelocal keeps that one's way: `DIFFERENT` lists where, each with its reason.
"""

import base64
import io
import json
import subprocess
import sys
import types

import numpy as np
import pytest
import uv

from sagelocal.container.stand_ins.sagemaker_inference import content_types, decoder, encoder, errors
from sagelocal.serving import handlers

TOOLKIT = ("sagemaker-inference==1.10.1", "numpy", "scipy", "setuptools")
MODULES = {
    # The default input_fn, as predict_fn sees it.
    "reads": (
        "def model_fn(d): return 1\n"
        "def predict_fn(data, model): return [list(data.shape), data.astype(float).tolist()]"
    ),
    # The default output_fn.
    "writes": "def model_fn(d): return 1\ndef predict_fn(data, model): return data * 2",
    "writes text": "def model_fn(d): return 1\ndef predict_fn(data, model): return [['a', 1], ['b', 2]]",
    # Handlers of the user's own, with and without the context.
    "own": (
        "def model_fn(d): return 3\n"
        "def input_fn(body, kind): return (type(body).__name__, body, kind)\n"
        "def predict_fn(data, model): return [*map(str, data), model]\n"
        "def output_fn(prediction, accept): return ';'.join(map(str, prediction)) + accept"
    ),
    "context": (
        "def model_fn(d, context): return 3\n"
        "def transform_fn(model, body, kind, accept, context): return body.upper() + str(model), 'text/x-own'"
    ),
    "fails": "def model_fn(d): return 1\ndef predict_fn(data, model): raise ValueError('bad')",
}
JSON, CSV, NPY, OTHER = "application/json", "text/csv", "application/x-npy", "text/x-other"


def npy(values):
    stream = io.BytesIO()
    np.save(stream, np.array(values))
    return stream.getvalue()


BODIES = {
    "json": (JSON, b"[[1, 2], [3, 4.5]]"),
    "json row": (JSON, b"[1, 2]"),
    "json scalar": (JSON, b"3"),
    "json broken": (JSON, b"[1, 2"),
    "csv": (CSV, b"1,2\n3,4.5\n"),
    "csv row": (CSV, b"1,2,3\n"),
    "csv column": (CSV, b"1\n2\n3"),
    "csv number": (CSV, b"7"),
    "csv gap": (CSV, b"1,,3\n4,5,6\n"),
    "npy": (NPY, npy([[1.0, 2.0]])),
    "other": (OTHER, b"1"),
}
CASES = [
    *(("reads", body, JSON) for body in BODIES),
    *(
        ("writes", body, accept)
        for body in ("json", "csv row")
        for accept in (JSON, CSV, NPY, OTHER, "*/*", "")
    ),
    *(("writes text", "json", accept) for accept in (JSON, CSV)),
    *(("own", body, accept) for body in ("json", "csv", "other") for accept in (JSON, "text/plain")),
    ("context", "csv", JSON),
    ("fails", "json", JSON),
]
_UNREADABLE = "the scikit-learn container answers 415 to a type that it cannot read"
_UNWRITABLE = "the scikit-learn container answers 406 to a type that it cannot write"
_FLOATS = "the scikit-learn container gives every model float32; the toolkit keeps the integers of a CSV"
DIFFERENT = {
    ("reads", "csv", JSON): (200, 500, "the toolkit cannot make one array of integers and fractions"),
    ("reads", "csv gap", JSON): (
        200,
        200,
        "a gap is a missing value; the toolkit makes it -1 among integers",
    ),
    ("reads", "other", JSON): (415, 500, _UNREADABLE),
    ("writes", "json", OTHER): (406, 500, _UNWRITABLE),
    ("writes", "csv row", OTHER): (406, 500, _UNWRITABLE),
    **{("writes", "csv row", accept): (200, 200, _FLOATS) for accept in (JSON, CSV, "*/*", "")},
}
"""Cases in which the answers differ: our status, the toolkit's, and the reason.

Bodies of errors always differ: the container's are JSON, with the traceback as a member.
"""
KINDS = {"text/csv; charset=utf-8": CSV}
"""Content types that the container writes otherwise."""
ASK = """
import base64, importlib, json, os, sys, traceback
from sagemaker_inference import transformer
class Context:
    system_properties = {"model_dir": "/opt/ml/model"}
    def __init__(self, kind, accept):
        self.request_processor = [self]
        self.properties = {"Content-Type": kind, "Accept": accept}
        self.status, self.kind = 200, ""
    def get_request_properties(self): return self.properties
    def set_response_status(self, code, phrase): self.status = code
    def set_response_content_type(self, number, kind): self.kind = kind
answers = []
for module, kind, accept, body in json.load(sys.stdin):
    os.environ["SAGEMAKER_PROGRAM"] = module + ".py"
    context = Context(kind, accept)
    said = transformer.Transformer().transform([{"body": base64.b64decode(body)}], context)[0]
    said = said if isinstance(said, bytes) else said.encode()
    answers.append([context.status, context.kind, base64.b64encode(said).decode()])
print(json.dumps(answers))
"""


CODECS = """
import io, numpy as np
def told(function, *arguments):
    try:
        found = function(*arguments)
        return repr(found.tolist() if hasattr(found, "tolist") else found)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())  # theirs keeps its source's indentation
def codecs(decoder, encoder, errors, content_types):
    numbers = np.array([[1.5, 2], [3, 4]])
    values = (numbers, numbers[0], np.array([1, 2]), ["a", "b"], {"a": np.float32(2)}, [], 3)
    kinds = ("application/json", "text/csv", "application/x-npy", "text/x-other")
    said = [told(encoder.encode, value, kind) for value in values for kind in kinds]
    for text in ("1,2\\n3,4", "1,2", "1.5", "a,b", "1,,3", "[[1, 2]]", "[1", ""):
        said += [told(decoder.decode, text, kind) for kind in kinds if "npy" not in kind]
    said.append(told(decoder.decode, encoder.encode(numbers, kinds[2]), kinds[2]))
    said.append(sorted(encoder.SUPPORTED_CONTENT_TYPES))
    for arguments in ((400,), (404, "gone"), (500, "a", "b")):
        error = errors.GenericInferenceToolkitError(*arguments)
        said.append([str(error), error.status_code, error.message, error.phrase])
    return said + [[name, value] for name, value in sorted(vars(content_types).items()) if name.isupper()]
"""
ASK_CODECS = """
import json
from sagemaker_inference import content_types, decoder, encoder, errors
print(json.dumps(codecs(decoder, encoder, errors, content_types)))
"""


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory):
    """Return a folder with an environment that has the toolkit, and its interpreter."""
    folder = tmp_path_factory.mktemp("inference")
    command, python = [uv.find_uv_bin(), "-q"], str(folder / "env" / "bin" / "python")
    subprocess.run([*command, "venv", "--python", sys.executable, str(folder / "env")], check=True)
    subprocess.run([*command, "pip", "install", "--python", python, *TOOLKIT], check=True)
    return folder, python


@pytest.mark.filterwarnings("ignore")
def test_what_stands_for_the_toolkit_in_images_does_the_same(toolkit):
    command = [toolkit[1], "-W", "ignore", "-c", CODECS + ASK_CODECS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ours = {}
    exec(CODECS, ours)
    assert ours["codecs"](decoder, encoder, errors, content_types) == json.loads(done.stdout)


@pytest.fixture(scope="module")
def theirs(toolkit):
    """Return the toolkit's answers by case."""
    folder, python = toolkit
    names = {name: f"module{number}" for number, name in enumerate(MODULES)}
    for name, text in MODULES.items():
        (folder / f"{names[name]}.py").write_text(text)
    asked = [
        (names[module], BODIES[body][0], accept, base64.b64encode(BODIES[body][1]).decode())
        for module, body, accept in CASES
    ]
    done = subprocess.run(
        [python, "-W", "ignore", "-c", ASK],
        input=json.dumps(asked),
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "SAGEMAKER_BASE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    return {
        case: (status, kind, base64.b64decode(body))
        for case, (status, kind, body) in zip(CASES, said, strict=True)
    }


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_request_gets_the_same_answer(theirs, tmp_path, case):
    module, body, accept = case
    program = types.ModuleType("program")
    exec(MODULES[module], program.__dict__)
    loaded = handlers.load(program, tmp_path, {})
    answer = loaded.answer(BODIES[body][1], BODIES[body][0], accept)
    status, kind, content = theirs[case]
    if case in DIFFERENT:
        assert (answer.status, status) == DIFFERENT[case][:2]
        assert status != 200 or _plain(answer.body, kind) != _plain(content, kind)
        return
    assert answer.status == status, content
    if status == 200:
        assert KINDS.get(answer.content_type, answer.content_type) == kind
        assert _plain(answer.body, kind) == _plain(content, kind)


def _plain(body, kind):
    """Return a body as a value: JSON may be spaced in another way, an array may be stored more narrowly."""
    if kind == JSON and body[:1] in b"[{":
        return json.dumps(json.loads(body))
    if kind == NPY:
        return np.load(io.BytesIO(body)).tolist()
    return body
