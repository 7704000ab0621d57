"""The PyTorch container's handlers: its defaults where the script defines none, its context, its errors.

`torch` here is a small stand-in on numpy; `tests/frameworks` does the same with the real one.
"""

import json
import sys
import types

import numpy as np
import pytest

from sagelocal.serving import handlers

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"


class Tensor:
    """An array with the methods that the handlers use."""

    def __init__(self, array):
        self.array = array

    def to(self, device):
        assert device == "cpu"
        return self

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array


class Doubling:
    """A model that doubles, and remembers how it was called."""

    def __init__(self, path, torch):
        self.path, self.torch, self.calls = path, torch, []

    def to(self, device):
        return self

    def eval(self):
        self.calls.append("eval")

    def __call__(self, tensor):
        self.calls.append(self.torch.grad)
        return Tensor(tensor.array * 2)


class NoGradient:
    def __init__(self, torch):
        self.torch = torch

    def __enter__(self):
        self.torch.grad = False

    def __exit__(self, *error):
        self.torch.grad = True


@pytest.fixture
def torch(monkeypatch):
    fake = types.ModuleType("torch")

    def load(path, map_location):
        with open(path) as stream:  # noqa: PTH123
            if stream.read() != "script":
                raise RuntimeError("PytorchStreamReader failed")
        return Doubling(path, fake)

    vars(fake).update(
        grad=True,
        Tensor=Tensor,
        device=str,
        from_numpy=Tensor,
        no_grad=lambda: NoGradient(fake),
        jit=types.SimpleNamespace(load=load),
    )
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


@pytest.fixture
def load(tmp_path, torch, request):
    name = f"script_{abs(hash(request.node.name))}"
    before = list(sys.path)

    def load(script="", files=("model.pt",)):
        model = tmp_path / "model"
        (model / "code").mkdir(parents=True)
        for file in files:
            (model / file).write_text("script")
        if script:
            (model / "code" / f"{name}.py").write_text(script)
        environ = {"SAGELOCAL_DEFAULTS": "sagelocal.serving.pytorch", "SAGEMAKER_PROGRAM": f"{name}.py"}
        return handlers.load(handlers.import_program(model, environ), model, environ)

    yield load
    sys.path[:] = before
    sys.modules.pop(name, None)


def npy(values):
    return handlers.codecs.encode(np.array(values), NPY)[0]


@pytest.mark.parametrize(
    ("kind", "body", "accept", "want"),
    [
        (JSON, b"[[1, 2.5]]", "", (JSON, b"[[2.0, 5.0]]")),
        (CSV, b"1,2\n3,4\n", CSV, (CSV, b"2.0,4.0\n6.0,8.0\n")),
        (CSV, b"1,2", JSON, (JSON, b"[2.0, 4.0]")),  # one row of CSV is 1-D, as there
        (NPY, npy([[1, 2]]), JSON, (JSON, b"[[2, 4]]")),  # NPY keeps its type
    ],
)
def test_without_a_script_the_containers_defaults_answer(load, kind, body, accept, want):
    loaded = load()
    answer = loaded.answer(body, kind, accept)
    assert (answer.status, answer.content_type, answer.body) == (200, *want)
    assert loaded.model.calls == ["eval", False]


def test_the_only_model_file_is_taken_whatever_its_name(load):
    assert load(files=("mine.pth",)).model.path.endswith("mine.pth")


@pytest.mark.parametrize("files", [(), ("a.pt", "b.pth")])
def test_without_one_model_file_there_is_no_model(load, files):
    with pytest.raises(ValueError, match=r"Exactly one \.pth or \.pt file is required"):
        load(files=files)


def test_a_file_that_is_no_torchscript_is_named(load, tmp_path):
    script = "import pathlib\ndef model_fn(d): pathlib.Path(d, 'model.pt').write_text('no')\n"
    load(script)
    with pytest.raises(Exception, match=r"Failed to load .*model\.pt\. Please ensure model is saved"):
        sys.modules["sagelocal.serving.pytorch"].model_fn(str(tmp_path / "model"))


def test_the_scripts_own_functions_go_before_the_defaults_and_may_have_the_context(load):
    loaded = load(
        "def model_fn(model_dir, context):\n"
        "    properties = context.system_properties\n"
        "    return lambda x: [properties['gpu_id'], properties['model_dir'] == model_dir]\n"
        "def predict_fn(data, model): return model(data)\n"
    )
    assert json.loads(loaded.answer(b"[1]", JSON, JSON).body) == [None, True]


def test_an_error_is_the_message_and_the_traceback_as_text(load):
    answer = load().answer(b"x", "text/x-other", JSON)
    assert (answer.status, answer.content_type) == (500, "text/plain")
    assert answer.body.startswith(b"Content type text/x-other is not supported by this framework.")
    assert b"Traceback (most recent call last)" in answer.body
