"""The process of the service: its lock, its socket, its server, and a clean end on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import gc
import logging
import os
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn

from sagelocal import app, connection
from sagelocal.client import addresses as address_book
from sagelocal.client import variables
from sagelocal.emulator import command as emulator
from sagelocal.serving import memory
from sagelocal.settings import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sagelocal.settings import Settings

_BACKLOG = 2048


class StartError(Exception):
    """The service cannot start; the message says what stands in its way."""


def serve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run the service until SIGTERM or SIGINT.

    Raises:
        StartError: another service has the data directory, or something else has the port.
        SettingsError: the data directory cannot be made.

    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    with (
        _locked(settings.data_dir),
        _listening(settings) as listener,
        emulator.companion(settings, environ) as addresses,
    ):
        os.environ.update(addresses)  # boto3 reads them: the service's own calls are not to reach AWS
        service = app.build(settings, {**environ, **addresses, **_own_addresses(listener)})
        config = connection.configuration(service.gateway, service.data_plane)
        server = _Server(config, service, addresses, {**environ, **addresses})
        # uvicorn restores these at its end, and raises there once more what it caught.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        service.start()
        memory.give_back()
        gc.freeze()  # the service models are for good: no collection needs to look through them
        server.run(sockets=[listener])
        # A second Ctrl-C does not wait for what is being stopped.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        service.stop()


class _Server(uvicorn.Server):
    """uvicorn, telling when it is ready."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: app.App,
        addresses: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(config)
        self._service = service
        self._addresses = addresses
        self._aws = environ.get("AWS_ENDPOINT_URL") or environ.get("AWS_ENDPOINT_URL_S3", "")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        self._service.data_plane.accept(connection.adopter(self.config, self.server_state, loop))
        settings = self._service.settings
        lines = [f"{name}={value}" for name, value in self._addresses.items()]
        for each in sockets or []:
            host, port = each.getsockname()[:2]
            lines.append(f"sagelocal is ready on http://{host}:{port}")
            book = address_book.Addresses(sagelocal=_url(each), aws=self._aws, region=settings.region)
            address_book.write(settings.data_dir, book)
        print("\n".join(lines), flush=True)  # noqa: T201  (what the one who started it waits for)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.gateway.release()  # uvicorn waits for the calls that it answers
        await super().shutdown(sockets)


def _url(listener: socket.socket) -> str:
    return address_book.url(*listener.getsockname()[:2])


def _own_addresses(listener: socket.socket) -> dict[str, str]:
    """Return the variables by which what runs in a job or behind an endpoint finds this service."""
    return {f"AWS_ENDPOINT_URL_{service}": _url(listener) for service in variables.SAGEMAKER}


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    # Requests are kept in it, and these may hold passwords: it is nobody else's to read.
    make_folder(data_dir, 0o700)
    with (data_dir / address_book.LOCK).open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(
                f"another sagelocal serves the data directory {data_dir}; stop it, or choose one by --data"
            ) from None
        yield


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            hint = "; --port 0 finds a free one" if error.errno == errno.EADDRINUSE else ""
            raise StartError(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}{hint}"
            ) from error
        listener.listen(_BACKLOG)
        yield listener
