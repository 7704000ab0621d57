"""The handlers of the PyTorch inference container: its defaults, beside what the user's script defines.

Source: sagemaker-pytorch-inference 2.0.25 (`default_pytorch_inference_handler.py`) on sagemaker-inference
1.10.1 (`transformer.py`): `model_fn` loads TorchScript, `input_fn` makes a float tensor of JSON and CSV and a
tensor of NPY, `predict_fn` calls the model in evaluation mode without gradients, `output_fn` writes JSON, CSV
and NPY. Any error is a 500 whose text is the message and the traceback.

Deliberate differences, all of them answers where the container fails: a CSV whose columns mix integers and
fractions, and a content type with parameters.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagelocal.serving import codecs, handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODEL_FILE = "model.pt"
_SUFFIXES = frozenset({".pt", ".pth"})
_OWN = ("model_fn", "transform_fn", "input_fn", "predict_fn", "output_fn")


class ModelLoadError(Exception):
    """The model is no TorchScript; the message names its file."""


class UnsupportedFormatError(Exception):
    """The type of a request, or the type asked for, has no codec; the container answers 500 to that."""


class Context:
    """What TorchServe tells handlers that have a parameter for it."""

    def __init__(self, model_dir: str) -> None:
        self.model_name = "model"
        self.manifest: dict[str, Any] = {}
        self.system_properties = {
            "model_dir": model_dir,
            "gpu_id": None,
            "batch_size": 1,
            "server_name": "sagelocal",
            "limit_max_image_pixels": True,
        }


def adopt(module: types.ModuleType | None, model_dir: Path, environ: Mapping[str, str]) -> types.ModuleType:  # noqa: ARG001
    """Return a module with the user's handlers and the container's defaults for the others.

    `module` is None when there is no script of the user's.
    """
    adopted = types.ModuleType(module.__name__ if module else __name__)
    adopted.__file__ = module.__file__ if module else __file__
    for name in _OWN:
        if own := getattr(module, name, None):
            setattr(adopted, name, own)
    defaults: dict[str, Callable[..., Any]] = {"model_fn": model_fn}
    if not hasattr(adopted, "transform_fn"):
        defaults |= {"input_fn": input_fn, "predict_fn": predict_fn, "output_fn": output_fn}
    for name, default in defaults.items():
        if not hasattr(adopted, name):
            setattr(adopted, name, default)
    vars(adopted).update(fail=fail, context=Context(str(model_dir)))
    return adopted


def model_fn(model_dir: str) -> Any:
    """Load `model.pt`, or the only file with the suffix `.pt` or `.pth`, as TorchScript.

    Raises:
        ValueError: there is no such file, or more than one.
        ModelLoadError: it is no TorchScript.

    """
    torch = importlib.import_module("torch")
    path = Path(model_dir) / MODEL_FILE
    if not path.exists():
        found = [name for name in os.listdir(model_dir) if _is_model(Path(model_dir) / name)]  # noqa: PTH208
        if len(found) != 1:
            raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models: {found}")
        path = Path(model_dir) / found[0]
    device = torch.device("cpu")
    try:
        model = torch.jit.load(str(path), map_location=device)
    except RuntimeError as error:
        raise ModelLoadError(
            f"Failed to load {path}. Please ensure model is saved using torchscript."
        ) from error
    return model.to(device)


def _is_model(path: Path) -> bool:
    return path.suffix in _SUFFIXES and path.is_file()


def input_fn(body: Any, content_type: str) -> Any:
    """Return the tensor of a request.

    Raises:
        UnsupportedFormatError: no decoder for `content_type`.

    """
    torch = importlib.import_module("torch")
    kind = codecs.media_type(content_type)
    try:
        array = codecs.decode(body.encode() if isinstance(body, str) else body, kind)
    except codecs.UnsupportedFormatError as error:
        raise UnsupportedFormatError(str(error)) from error
    if kind == codecs.CSV:
        array = codecs.squeeze_csv(array)
    if kind in codecs.UTF8_TYPES:
        array = np.asarray(array, dtype=np.float32)
    return torch.from_numpy(array).to(torch.device("cpu"))


def predict_fn(data: Any, model: Any) -> Any:
    """Return what the model gives for a tensor, in evaluation mode and without gradients."""
    torch = importlib.import_module("torch")
    with torch.no_grad():
        model = model.to(torch.device("cpu"))
        model.eval()
        return model(data.to(torch.device("cpu")))


def output_fn(prediction: Any, accept: str) -> bytes:
    """Return the body of a prediction, in the first type of `accept` that can be written.

    Raises:
        UnsupportedFormatError: none of them can.

    """
    torch = importlib.import_module("torch")
    if type(prediction) is torch.Tensor:
        prediction = prediction.detach().cpu().numpy().tolist()
    try:
        return codecs.encode(prediction, accept)[0]
    except codecs.UnsupportedFormatError as error:
        raise UnsupportedFormatError(str(error)) from error


def fail(error: BaseException, status: int = 500) -> handlers.Answer:
    """Return the container's answer to an error, and write the traceback to the log."""
    trace = "".join(traceback.format_exception(error))
    sys.stderr.write(trace)
    sys.stderr.flush()
    return handlers.Answer(status, "text/plain", f"{error}\n{trace}".encode())
