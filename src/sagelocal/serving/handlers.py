"""The user's `model_fn`, `input_fn`, `predict_fn`, `output_fn`, `transform_fn`, and the defaults for them.

Sources: `sagemaker_sklearn_container.serving`, `sagemaker_containers._transformer` and
`sagemaker_inference.transformer` (published packages). Where the two toolkits differ, the scikit-learn
container's way is kept.

One deliberate difference: when `predict_fn` is the default too, a single record (1-D) is given to the model
as one row. The container hands scikit-learn the 1-D array, which it refuses, so that one-row CSV requests
get a 500 there. A `predict_fn` of the user's sees exactly the shape that the container would give it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sagelocal.serving import codecs, decimals, engine, quickening

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

DEFAULT_PROGRAM = "inference.py"
PARTS = ("input_fn", "predict_fn", "output_fn")


class HandlerError(Exception):
    """The user's module cannot serve; the message says what it lacks."""


class Answer(NamedTuple):
    """One HTTP response: status, content type and body."""

    status: int
    content_type: str
    body: bytes


class Streamed(NamedTuple):
    """A response that the user's handler makes part by part, when it returns a generator."""

    status: int
    content_type: str
    parts: Iterator[str | bytes]


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """A loaded model with the functions that answer for it.

    `fast` is set when `predict_fn` is the default. When the others are too, the server may merge requests.
    """

    model: Any
    transform: Callable[[Any, Any, str, str], Any] | None
    read: Callable[[Any, str], Any] | None
    predict: Callable[[Any, Any], Any] | None
    write: Callable[[Any, str], Any] | None
    fast: engine.Engine | None
    default_accept: str
    fail: Callable[[BaseException, int], Answer] | None = None
    """How the container answers to an exception, where it has a way of its own."""

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer | Streamed:
        """Run a request through the handlers; an exception becomes a 500 and a traceback in the log."""
        accept = self.wanted(accept)
        try:
            if self.transform is not None:
                text = _text(body, codecs.media_type(content_type))
                return _response(self.transform(self.model, text, content_type, accept), accept)
            return self._answer(body, content_type, accept)
        except Exception as error:  # noqa: BLE001  (the user's code may raise anything, and the server must live)
            return (self.fail or failure)(error, _failed_status(error))

    def wanted(self, accept: str) -> str:
        """Return the type asked for; nothing and `*/*` mean the default."""
        return self.default_accept if not accept or accept == codecs.ANY else accept

    def _answer(self, body: bytes, content_type: str, accept: str) -> Answer | Streamed:
        kind = codecs.media_type(content_type)
        if len(body) > codecs.SLICE_BYTES and (answer := self._sliced(body, kind, accept)) is not None:
            return answer
        try:
            data = self.read(_text(body, kind), content_type) if self.read else self.default_read(body, kind)
        except codecs.UnsupportedFormatError as error:
            return failure(error, 415)
        prediction = self.predict(data, self.model) if self.predict else self.default_predict(data)
        try:
            if self.write:
                return _response(self.write(prediction, accept), accept)
            encoded, kind = codecs.encode(prediction, accept)
        except codecs.UnsupportedFormatError as error:
            return failure(error, 406)
        return Answer(200, kind, encoded)

    def _sliced(self, body: bytes, content_type: str, accept: str) -> Answer | None:
        """Answer a large CSV of plain numbers by and by, so that it is never in memory as numbers whole.

        None: it cannot be had so, since a function is the user's, or rows are not answered one by one.
        """
        is_plain = self.fast is not None and self.fast.row_wise and not self.read and not self.write
        if not is_plain or content_type != codecs.CSV or codecs.media_type(accept) != codecs.CSV:
            return None
        assert self.fast is not None
        answers = []
        for part in codecs.slices(body):
            rows = decimals.from_csv(part)
            if rows is None or rows.shape[1] != self.fast.features:
                return None
            answers.append(codecs.encode(self.fast.predict(rows), codecs.CSV)[0])
        return Answer(200, codecs.RESPONSE_TYPES[codecs.CSV], b"".join(answers))

    def default_read(self, body: bytes, content_type: str) -> Any:
        """Decode as the container does; text becomes float32, and a `predict_fn` sees one CSV row as 1-D."""
        if content_type not in codecs.UTF8_TYPES:
            return codecs.decode(body, content_type)
        array = codecs.decode_numbers(body, content_type)
        if content_type == codecs.CSV and self.predict is not None:
            array = codecs.squeeze_csv(array)
        return array.astype(np.float32, copy=False)

    def default_predict(self, data: Any) -> Any:
        """Return the model's prediction; one record is one row."""
        if isinstance(data, np.ndarray) and data.ndim < 2:  # noqa: PLR2004
            data = data.reshape(1, -1)
        return self.fast.predict(data) if self.fast else self.model.predict(data)


def customised(module: ModuleType) -> bool:
    """Tell whether the module has handlers of its own beside `model_fn`."""
    return any(getattr(module, name, None) for name in ("transform_fn", *PARTS))


def load(module: ModuleType, model_dir: Path, environ: Mapping[str, str]) -> Handlers:
    """Load the model with the module's `model_fn`, and choose the way to answer.

    Raises:
        HandlerError: the module has no `model_fn`, or defines `transform_fn` beside one of the other three.
        Exception: whatever the user's `model_fn` raises.

    """
    own = {name: getattr(module, name, None) for name in ("transform_fn", *PARTS)}
    clash = [name for name in PARTS if own[name]]
    if own["transform_fn"] and clash:
        raise HandlerError(
            "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or "
            f"output_fn implementation; {module.__name__} defines transform_fn and {', '.join(clash)}"
        )
    model_fn = getattr(module, "model_fn", None)
    if model_fn is None:
        raise HandlerError(f"Please provide a model_fn implementation: {module.__file__} defines none")
    context = getattr(module, "context", None)
    model = _flexible(model_fn, 1, context)(str(model_dir))
    default_predict = not own["transform_fn"] and not own["predict_fn"]
    quick = "" if default_predict else quickening.quicken(model)
    if quick:
        sys.stdout.write(f"model server: model.predict by {quick}\n")
        sys.stdout.flush()
    return Handlers(
        model=model,
        transform=_flexible(own["transform_fn"], 4, context),
        read=_flexible(own["input_fn"], 2, context),
        predict=_flexible(own["predict_fn"], 2, context),
        write=_flexible(own["output_fn"], 2, context),
        fast=engine.choose(model) if default_predict and hasattr(model, "predict") else None,
        default_accept=environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", codecs.JSON),
        fail=getattr(module, "fail", None),
    )


def import_program(model_dir: Path, environ: Mapping[str, str]) -> ModuleType:
    """Import the module that SAGEMAKER_PROGRAM names from the first code folder that has it.

    The folders: SAGEMAKER_SUBMIT_DIRECTORY when it is a path, `code` beside the model folder, `code` in it,
    and the model folder itself. An image that serves by itself names a module of its own instead; one with
    handlers of its own for what a script does not define names a module that adopts the script.

    Raises:
        HandlerError: there is no such script, and the image cannot do without.

    """
    own = environ.get("SAGELOCAL_HANDLERS")
    if own and not environ.get("SAGEMAKER_PROGRAM"):
        return importlib.import_module(own)
    program = environ.get("SAGEMAKER_PROGRAM") or DEFAULT_PROGRAM
    folders = _code_folders(model_dir, environ)
    module = _import(program, folders)
    defaults = environ.get("SAGELOCAL_DEFAULTS")
    if defaults:
        adopted: ModuleType = importlib.import_module(defaults).adopt(module, model_dir, environ)
        return adopted
    if module is not None:
        return module
    looked = ", ".join(str(folder) for folder in folders)
    raise HandlerError(
        f"no script to serve with: SAGEMAKER_PROGRAM is {environ.get('SAGEMAKER_PROGRAM', '')!r}, "
        f"and {program} is in none of {looked}"
    )


def _code_folders(model_dir: Path, environ: Mapping[str, str]) -> list[Path]:
    submitted = environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    folders = [Path(submitted)] if submitted.startswith("/") else []
    return [*folders, model_dir.parent / "code", model_dir / "code", model_dir]


def _import(program: str, folders: list[Path]) -> ModuleType | None:
    """Import a script or package from the first folder that has it; None when no folder has."""
    for folder in folders:
        if (
            (folder / program).is_file()
            or (folder / f"{program}.py").is_file()
            or (folder / program / "__init__.py").is_file()
        ):
            for path in (folder, (folder / program).parent):
                if str(path) not in sys.path:
                    sys.path.insert(0, str(path))
            return importlib.import_module(Path(program).stem)
    return None


def failure(error: BaseException, status: int = 500) -> Answer:
    """Return the container's error body, and write the traceback to the log."""
    trace = "".join(traceback.format_exception(error))
    sys.stderr.write(trace)
    sys.stderr.flush()
    body = {"error": type(error).__name__, "error-message": str(error), "stack-trace": trace}
    return Answer(status, codecs.JSON, json.dumps(body).encode())


def _failed_status(error: Exception) -> int:
    """Return the status of an error: 500, unless a built-in algorithm or a handler says another.

    A handler says it by sagemaker-inference's `BaseInferenceToolkitError`, told by its `phrase`.
    """
    if hasattr(error, "phrase") and isinstance(status := getattr(error, "status_code", None), int):
        return status
    return int(getattr(error, "http_status", 500))


def _text(body: bytes, content_type: str) -> str | bytes:
    return body.decode() if content_type in codecs.UTF8_TYPES else body


def _flexible(function: Any, count: int, context: Any = None) -> Any:
    """Return the function such that `count` arguments suffice; one more is the toolkit's context."""
    if function is None:
        return None
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return function
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        and (p.default is p.empty or context is not None)
    ]
    if len(positional) == count + 1:
        return lambda *arguments: function(*arguments, context)
    return function


def _response(result: Any, accept: str) -> Answer | Streamed:
    """Return what a handler made as an answer: a body, a body and its type, or an object that holds both."""
    if isinstance(result, tuple) and len(result) == 2:  # noqa: PLR2004
        return _as_answer(200, result[1], result[0])
    if hasattr(result, "mimetype") or hasattr(result, "content_type"):
        kind = getattr(result, "content_type", None) or getattr(result, "mimetype", None)
        return _as_answer(_status(result), kind or accept, _content(result))
    return _as_answer(200, accept, result)


def _as_answer(status: int, kind: Any, body: Any) -> Answer | Streamed:
    if isinstance(body, str):
        return Answer(status, str(kind), body.encode())
    if isinstance(body, bytes | bytearray | memoryview):
        return Answer(status, str(kind), bytes(body))
    if isinstance(body, Iterator):
        return Streamed(status, str(kind), body)
    raise TypeError(
        f"the handler returned {type(body).__name__}; a str, bytes, a generator of them, a tuple of one of "
        "these and a content type, or a response with get_data() is needed"
    )


def _content(response: Any) -> Any:
    """Return the body of a response: flask's, as `worker.Response` is one, or an object like it."""
    if hasattr(response, "get_data"):
        return response.get_data()
    body = getattr(response, "response", response)
    if isinstance(body, list | tuple):
        return b"".join(part.encode() if isinstance(part, str) else part for part in body)
    return body


def _status(response: Any) -> int:
    """Return the status of a response; flask also has it as text, `404 NOT FOUND`."""
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 200
    return int(status.split()[0]) if isinstance(status, str) else int(status)


def is_batch(environ: Mapping[str, str]) -> bool:
    """Tell whether this serves a transform job: few large requests, where every core counts."""
    return environ.get("SAGEMAKER_BATCH") == "true"


def worker_count(environ: Mapping[str, str]) -> int:
    """Return the number of worker processes: SAGEMAKER_MODEL_SERVER_WORKERS, else one per core."""
    text = environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", "")
    return max(1, int(text)) if text.isdecimal() else os.cpu_count() or 1
