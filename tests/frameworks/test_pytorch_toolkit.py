"""The real PyTorch inference toolkit and sagelocal side by side, on the image's own PyTorch.

sagemaker-pytorch-inference 2.0.25 and sagemaker-inference 1.10.1 (PyPI). `DIFFERENT` lists where sagelocal
answers otherwise, each with its reason.
"""

import base64
import io
import json
import subprocess

import numpy as np
import pytest
import uv

from sagelocal.container import environments, images
from sagelocal.serving import runtime
from sagelocal.settings import Settings

TOOLKIT = ("sagemaker-pytorch-inference==2.0.25", "sagemaker-inference==1.10.1", "six")
IMAGE = "pytorch-inference:2.6.0-cpu-py312"
JSON, CSV, NPY, OTHER = "application/json", "text/csv", "application/x-npy", "text/x-other"


def npy(values, dtype):
    stream = io.BytesIO()
    np.save(stream, np.array(values, dtype=dtype))
    return stream.getvalue()


BODIES = {
    "json": (JSON, b"[[1, 2], [3, 4.5]]"),
    "json row": (JSON, b"[1, 2]"),
    "json broken": (JSON, b"[1, 2"),
    "csv": (CSV, b"1,2\n3,4\n"),
    "csv mixed": (CSV, b"1,2\n3,4.5\n"),
    "csv row": (CSV, b"1,2"),
    "csv row mixed": (CSV, b"1.5,2"),
    "npy float": (NPY, npy([[1, 2]], np.float32)),
    "npy integers": (NPY, npy([[1, 2]], np.int64)),
    "other": (OTHER, b"1"),
}
ACCEPTS = (JSON, CSV, NPY, "", "*/*", f"text/x-other, {CSV}", OTHER)
CASES = [("json", accept) for accept in ACCEPTS] + [(body, JSON) for body in BODIES if body != "json"]
DIFFERENT = {
    (body, JSON): (200, 500, "the toolkit cannot make one array of integers and fractions")
    for body in ("csv mixed", "csv row mixed")
}
MODEL = """
import sys, torch
class Double(torch.nn.Module):
    def forward(self, x):
        return x * 2
torch.jit.trace(Double(), torch.ones(1, 2)).save(sys.argv[1] + "/model.pt")
"""
THEIRS = """
import base64, json, os, sys
from sagemaker_inference import transformer
from sagemaker_pytorch_serving_container.default_pytorch_inference_handler import (
    DefaultPytorchInferenceHandler,
)
class Context:
    model_name = "model"
    system_properties = {"model_dir": sys.argv[1]}
    def __init__(self, kind, accept):
        self.request_processor = [self]
        self.properties = {"Content-Type": kind, "Accept": accept}
        self.status, self.kind = 200, ""
    def get_request_properties(self): return self.properties
    def set_response_status(self, code, phrase): self.status = code
    def set_response_content_type(self, number, kind): self.kind = kind
answers = []
for kind, accept, body in json.load(sys.stdin):
    context = Context(kind, accept)
    made = transformer.Transformer(DefaultPytorchInferenceHandler())
    said = made.transform([{"body": base64.b64decode(body)}], context)[0]
    said = said if isinstance(said, bytes) else said.encode()
    answers.append([context.status, context.kind, base64.b64encode(said).decode()])
print(json.dumps(answers))
"""
OURS = """
import base64, json, pathlib, sys
from sagelocal.serving import handlers
place = pathlib.Path(sys.argv[1])
environ = {"SAGELOCAL_DEFAULTS": "sagelocal.serving.pytorch"}
loaded = handlers.load(handlers.import_program(place, environ), place, environ)
answers = []
for kind, accept, body in json.load(sys.stdin):
    answer = loaded.answer(base64.b64decode(body), kind, accept)
    answers.append([answer.status, answer.content_type, base64.b64encode(answer.body).decode()])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Return the answers of both sides by case."""
    folder = tmp_path_factory.mktemp("toolkit")
    made = environments.Environments(Settings().cache_dir / "envs").ensure(images.resolve(IMAGE))
    subprocess.run(
        [uv.find_uv_bin(), "-q", "pip", "install", "--no-deps", "--target", folder / "toolkit", *TOOLKIT],
        check=True,
    )
    (folder / "model").mkdir()
    subprocess.run([made.python, "-c", MODEL, folder / "model"], check=True)
    asked = [(BODIES[body][0], accept, base64.b64encode(BODIES[body][1]).decode()) for body, accept in CASES]

    def ask(program, modules):
        done = subprocess.run(
            [made.python, "-W", "ignore", "-c", program, folder / "model"],
            input=json.dumps(asked),
            env={"PYTHONPATH": str(modules), "PATH": "/usr/bin:/bin", "SAGEMAKER_BASE_DIR": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout.splitlines()[-1])
        return {
            case: (*head, base64.b64decode(body)) for case, (*head, body) in zip(CASES, said, strict=True)
        }

    return ask(OURS, runtime.ensure(folder / "runtime")), ask(THEIRS, folder / "toolkit")


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_defaults_answer_alike(both, case):
    (status, kind, body), (their_status, their_kind, their_body) = (side[case] for side in both)
    if case in DIFFERENT:
        assert (status, their_status) == DIFFERENT[case][:2], their_body
        return
    assert status == their_status, their_body
    if status == 200:
        assert kind == their_kind
        assert _plain(body, kind) == _plain(their_body, kind)
    else:
        assert body.split(b"\n")[0] == their_body.split(b"\n")[0]


def _plain(body, kind):
    return np.load(io.BytesIO(body)).tolist() if kind == NPY else body
