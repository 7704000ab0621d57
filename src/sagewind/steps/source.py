"""Rows that do not travel with the DAGs: what DynamoDB exported, what Firehose landed.

Either becomes a table with the columns of the spec's `data.file`, in their order.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sagewind import aws, dynamodb, landing, load, naming
from sagewind.errors import SagewindError
from sagewind.landing import Landed
from sagewind.objects import Address, Objects
from sagewind.steps.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sagewind import sources, spec

NOT_YET_RESTORABLE = dt.timedelta(minutes=5)
"""By how much point-in-time recovery is behind (DynamoDB developer guide, LatestRestorableDateTime)."""


class SourceError(SagewindError):
    """A model's rows cannot be had from where its spec says."""


def place(
    spec_file: Path | str,
    *,
    until: str,
    backfill: bool,
    now: dt.datetime,
    clients: aws.Clients = aws.client,
) -> dict[str, str]:
    """Say where a run's export goes, and of which time (ISO 8601; empty: now) it is; make the bucket.

    `until` is up to when the run may use data, `now` an aware datetime.

    Raises:
        SourceError: a backfill asks for a scan, which sees the table as it is today.

    """
    model = load.load(spec_file)
    source = model.data.dynamodb
    if source is None:
        return {}
    if source.export == "scan" and backfill:
        raise SourceError(
            f"data.dynamodb.export is 'scan', which sees {source.table} as it is now and not as of {until}; "
            "a backfill needs point_in_time"
        )
    where = aws.account(model.account, clients)
    aws.ensure_bucket(clients("s3"), where.bucket, where.region)
    settled = dt.datetime.fromisoformat(until) <= now - NOT_YET_RESTORABLE
    timed = source.export == "point_in_time" and settled
    return {"bucket": where.bucket, "export_time": until if timed else ""}


def exported(model: spec.Model, source: sources.DynamoDB, objects: Objects, uri: str) -> Rows:
    """Return the items that an export wrote below `uri`.

    Raises:
        SourceError: there are fewer items than the export says, or none; or no item has a column.
        ExportError: an item cannot be a row.

    """
    keys = [each.address for each in objects.list(Address.parse(uri))]
    files = [(str(each), objects.read(each)) for each in keys if dynamodb.is_data(f"/{each.key}")]
    read = dynamodb.rows(files, columns(model), attributes=source.attributes, name=source.table)
    for each in keys:
        if dynamodb.is_summary(f"/{each.key}"):
            said = dynamodb.count_of(objects.read(each), str(each))
            if said != len(read.cells):
                raise SourceError(f"{uri}: has {len(read.cells)} items; its summary says {said}")
    return _with_all_columns(read, f"table {source.table}")


def landed(model: spec.Model, source: sources.Landing, objects: Objects, until: str) -> Rows:
    """Return the records that had landed by `until`, of `data.window_days`.

    Raises:
        SourceError: nothing has landed, or no record has a column.
        LandingError: an object or a record cannot be read.

    """
    read = _landed(model, source, objects, columns(model), until=until, days=model.data.window_days)
    return _with_all_columns(read, source.prefix)


def land(spec_file: Path | str, *, day: str, clients: aws.Clients = aws.client) -> dict[str, Any]:
    """Put the records that landed on a day (UTC) to where the day's rows are looked for.

    Raises:
        SourceError: nothing has landed.
        LandingError: an object or a record cannot be read.

    """
    model = load.load(spec_file)
    source = model.score.landing
    if source is None:
        raise SourceError(f"{model.name}: the spec has no score.landing")
    bucket = aws.account(model.account, clients).bucket
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    wanted = tuple(name for name in columns(model) if name != model.data.target)
    read = _landed(model, source, objects, wanted, until=naming.end_of_day(day), days=1)
    to = Address(bucket, model.name) / "incoming" / naming.partition(day) / "rows.csv"
    objects.write(to, read.to_csv(), content_type="text/csv")
    return {"uri": str(to), "rows": len(read.cells), "day": day}


def columns(model: spec.Model) -> tuple[str, ...]:
    """Return the columns of the training table: those of the file that travels with the spec."""
    file = load.data_file(model)
    return Rows.parse(file.read_bytes(), file.name).header


def _landed(
    model: spec.Model,
    source: sources.Landing,
    objects: Objects,
    wanted: Sequence[str],
    *,
    until: str,
    days: int,
) -> Rows:
    entries = objects.list(Address(source.bucket, source.key))
    chosen = landing.select(entries, source.key, until, days=days)
    bodies = (Landed(name=str(each.address), body=objects.read(each.address)) for each in chosen)
    read = landing.rows(
        bodies, wanted, form=source.format, name=source.prefix, id_column=model.data.id_column
    )
    if not read.cells:
        window = f"the {days} day(s) before {until}" if days else f"any hour before {until}"
        raise SourceError(f"{source.prefix}: nothing has landed in YYYY/MM/DD/HH/ of {window}")
    return read


def _with_all_columns(read: Rows, what: str) -> Rows:
    """Refuse a table in which a column is empty in every row: it is called otherwise there."""
    if not read.cells:
        raise SourceError(f"{what}: has no items; rows are needed")
    empty = [name for place, name in enumerate(read.header) if not any(row[place] for row in read.cells)]
    if empty:
        raise SourceError(
            f"{what}: no row of {len(read.cells)} has {', '.join(empty)}, a column of data.file"
        )
    return read
