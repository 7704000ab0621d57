"""The handlers of the TensorFlow inference container: TensorFlow Serving's API on `/invocations`.

Without a script a request is translated and predicted; with `code/inference.py` the script's `handler`, or
its `input_handler` and `output_handler`, do so by way of the REST address that their context names, which
this process answers itself.

Source: `docker/build_artifacts/sagemaker/{python_service,tfs_utils}.py` of
github.com/aws/sagemaker-tensorflow-serving-container. Not here: gRPC (`context.channel` is None), and the
custom attributes `tfs-model-name`, `tfs-model-version` and `tfs-method`.
"""

from __future__ import annotations

import http.server
import importlib
import io
import json
import os
import sys
import threading
import traceback
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from sagelocal.serving import handlers, tensorflow_model, tensorflow_requests
from sagelocal.serving.tensorflow_requests import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MODEL_NAME = "SAGEMAKER_TFS_DEFAULT_MODEL_NAME"
_LOCAL = "localhost,127.0.0.1"


class Context(NamedTuple):
    """What a script's handlers learn of a request."""

    model_name: str | None
    model_version: str | None
    method: str | None
    rest_uri: str
    grpc_port: str | None
    channel: None
    custom_attributes: str | None
    request_content_type: str
    accept_header: str
    content_length: int


class Served(NamedTuple):
    """A loaded model, and the address that a script's handlers send requests to; empty without a script."""

    model: tensorflow_model.Model
    uri: str


def adopt(module: types.ModuleType | None, model_dir: Path, environ: Mapping[str, str]) -> types.ModuleType:
    """Return a module that answers for the SavedModel below `model_dir`, by the user's script if any.

    Raises:
        ValueError: there is no SavedModel.
        NotImplementedError: the script defines neither `handler` nor both `input_handler` and
            `output_handler`.

    """
    bundle = tensorflow_model.choose(model_dir, environ.get(MODEL_NAME, ""))
    answer = _handler(module) if module else None
    adopted = types.ModuleType(__name__)

    def model_fn(_: str) -> Served:
        model = tensorflow_model.load(bundle)
        return Served(model, _serve(model) if answer else "")

    def transform_fn(served: Served, body: str | bytes, content_type: str, accept: str) -> tuple[Any, str]:
        raw = body.encode() if isinstance(body, str) else body
        if answer is None:
            return _default(served.model, raw, content_type, accept)
        context = Context(
            *(None, None, None),
            rest_uri=served.uri,
            grpc_port=None,
            channel=None,
            custom_attributes=None,
            request_content_type=content_type,
            accept_header=accept,
            content_length=len(raw),
        )
        given: tuple[Any, str] = answer(io.BytesIO(raw), context)
        return given

    vars(adopted).update(model_fn=model_fn, transform_fn=transform_fn, fail=fail)
    return adopted


def _handler(script: types.ModuleType) -> Callable[[Any, Context], Any]:
    """Return what answers a request, as the container finds it in a script."""
    own: Callable[[Any, Context], Any] | None = getattr(script, "handler", None)
    if own is not None:
        return own
    before, after = (getattr(script, name, None) for name in ("input_handler", "output_handler"))
    if before is None or after is None:
        raise NotImplementedError(
            "Handlers are not implemented correctly in user script. "
            f"{script.__file__} needs handler, or input_handler and output_handler"
        )
    requests = importlib.import_module("requests")

    def handler(data: Any, context: Context) -> Any:
        return after(requests.post(context.rest_uri, data=before(data, context)), context)

    return handler


def _default(model: tensorflow_model.Model, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
    text = tensorflow_requests.request(body.decode(), content_type)
    return model.predict(text), tensorflow_requests.answer_type(accept)


def fail(error: BaseException, status: int = 500) -> handlers.Answer:
    """Return the container's answer to an error, and write the traceback to the log."""
    if not isinstance(error, RequestError):
        sys.stderr.write("".join(traceback.format_exception(error)))
        sys.stderr.flush()
    return handlers.Answer(status, "application/json", json.dumps({"error": str(error)}).encode())


def _serve(model: tensorflow_model.Model) -> str:
    """Answer TensorFlow Serving's REST API on a free port, and return the address of its predict method."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), _LOCAL]))
    server = _Server(model)
    threading.Thread(target=server.serve_forever, name="rest", daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/v1/models/{model.bundle.name}:predict"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: tensorflow_model.Model) -> None:
        super().__init__(("127.0.0.1", 0), _Rest)
        self.model = model


class _Rest(http.server.BaseHTTPRequestHandler):
    """TensorFlow Serving's REST API for one model."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer for the model's state."""
        bundle = self._model.bundle
        status = {"error_code": "OK", "error_message": ""}
        state = {"version": bundle.version, "state": "AVAILABLE", "status": status}
        self._answer(200, json.dumps({"model_version_status": [state]}).encode())

    def do_POST(self) -> None:
        """Answer a prediction."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith(":predict"):
            self._answer(400, json.dumps({"error": f"Malformed request: POST {self.path}"}).encode())
            return
        try:
            self._answer(200, self._model.predict(body.decode()))
        except RequestError as error:
            self._answer(error.http_status, json.dumps({"error": str(error)}).encode())
        except Exception as error:  # noqa: BLE001  (a model may raise anything; the script is told)
            self._answer(500, fail(error).body)

    @property
    def _model(self) -> tensorflow_model.Model:
        assert isinstance(self.server, _Server)
        return self.server.model

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Write no line for each request."""
