"""`sagelocal ps`: the jobs and endpoints of a running service."""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.client import connection

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from sagelocal.settings import Settings

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)

OVER = ("Completed", "Failed", "Stopped")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A kind of work, and where a list of it has what is shown."""

    kind: str
    operation: str
    members: str
    prefix: str


SOURCES = (
    _Source(
        kind="training", operation="list_training_jobs", members="TrainingJobSummaries", prefix="TrainingJob"
    ),
    _Source(
        kind="processing",
        operation="list_processing_jobs",
        members="ProcessingJobSummaries",
        prefix="ProcessingJob",
    ),
    _Source(
        kind="transform",
        operation="list_transform_jobs",
        members="TransformJobSummaries",
        prefix="TransformJob",
    ),
    _Source(
        kind="tuning",
        operation="list_hyper_parameter_tuning_jobs",
        members="HyperParameterTuningJobSummaries",
        prefix="HyperParameterTuningJob",
    ),
    _Source(kind="endpoint", operation="list_endpoints", members="Endpoints", prefix="Endpoint"),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One job or endpoint."""

    kind: str
    name: str
    status: str
    created: dt.datetime


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Declare the subcommand's arguments; return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "ps", help="list jobs that are not over, and endpoints"
    )
    parser.add_argument("-a", "--all", action="store_true", help="also the jobs that are over")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    return parser


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """List them, newest first.

    Raises:
        addresses.NotServingError: no service runs in the data directory.

    """
    service = connection.client(settings, "sagemaker")
    rows = [
        row for row in _rows(service) if arguments.all or row.status not in OVER or row.kind == "endpoint"
    ]
    rows.sort(key=lambda row: row.created, reverse=True)
    if arguments.json:
        listed = [asdict(row) | {"created": row.created.isoformat()} for row in rows]
        sys.stdout.write(json.dumps(listed, indent=2) + "\n")
        return 0
    now = dt.datetime.now(dt.UTC)
    cells = [(row.kind, row.name, row.status, age((now - row.created).total_seconds())) for row in rows]
    sys.stdout.writelines(table(("KIND", "NAME", "STATUS", "AGE"), cells))
    return 0


def _rows(service: Any) -> Iterator[Row]:
    for source in SOURCES:
        for page in service.get_paginator(source.operation).paginate():
            for each in page[source.members]:
                yield Row(
                    kind=source.kind,
                    name=each[f"{source.prefix}Name"],
                    status=each[f"{source.prefix}Status"],
                    created=each["CreationTime"],
                )


def age(seconds: float) -> str:
    """Spell a duration in its two largest units: `42s`, `3m 10s`, `2h 5m`, `4d 1h`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose columns are as wide as what is in them."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip() + "\n"
