"""`sagelocal images`: the images that can be run here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sagelocal.container import images

if TYPE_CHECKING:
    import argparse

    from sagelocal.container.families import Release

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)

_ROW = "{:<28} {:<16} {:<24} {:<10} {}\n"


def add(commands: Subparsers) -> None:
    """Declare the subcommand's arguments."""
    commands.add_parser("images", help="list the images that jobs and models may name")


def run() -> int:
    """Print a table: repository, tag, framework, its version, and whether this interpreter can have it."""
    interpreter = sys.version_info[:2]
    sys.stdout.write(_ROW.format("REPOSITORY", "TAG", "FRAMEWORK", "VERSION", "RUNS"))
    for repository, family in images.FAMILIES.items():
        for release in family.releases:
            runs = "yes" if release.installable(interpreter) else _why_not(release, interpreter)
            sys.stdout.write(_ROW.format(repository, release.tag, family.framework, release.version, runs))
    return 0


def _why_not(release: Release, interpreter: tuple[int, int]) -> str:
    have = ".".join(map(str, interpreter))
    if release.lack:
        return f"no: it {release.lack}"
    if not release.lock:
        return f"no: it has no wheels for Python 3.11 or later (this is {have})"
    low, high = (".".join(map(str, each)) for each in release.python)
    return f"no: it needs Python {low} up to, without, {high} (this is {have})"
