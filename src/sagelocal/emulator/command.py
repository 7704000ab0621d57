"""`python -m sagelocal emulator`: the emulator in the foreground; and as the companion of `serve`."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import settings as configuration
from sagelocal.emulator import account as accounts
from sagelocal.emulator import keeper, process

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from sagelocal.settings import Settings

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)


def environments_folder(environ: Mapping[str, str]) -> Path:
    """Where environments are kept for every data directory of this user (XDG base directories)."""
    return configuration.cache_folder(environ) / "emulator"


def add(commands: Subparsers) -> None:
    """Declare the subcommand's arguments."""
    parser = commands.add_parser(
        "emulator", help="run the AWS emulator (S3, IAM, STS, CloudWatch ...) alone, on loopback"
    )
    parser.add_argument(
        "--port", type=int, default=4566, help="loopback port, 0 for any free one (%(default)s)"
    )
    parser.add_argument("--host", default=process.HOST, help="the address to listen on (%(default)s)")
    parser.add_argument("--data", type=Path, default=None, help="its data directory (data_dir/emulator)")
    parser.add_argument("--env-dir", type=Path, default=None, help="where its Python environment is cached")


def run(arguments: argparse.Namespace, settings: Settings, environ: Mapping[str, str]) -> int:
    """Run it until SIGTERM or Ctrl-C; the exit code is 0 then, and 1 when it ended by itself."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    with process.start(
        port=arguments.port,
        host=arguments.host,
        data=(arguments.data or settings.data_dir / "emulator").absolute(),
        environments=arguments.env_dir or environments_folder(environ),
        account=accounts.Account(number=settings.account, region=settings.region),
        environ=environ,
    ) as emulator:
        sys.stdout.write(f"AWS emulator: {emulator.endpoint}, account {settings.account}\n")
        sys.stdout.flush()
        while not asked.wait(0.5):
            code = emulator.process.poll()
            if code is not None:
                sys.stderr.write(f"the AWS emulator ended with {code}; its log is {emulator.log}\n")
                return 1
    return 0


@contextlib.contextmanager
def companion(settings: Settings, environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give the service an emulator of its own when its environment names none.

    Yields what the environment must get in addition: nothing when `AWS_ENDPOINT_URL` or `AWS_ENDPOINT_URL_S3`
    is set already. An emulator that dies is started again. It ends with the context; the next one gets its
    port, so that jobs which outlive a crash of the service find their objects again.
    """
    if environ.get("AWS_ENDPOINT_URL") or environ.get("AWS_ENDPOINT_URL_S3"):
        yield {}
        return
    data = (settings.data_dir / "emulator").absolute()
    kept = keeper.Keeper(
        functools.partial(
            process.start,
            port=process.lasting_port(data),
            data=data,
            environments=environments_folder(environ),
            account=accounts.Account(number=settings.account, region=settings.region),
            environ=environ,
        )
    )
    try:
        yield kept.begin().client_environment
    finally:
        kept.end()
