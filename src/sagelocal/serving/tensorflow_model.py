"""A SavedModel that answers as TensorFlow Serving's predict API does, in this process.

https://www.tensorflow.org/tfx/serving/api_rest : the row format (`instances` to `predictions`) and the column
format (`inputs` to `outputs`), `signature_name`, `b64` for bytes. Floats have nine digits as there. The
words of most errors are TensorFlow's and ours, not TensorFlow Serving's.
"""

from __future__ import annotations

import base64
import importlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sagelocal.serving.tensorflow_requests import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SAVED_MODEL = "saved_model.pb"
DEFAULT_SIGNATURE = "serving_default"
_VERSION = re.compile(r"\d+")


class Bundle(NamedTuple):
    """A SavedModel: the name of its model, its version, and its folder."""

    name: str
    version: str
    path: Path


def bundles(model_dir: Path) -> list[Bundle]:
    """Return the SavedModels below a folder: of each model the newest version, in order of their paths.

    A bundle's folder has a number for its name; the folder above names the model.
    """
    newest: dict[Path, Bundle] = {}
    for file in sorted(model_dir.rglob(SAVED_MODEL)):
        version = file.parent
        if not _VERSION.fullmatch(version.name):
            continue
        known = newest.get(version.parent)
        if known is None or int(version.name) > int(known.version):
            newest[version.parent] = Bundle(version.parent.name, version.name, version)
    return list(newest.values())


def choose(model_dir: Path, name: str = "") -> Bundle:
    """Return the bundle that is served: that of the model `name`, else the first.

    Raises:
        ValueError: there is none, or none of that name.

    """
    found = bundles(model_dir)
    if not found:
        raise ValueError(
            f"no SavedModel bundles found! A {SAVED_MODEL} is needed in a folder below {model_dir} whose "
            "name is a number"
        )
    named = [bundle for bundle in found if not name or bundle.name == name]
    if not named:
        names = ", ".join(bundle.name for bundle in found)
        raise ValueError(f"SAGEMAKER_TFS_DEFAULT_MODEL_NAME is {name!r}; the models are {names}")
    return named[0]


class Model:
    """A loaded bundle."""

    def __init__(self, bundle: Bundle, loaded: Any, tensorflow: Any) -> None:
        self.bundle = bundle
        self._loaded = loaded  # its variables live as long as it does
        self._signatures: Mapping[str, Any] = loaded.signatures
        self._tensorflow = tensorflow

    def predict(self, text: str) -> bytes:
        """Return the JSON body of an answer.

        Raises:
            RequestError: the request is no JSON, or not what the signature takes.

        """
        try:
            request = json.loads(text)
        except ValueError as error:
            raise RequestError(f"JSON Parse error: {error}") from error
        if not isinstance(request, dict):
            raise RequestError("Malformed request: a JSON object is needed")
        name = request.get("signature_name", DEFAULT_SIGNATURE)
        if name not in self._signatures:
            known = ", ".join(sorted(self._signatures))
            raise RequestError(
                f'Serving signature name: "{name}" not found in signature def; there is {known}'
            )
        run = self._signatures[name]
        if "instances" in request:
            return _dump({"predictions": self._rows(run, request["instances"])})
        if "inputs" in request:
            return _dump({"outputs": self._columns(run, request["inputs"])})
        raise RequestError("Missing 'inputs' or 'instances' key")

    def _rows(self, run: Any, instances: Any) -> list[Any]:
        if not isinstance(instances, list) or not instances:
            raise RequestError("'instances' must be a list of at least one element")
        specs = _specs(run)
        if all(_is_named(instance) for instance in instances):
            columns = {name: [_take(instance, name) for instance in instances] for name in specs}
        else:
            columns = {_only(specs): instances}
        outputs = self._run(run, specs, columns)
        for name, array in outputs.items():
            if array.ndim == 0 or len(array) != len(instances):
                raise RequestError(
                    f"Tensor name: {name} has inconsistent batch size: {array.shape[:1]} "
                    f"expecting {len(instances)}"
                )
        plain = {name: _plain(name, array) for name, array in outputs.items()}
        if len(plain) == 1:
            return list(*plain.values())
        return [{name: values[row] for name, values in plain.items()} for row in range(len(instances))]

    def _columns(self, run: Any, inputs: Any) -> Any:
        specs = _specs(run)
        columns = inputs if _is_named(inputs) else {_only(specs): inputs}
        outputs = self._run(run, specs, {name: _take(columns, name) for name in specs})
        plain = {name: _plain(name, array) for name, array in outputs.items()}
        return next(iter(plain.values())) if len(plain) == 1 else plain

    def _run(self, run: Any, specs: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
        tensorflow = self._tensorflow
        try:
            tensors = {
                name: tensorflow.constant(_bytes(columns[name]), dtype=spec.dtype)
                for name, spec in specs.items()
            }
            outputs = run(**tensors)
        except (ValueError, TypeError, tensorflow.errors.InvalidArgumentError) as error:
            raise RequestError(str(error)) from error
        return {name: outputs[name].numpy() for name in sorted(outputs)}


def load(bundle: Bundle) -> Model:
    """Load a bundle with the TensorFlow of this interpreter.

    Raises:
        ValueError: it has no signature.

    """
    tensorflow = importlib.import_module("tensorflow")
    loaded = tensorflow.saved_model.load(str(bundle.path))
    if not loaded.signatures:
        raise ValueError(f"the SavedModel in {bundle.path} has no signature to serve with")
    return Model(bundle, loaded, tensorflow)


def _specs(run: Any) -> dict[str, Any]:
    return dict(run.structured_input_signature[1])


def _is_named(value: Any) -> bool:
    """Tell whether a value names inputs; `{"b64": …}` is a value itself."""
    return isinstance(value, dict) and set(value) != {"b64"}


def _only(specs: Mapping[str, Any]) -> str:
    if len(specs) != 1:
        raise RequestError(f"the signature has the inputs {', '.join(sorted(specs))}: each must be named")
    return next(iter(specs))


def _take(named: Mapping[str, Any], name: str) -> Any:
    if name not in named:
        raise RequestError(f"Missing named input: {name}; there is {', '.join(sorted(named))}")
    return named[name]


def _bytes(value: Any) -> Any:
    """Return a value with each `{"b64": …}` in it as bytes."""
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    return [_bytes(part) for part in value] if isinstance(value, list) else value


def _plain(name: str, array: Any) -> Any:
    """Return an output as JSON knows it."""
    if array.dtype == np.float32:
        return np.array([float(f"{value:.9g}") for value in array.reshape(-1)]).reshape(array.shape).tolist()
    values = array.tolist()
    if array.dtype.kind not in "OS":
        return values
    return _texts(values, as_bytes=name.endswith("_bytes"))


def _texts(value: Any, *, as_bytes: bool) -> Any:
    if isinstance(value, list):
        return [_texts(part, as_bytes=as_bytes) for part in value]
    if as_bytes:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")


def _dump(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
