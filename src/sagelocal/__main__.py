"""`python -m sagelocal`: argv and environment → settings → serve. The only reader of the environment."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal import settings
from sagelocal.server import StartError, serve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagelocal.settings import Settings

_ELSEWHERE = {"emulator": "sagelocal.emulator.command"}
"""Subcommands that are modules of their own, with `run(argv) -> exit code`; loaded when asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand (`serve` when there is none) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in _ELSEWHERE:
        code: int = importlib.import_module(_ELSEWHERE[arguments[0]]).run(arguments[1:])
        return code
    return _serve(arguments, os.environ)


def _serve(arguments: list[str], environ: Mapping[str, str]) -> int:
    try:
        serve(_settings(arguments, environ), _for_jobs(environ))
    except (StartError, settings.SettingsError) as error:
        print(f"sagelocal: {error}", file=sys.stderr)  # noqa: T201  (the command line's own words)
        return 1
    return 0


def _settings(arguments: list[str], environ: Mapping[str, str]) -> Settings:
    """Build the settings from the environment; what the command line says goes before it."""
    given = vars(_parser().parse_args(arguments))
    chosen = {name: value for name, value in given.items() if name != "command" and value is not None}
    return dataclasses.replace(settings.from_environment(environ), **chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sagelocal",
        description="SageMaker in a process. Every setting is also a variable SAGELOCAL_<NAME>.",
        epilog="`sagelocal emulator --help` tells about the rest of AWS.",
    )
    parser.add_argument("command", nargs="?", choices=["serve", *_ELSEWHERE], default="serve")
    parser.add_argument("--host", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port to listen on (8088); 0 picks a free one")
    parser.add_argument(
        "--data",
        dest="data_dir",
        type=lambda text: Path(text).absolute(),
        help="where state and jobs are kept",
    )
    parser.add_argument("--on-exit", choices=["keep", "stop"], help="what a clean end does to running jobs")
    return parser


def _for_jobs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that jobs inherit: without a variable that doubles the time of every import."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


if __name__ == "__main__":
    sys.exit(main())
