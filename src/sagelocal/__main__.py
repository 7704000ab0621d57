"""`python -m sagelocal`: argv and environment → settings → a subcommand. Only this reads the environment."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal import __version__, server, settings
from sagelocal.client import addresses
from sagelocal.client import command as client_command
from sagelocal.container import command as environments_command
from sagelocal.emulator import EmulatorError, command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagelocal.settings import Settings

_OVERRIDES = ("host", "port", "data_dir", "on_exit")
"""Settings that the command line of `serve` may give; what it says goes before the environment."""
_NOT_INHERITED = "PYTHONDONTWRITEBYTECODE"
"""It doubles the time of every import, and jobs import much."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand (`serve` when none is named) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "serve")
    arguments = _parser().parse_args(words)
    environ = {name: value for name, value in os.environ.items() if name != _NOT_INHERITED}
    try:
        if arguments.command == "emulator":
            return command.run(arguments, settings.from_environment(environ), environ)
        if arguments.command == "env":
            return client_command.run(arguments, settings.from_environment(environ).data_dir, environ)
        if arguments.command == "envs":
            return environments_command.run(arguments, settings.from_environment(environ).cache_dir)
        server.serve(_settings(arguments, environ), environ)
    except (server.StartError, settings.SettingsError, EmulatorError, addresses.NotServingError) as error:
        print(f"sagelocal: {error}", file=sys.stderr)  # noqa: T201  (the command line's own words)
        return 1
    return 0


def _settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    given = {name: getattr(arguments, name) for name in _OVERRIDES}
    chosen = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(settings.from_environment(environ), **chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sagelocal",
        description="SageMaker in a process.",
        epilog="Without a command it serves. Every setting is also a variable, SAGELOCAL_<NAME>.",
    )
    parser.add_argument("--version", action="version", version=f"sagelocal {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the SageMaker API")
    serve.add_argument("--host", help=f"the address to listen on ({settings.Settings.host})")
    serve.add_argument(
        "--port", type=int, help=f"the port to listen on ({settings.Settings.port}); 0: any free one"
    )
    serve.add_argument(
        "--data",
        dest="data_dir",
        metavar="FOLDER",
        type=lambda text: Path(text).absolute(),
        help=f"where state and jobs are kept ({settings.Settings.data_dir})",
    )
    serve.add_argument("--on-exit", choices=["keep", "stop"], help="what a clean end does to running jobs")
    command.add(commands)
    client_command.add(commands)
    environments_command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
