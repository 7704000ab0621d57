"""`sagelocal reset`: empty a data directory, when nothing uses it and it is one of sagelocal's."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

from sagelocal.client import addresses
from sagelocal.client.connection import CommandError
from sagelocal.jobs.folder import JobFolder
from sagelocal.jobs.store import FORMAT_VERSION

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from sagelocal.settings import Settings

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)

_STATE = "state.db"
OWN = (
    *("jobs", "runners", "asynchronous", "emulator"),
    *(addresses.FILE, f".{addresses.FILE}"),
    *(f"{_STATE}-wal", f"{_STATE}-shm", _STATE),
    addresses.LOCK,
)
"""What is sagelocal's in a data directory, in the order in which it is removed: a reset that was broken off
can be begun again, since the mark goes last but one. Anything else is left alone."""


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Declare the subcommand's arguments; return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "reset", help="remove all state: jobs, endpoints, models, and the emulator's objects"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    return parser


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Empty the data directory; the exit code is 1 when the answer to the question is no.

    Raises:
        CommandError: the directory is not sagelocal's, or something in it is in use.

    """
    folder = settings.data_dir
    _check_ours(folder)
    if not arguments.yes and not _agreed(folder):
        sys.stdout.write("nothing was removed\n")
        return 1
    with _locked(folder):
        _check_idle(folder)
        for name in OWN:
            _remove(folder / name)
    left = sorted(path.name for path in folder.iterdir())
    if left:
        sys.stdout.write(f"{folder} is reset; left are {', '.join(left)}, which are not sagelocal's\n")
    else:
        folder.rmdir()
        sys.stdout.write(f"{folder} is removed\n")
    return 0


def _check_ours(folder: Path) -> None:
    path = folder / _STATE
    if folder.is_symlink() or not path.is_file():
        raise CommandError(
            f"{folder} is no data directory of sagelocal (it has no {_STATE}); nothing removed"
        )
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute("SELECT count(*) FROM resource").fetchone()
    except sqlite3.Error as error:
        raise CommandError(f"{path} is no state of sagelocal ({error}); nothing removed") from error
    if not 1 <= version <= FORMAT_VERSION:
        raise CommandError(
            f"{path} has format {version}; this sagelocal knows formats up to {FORMAT_VERSION}; "
            "nothing removed"
        )


def _check_idle(folder: Path) -> None:
    for lock in (folder / "jobs").glob("*/**/lock"):
        if JobFolder(lock.parent).is_alive():
            job = lock.parent.relative_to(folder / "jobs").as_posix()
            raise CommandError(
                f"{job} still runs in {folder}; stop it first: "
                "`sagelocal serve --on-exit stop`, ended by Ctrl-C, stops everything"
            )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / addresses.LOCK).open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"a sagelocal serves the data directory {folder}; stop it first") from None
        yield


def _agreed(folder: Path) -> bool:
    sys.stdout.write(f"Remove all jobs, endpoints, models and stored objects in {folder}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
