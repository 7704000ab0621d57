"""`python -m sagelocal`: argv and environment → settings → a subcommand. Only this reads the environment."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal import __version__, app, server, settings
from sagelocal.api import operations
from sagelocal.client import addresses, following, invoking, listing, reset
from sagelocal.client import command as client_command
from sagelocal.client.connection import CommandError
from sagelocal.container import command as environments_command
from sagelocal.container import images_command
from sagelocal.emulator import EmulatorError, command
from sagelocal.faults import FaultError
from sagelocal.jobs.store import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sagelocal.settings import Settings

    Command = Callable[[argparse.Namespace, Mapping[str, str]], int]

_OVERRIDES = ("host", "port", "data_dir", "on_exit", "faults")
"""Settings that the command line may give; what it says goes before the environment."""
_ERRORS = (
    server.StartError,
    settings.SettingsError,
    EmulatorError,
    addresses.NotServingError,
    CommandError,
    FaultError,
    FormatError,
)
"""What is the caller's to put right: told in a line, without a traceback."""
_NOT_INHERITED = "PYTHONDONTWRITEBYTECODE"
"""It doubles the time of every import, and jobs import much."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand (`serve` when none is named) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "serve")
    arguments = parser().parse_args(words)
    environ = {name: value for name, value in os.environ.items() if name != _NOT_INHERITED}
    try:
        return _COMMANDS[arguments.command](arguments, environ)
    except _ERRORS as error:
        print(f"sagelocal: {error}", file=sys.stderr)  # noqa: T201  (the command line's own words)
        return 1
    except BrokenPipeError:
        # `sagelocal logs JOB | head`: nobody reads on, and the interpreter must not try to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _serve(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    server.serve(_settings(arguments, environ), settings.without_secrets(environ))
    return 0


def _emulator(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return command.run(arguments, settings.from_environment(environ), environ)


def _env(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return client_command.run(arguments, settings.from_environment(environ).data_dir, environ)


def _envs(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return environments_command.run(arguments, settings.from_environment(environ).cache_dir)


def _images(_arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    return images_command.run()


def _client(run: Callable[[argparse.Namespace, Settings], int]) -> Command:
    """Make a command of what is about a data directory, and about the service that may run in it."""
    return lambda arguments, environ: run(arguments, _settings(arguments, environ))


def _api_table(_arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the page that says what becomes of every operation."""
    with tempfile.TemporaryDirectory() as folder:
        built = app.build(settings.Settings(data_dir=Path(folder)), {})
        sys.stdout.write(operations.markdown(built.treatments()))
    return 0


_COMMANDS: dict[str, Command] = {
    "serve": _serve,
    "ps": _client(listing.run),
    "logs": _client(following.run),
    "invoke": _client(invoking.run),
    "reset": _client(reset.run),
    "env": _env,
    "envs": _envs,
    "images": _images,
    "emulator": _emulator,
    "api-table": _api_table,
}


def _settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    given = {name: getattr(arguments, name, None) for name in _OVERRIDES}
    chosen = {name: value for name, value in given.items() if value is not None}
    found = dataclasses.replace(settings.from_environment(environ), **chosen)
    return dataclasses.replace(found, data_dir=found.data_dir.absolute())


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; the page about it is made from this."""
    whole = argparse.ArgumentParser(
        prog="sagelocal",
        description="SageMaker in a process.",
        epilog="Without a command it serves. Every setting is also a variable, SAGELOCAL_<NAME>.",
    )
    whole.add_argument("--version", action="version", version=f"sagelocal {__version__}")
    commands = whole.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the SageMaker API")
    serve.add_argument("--host", help=f"the address to listen on ({settings.Settings.host})")
    serve.add_argument(
        "--port", type=int, help=f"the port to listen on ({settings.Settings.port}); 0: any free one"
    )
    _add_data(serve)
    serve.add_argument("--on-exit", choices=["keep", "stop"], help="what a clean end does to running jobs")
    serve.add_argument("--faults", metavar="FILE", help="a plan of what is to go wrong (nothing)")
    commands.add_parser("api-table", help="print what becomes of every operation, as Markdown")
    command.add(commands)
    client_command.add(commands)
    for each in (listing, following, invoking, reset):
        _add_data(each.add(commands))
    images_command.add(commands)
    environments_command.add(commands)
    return whole


def _add_data(subparser: argparse.ArgumentParser) -> None:
    subparser.add_argument(
        "--data",
        dest="data_dir",
        metavar="FOLDER",
        type=lambda text: Path(text).absolute(),
        help=f"where state and jobs are kept ({settings.Settings.data_dir})",
    )


if __name__ == "__main__":
    sys.exit(main())
