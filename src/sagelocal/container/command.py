"""`python -m sagelocal envs`: the environments on disk, listed and pruned."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from sagelocal.container.environments import Environments

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)

_DAY = 86_400


def add(commands: Subparsers) -> None:
    """Declare the subcommand's arguments."""
    parser = commands.add_parser("envs", help="list or prune the environments that stand for images")
    parser.add_argument("action", choices=["list", "prune"], nargs="?", default="list")
    parser.add_argument(
        "--unused-days",
        type=float,
        default=30.0,
        metavar="DAYS",
        help="prune what no job has used for so long (%(default)s)",
    )


def run(arguments: argparse.Namespace, cache_dir: Path) -> int:
    """Carry it out and return the exit code."""
    kept = Environments(cache_dir / "envs")
    if arguments.action == "prune":
        for key in kept.prune(time.time() - arguments.unused_days * _DAY):
            sys.stdout.write(f"removed {key}\n")
        return 0
    for listed in kept.listed():
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(listed.used))
        sys.stdout.write(f"{listed.key}  last used {used}  {listed.description}\n")
    return 0
