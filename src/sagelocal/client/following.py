"""`sagelocal logs`: what the containers of a job or an endpoint said, from its folder.

The folder is there as soon as the job starts, and stays when it is over. Reading it needs no running service:
jobs outlive one.
"""

from __future__ import annotations

import sys
import time
from typing import IO, TYPE_CHECKING, Any

from sagelocal.client.connection import CommandError
from sagelocal.jobs.kinds import JOB_KINDS
from sagelocal.jobs.store import MissingError, Store

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from sagelocal.jobs.store import Resource
    from sagelocal.settings import Settings

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)

_ENDPOINT = "endpoint"
_KINDS = (*JOB_KINDS, _ENDPOINT)
_POLL_SECONDS = 0.2


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Declare the subcommand's arguments; return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "logs", help="print the log of a job or an endpoint"
    )
    parser.add_argument("name", metavar="JOB", help="the name of a job or an endpoint")
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on until the job is over, or the endpoint gone",
    )
    parser.add_argument("--kind", choices=_KINDS, help="where several have the name: which is meant")
    return parser


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the log.

    Raises:
        CommandError: no job or endpoint has the name, or several have it.

    """
    kind = _find(settings.data_dir, arguments.name, arguments.kind)
    printer = _Printer(settings.data_dir / "jobs" / kind / arguments.name, sys.stdout)
    store = Store(settings.data_dir / "state.db")
    try:
        while arguments.follow and not _is_over(store, kind, arguments.name):
            printer.print()
            time.sleep(_POLL_SECONDS)
        printer.print()
    except KeyboardInterrupt:
        return 130
    finally:
        store.close()
    return 0


class _Printer:
    """Prints what was added to the logs in a folder since the last time, whole lines only."""

    def __init__(self, root: Path, out: IO[str]) -> None:
        self._root = root
        self._out = out
        self._read: dict[Path, int] = {}

    def print(self) -> None:
        """Print what is new; lines are marked with their container where there are several."""
        logs = sorted(self._root.rglob("container*.log"))
        several = len(logs) > 1
        for path in logs:
            mark = f"{_origin(self._root, path)}: " if several else ""
            for line in self._new(path):
                self._out.write(mark + line)
        self._out.flush()

    def _new(self, path: Path) -> list[str]:
        with path.open("rb") as log:
            log.seek(self._read.get(path, 0))
            whole, newline, _ = log.read().rpartition(b"\n")
        text = whole + newline
        self._read[path] = self._read.get(path, 0) + len(text)
        return [f"{line}\n" for line in text.decode(errors="replace").split("\n")[:-1]]


def _origin(root: Path, path: Path) -> str:
    folder = path.parent.relative_to(root).as_posix()
    host = path.stem.removeprefix("container").lstrip("-")
    return "/".join(part for part in (folder.removeprefix("."), host) if part) or "algo-1"


def _find(data_dir: Path, name: str, kind: str | None) -> str:
    if not (data_dir / "state.db").exists():
        raise CommandError(f"{data_dir} is no data directory of sagelocal; name one by --data")
    store = Store(data_dir / "state.db")
    try:
        kinds = [each for each in ([kind] if kind else _KINDS) if _get(store, each, name) is not None]
    finally:
        store.close()
    if not kinds:
        what = kind or "job or endpoint"
        raise CommandError(f"no {what} {name!r} in {data_dir}; `sagelocal ps --all` lists them")
    if len(kinds) > 1:
        raise CommandError(f"{name!r} is the name of {', '.join(kinds)}; choose one by --kind")
    return kinds[0]


def _get(store: Store, kind: str, name: str) -> Resource | None:
    try:
        return store.get(kind, name)
    except MissingError:
        return None


def _is_over(store: Store, kind: str, name: str) -> bool:
    found = _get(store, kind, name)
    if found is None:
        return True
    if kind == _ENDPOINT:
        return bool(found.body["EndpointStatus"] == "Failed")
    return bool(JOB_KINDS[kind].is_over(found.body))
