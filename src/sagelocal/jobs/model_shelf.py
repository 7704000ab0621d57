"""Many models on one instance: each loaded from S3 when it is asked for, the one unused longest unloaded.

The data plane asks by HTTP on the socket where a container would listen: `POST /models` with a name is
answered by the socket of the model's own server, once that is up. Every model is a process of its own.
https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoints.html
"""

from __future__ import annotations

import hashlib
import json
import queue
import shutil
import socketserver
import threading
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from sagelocal import storage as storing
from sagelocal.jobs import modelserver
from sagelocal.serving import client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MOST_MODELS = 10
"""Models that are loaded at the same time, unless the container's variable `LIMIT` says otherwise."""
LIMIT = "SAGELOCAL_MAX_MODELS"


class MissingModelError(Exception):
    """No artifact has that name; the message is SageMaker's."""


class _Book:
    """One model: loaded by whoever holds its lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.server: modelserver.ModelServer | None = None

    @property
    def is_alive(self) -> bool:
        """Whether its model server runs."""
        return (
            self.server is not None
            and self.server.process is not None
            and self.server.process.wait(0) is None
        )


class Shelf:
    """The models of one instance. `get` is for any thread but the main one."""

    def __init__(
        self,
        *,
        folder: Path,
        definition: Mapping[str, Any],
        make: Callable[[Path, Mapping[str, Any]], modelserver.ModelServer],
        on_main: Callable[[Callable[[], None]], None],
        startup_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._definition = definition
        self._make = make
        self._on_main = on_main
        self._startup_seconds = startup_seconds
        self._say = say
        self._most = most_models(definition)
        self._books: OrderedDict[str, _Book] = OrderedDict()
        self._guard = threading.Lock()
        self._closing = False
        self._server: _Server | None = None

    def open(self) -> None:
        """Listen where the container would."""
        path = modelserver.socket_of(self._folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with client.address(path) as address:
            self._server = _Server(address, _Handler, self)
        threading.Thread(target=self._server.serve_forever, name="models", daemon=True).start()
        self._say(
            f"models are loaded from {self._definition.get('ModelDataUrl')}, {self._most} at most at a time"
        )

    def close(self) -> None:
        """Take no more requests, and end every model server."""
        self._closing = True
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        for book in list(self._books.values()):
            if book.server is not None:
                book.server.stop()

    def get(self, name: str) -> Path:
        """Return the socket of a model's server; load it when it is not loaded.

        Raises:
            MissingModelError: there is no such artifact.
            modelserver.ModelServerError: it cannot be loaded.

        """
        while True:
            with self._guard:
                book = self._books.setdefault(name, _Book())
                self._books.move_to_end(name)
            with book.lock:
                if self._books.get(name) is not book:
                    continue  # it was taken off the shelf while this waited
                is_new = not book.is_alive
                if is_new:
                    self._load(name, book)
                assert book.server is not None
                socket = book.server.socket
            if is_new:
                self._make_room()
            return socket

    def _load(self, name: str, book: _Book) -> None:
        """Load a model; where that fails, its book is taken off the shelf. For whoever holds its lock."""
        try:
            book.server = self._started(name)
        except BaseException:
            self._take_off(name)
            raise

    def _take_off(self, name: str) -> None:
        with self._guard:
            del self._books[name]

    def _started(self, name: str) -> modelserver.ModelServer:
        folder = self._folder / "models" / hashlib.sha256(name.encode()).hexdigest()[:16]
        url = f"{self._definition.get('ModelDataUrl', '').rstrip('/')}/{name.lstrip('/')}"
        server = self._make(folder, {**self._definition, "ModelDataUrl": url})
        self._say(f"loading model {name}")
        try:
            server.prepare()
        except modelserver.ModelServerError as error:
            if isinstance(error.__cause__, storing.MissingObjectError):
                address = storing.parse(url)
                raise MissingModelError(
                    f"Failed to download model data(bucket: {address.bucket}, key: {address.key}). "
                    "Please ensure that there is an object located at the URL and that the role passed to "
                    "CreateModel has permissions to download the model."
                ) from error
            raise
        started: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._on_main(
            lambda: started.put(_tried(server.start))
        )  # a process ends with the thread that starts it
        if (trouble := started.get()) is not None:
            raise modelserver.ModelServerError(str(trouble)) from trouble
        is_up = False
        try:
            is_up = server.ready(stopping=lambda: self._closing, timeout=self._startup_seconds)
        finally:
            if not is_up:
                server.stop()
        if not is_up:
            raise modelserver.ModelServerError("the instance is being stopped")
        return server

    def _make_room(self) -> None:
        """Unload what was not used for longest, while there are too many."""
        while True:
            with self._guard:
                loaded = [(name, book) for name, book in self._books.items() if book.server is not None]
            if len(loaded) <= self._most:
                return
            self._unload(*loaded[0])

    def _unload(self, name: str, book: _Book) -> None:
        """End a model's server; whoever asks for the model meanwhile waits, and loads it anew."""
        with book.lock:
            if self._books.get(name) is not book:
                return  # another thread was faster
            assert book.server is not None
            self._say(f"unloading model {name}")
            book.server.stop()
            shutil.rmtree(book.server.socket.parent.parent, ignore_errors=True)
            self._take_off(name)


def most_models(definition: Mapping[str, Any]) -> int:
    """Return how many models may be loaded at the same time."""
    if definition.get("MultiModelConfig", {}).get("ModelCacheSetting") == "Disabled":
        return 1
    text = definition.get("Environment", {}).get(LIMIT, "")
    return max(1, int(text)) if text.isdecimal() else MOST_MODELS


def _tried(call: Callable[[], None]) -> BaseException | None:
    try:
        call()
    except (OSError, modelserver.ModelServerError) as error:
        return error
    return None


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: str, handler: type[BaseHTTPRequestHandler], shelf: Shelf) -> None:
        super().__init__(address, handler)
        self.shelf = shelf


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a ping."""
        self._answer(200, "")

    def do_POST(self) -> None:
        """Load a model."""
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["name"]
        assert isinstance(self.server, _Server)
        try:
            self._answer(200, json.dumps({"socket": str(self.server.shelf.get(name))}))
        except MissingModelError as error:
            self._answer(404, str(error))
        except (modelserver.ModelServerError, OSError) as error:
            self._answer(500, f"model {name} cannot be loaded: {error}")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (the base class's name)
        """Say nothing: the model servers have logs of their own."""
