"""Scoring one data interval: a partition `ds=…/` that is whole, exact and the same each time it is made.

The protocol, in the order of its steps:

1. `prepare` writes the rows to score, without a header, as shards `_work/<key>/in/part-00000.csv`; the key is
   a hash of the rows, the model and the settings, so other data or another model never meets old results.
2. The transform job reads only the shards that have no result yet (a `ManifestFile`), and writes
   `_work/<key>/out/part-00000.csv.out`: SageMaker leaves the results of finished objects when a job fails.
3. `publish` joins ids and predictions, and reconciles: every id that went in comes out, once. Only then are
   `scores.csv` and `scores.parquet` written, and `_SUCCESS` last, with the counts.

A reader trusts a partition that has `_SUCCESS`; names that begin with `_` are no data to Hive, Spark and
Athena. Nothing that is written holds a time or a job's name: repeating a partition gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind import csv_text
from sagewind.errors import SagewindError
from sagewind.parquet import to_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sagewind.objects import Address, Objects

SUCCESS = "_SUCCESS"
MANIFEST = "manifest.json"
SCORES = "scores.csv"
PARQUET = "scores.parquet"
SHARD_ROWS = 10_000
_DS = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}(-?\d{2})?)?")
_SHOWN = 5


class PartitionError(SagewindError):
    """A partition cannot be made exact; the message names the file, the row or the ids."""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One data interval's scores: where, whose rows (`id_column`), with which model."""

    root: Address
    ds: str
    """The interval: `2026-01-05`, or `2026-01-05T06` for an hour."""
    model: str
    """The model version's ARN or name: part of what makes two partitions equal."""
    id_column: str
    features: tuple[str, ...]
    """The columns that the model is given, in its order."""

    def __post_init__(self) -> None:
        """Refuse an interval that is no date, and an id that is a feature."""
        if not _DS.fullmatch(self.ds):
            raise PartitionError(f"partition: ds is {self.ds!r}; expected YYYY-MM-DD or YYYY-MM-DDTHH")
        if not self.features or self.id_column in self.features:
            raise PartitionError(
                f"partition {self.ds}: features are {self.features}; expected at least one, "
                f"and not the id {self.id_column!r}"
            )

    @property
    def home(self) -> Address:
        """The partition's prefix."""
        return self.root / f"ds={self.ds}"

    @property
    def scores(self) -> Address:
        """The partition's table: `id,prediction`."""
        return self.home / SCORES


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What there is to do: the shards without a result, none when only `publish` is left."""

    partition: Partition
    key: str
    rows: int
    shards: tuple[str, ...]
    pending: tuple[str, ...]
    done: bool

    @property
    def work(self) -> Address:
        """Where shards and results are."""
        return self.partition.home / "_work" / self.key

    @property
    def manifest(self) -> Address:
        """The transform job's `ManifestFile` input, present while something is pending."""
        return self.work / MANIFEST

    @property
    def output(self) -> Address:
        """The transform job's S3OutputPath."""
        return self.work / "out"


def processing(features: int) -> dict[str, str]:
    """Return the job's DataProcessing: the id is kept from the model, and joined to all that it answers.

    So each result line is `id,prediction`, unless the model answers more than one value for a row.
    Source: SageMaker developer guide, "Associate Prediction Results with Input Records".
    """
    return {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": f"$[0,{features + 1}:]"}


def prepare(
    objects: Objects, source: bytes, partition: Partition, *, name: str, shard_rows: int = SHARD_ROWS
) -> Plan:
    """Write the shards of `source`, a CSV with a header called `name`, and return what there is to do.

    A partition that `_SUCCESS` says was made from the same rows with the same model is done.

    Raises:
        PartitionError: the table lacks a column, holds a row of another length, no row, or an id twice.

    """
    rows = _project(source, partition, name)
    lines = [_line(row) for row in rows]
    key = hashlib.sha256("".join([partition.model, f"\0{shard_rows}\0", *lines]).encode()).hexdigest()[:16]
    starts = range(0, len(lines), shard_rows)
    shards = tuple(f"part-{place:05d}.csv" for place in range(len(starts)))
    plan = Plan(partition=partition, key=key, rows=len(lines), shards=shards, pending=(), done=False)
    if _succeeded(objects, partition) == key:
        return _with(plan, done=True)
    results = _results(objects, plan)
    bodies = {shard: "".join(lines[at : at + shard_rows]) for shard, at in zip(shards, starts, strict=True)}
    pending = tuple(s for s in shards if not _is_result(objects, results.get(s), bodies[s]))
    for shard in pending:
        objects.write(plan.work / "in" / shard, bodies[shard], content_type="text/csv")
    if pending:
        objects.write_json(plan.manifest, [{"prefix": f"{plan.work / 'in'}/"}, *pending])
    return _with(plan, pending=pending)


def publish(objects: Objects, plan: Plan) -> dict[str, Any]:
    """Join and reconcile the results, write the partition, and return what `_SUCCESS` holds.

    What is published already is left as it is: the results may have been swept before a retry.

    Raises:
        PartitionError: a result is missing, a row was lost, invented or scored twice, or a prediction is
        empty.

    """
    if plan.done or _succeeded(objects, plan.partition) == plan.key:
        found: dict[str, Any] = objects.read_json(plan.partition.home / SUCCESS)
        return found
    results = _results(objects, plan)
    missing = [shard for shard in plan.shards if shard not in results]
    if missing:
        raise PartitionError(f"{plan.output}: no result for {len(missing)} shard(s): {missing[:_SHOWN]}")
    rows = list(_reconciled(objects, plan, results))
    header = [plan.partition.id_column, "prediction"]
    text = "".join(map(_line, [header, *rows]))
    facts = {
        "key": plan.key,
        "model": plan.partition.model,
        "rows": plan.rows,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    home = plan.partition.home
    objects.delete([home / SUCCESS])
    objects.write(plan.partition.scores, text, content_type="text/csv")
    parquet = to_parquet(header, rows, text_columns=(plan.partition.id_column,))
    objects.write(home / PARQUET, parquet, content_type="application/vnd.apache.parquet")
    objects.write_json(home / SUCCESS, facts)
    return facts


def sweep(objects: Objects, partition: Partition) -> int:
    """Delete the shards and raw results of a published partition, and return how many objects there were.

    Raises:
        PartitionError: the partition is not published; its results would be lost.

    """
    if not _succeeded(objects, partition):
        raise PartitionError(f"{partition.home}: no {SUCCESS}; nothing is deleted before it is published")
    return objects.delete(entry.address for entry in objects.list(partition.home / "_work/"))


def _with(plan: Plan, *, pending: tuple[str, ...] = (), done: bool = False) -> Plan:
    return Plan(
        partition=plan.partition, key=plan.key, rows=plan.rows, shards=plan.shards, pending=pending, done=done
    )


def _succeeded(objects: Objects, partition: Partition) -> str:
    """Return the key that a published partition was made from; empty when it is not published."""
    success = partition.home / SUCCESS
    return str(objects.read_json(success)["key"]) if objects.head(success) else ""


def _project(source: bytes, partition: Partition, name: str) -> list[list[str]]:
    """Return id and features of every row, by the names in the header."""
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PartitionError(f"{name}: byte {error.start} is not UTF-8") from error
    reader = csv_text.reader(io.StringIO(text, newline=""))
    header: list[str] = next(reader, [])
    wanted = (partition.id_column, *partition.features)
    missing = [column for column in wanted if column not in header]
    if missing:
        raise PartitionError(f"{name} line 1: the header has no {', '.join(missing)}; it has {header}")
    places = [header.index(column) for column in wanted]
    rows: list[list[str]] = []
    seen: set[str] = set()
    for row in filter(None, reader):
        where = f"{name} line {reader.line_num}"
        if len(row) != len(header):
            raise PartitionError(f"{where}: {len(row)} values, the header has {len(header)}")
        key = row[places[0]]
        if not key or key in seen:
            what = f"{partition.id_column} {key!r} occurs twice" if key else "the id is empty"
            raise PartitionError(f"{where}: {what}")
        seen.add(key)
        rows.append([row[place] for place in places])
    if not rows:
        raise PartitionError(f"{name}: no rows to score")
    return rows


def _line(values: Sequence[str]) -> str:
    """Return one CSV line; line breaks inside a value would split a record, so they become spaces."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([" ".join(value.splitlines()) for value in values])
    return buffer.getvalue()


def _results(objects: Objects, plan: Plan) -> dict[str, Address]:
    """Return shard → its result, wherever under the output path SageMaker put it."""
    found = {entry.address.name: entry.address for entry in objects.list(plan.output / "")}
    return {shard: found[f"{shard}.out"] for shard in plan.shards if f"{shard}.out" in found}


def _is_result(objects: Objects, result: Address | None, shard: str) -> bool:
    """Whether a result of an earlier attempt has as many lines as its shard."""
    return result is not None and len(_parse(objects.read(result))) == shard.count("\n")


def _parse(body: bytes) -> list[list[str]]:
    return [row for row in csv_text.reader(io.StringIO(body.decode(), newline=""), strict=False) if row]


def _reconciled(objects: Objects, plan: Plan, results: dict[str, Address]) -> Iterator[list[str]]:
    """Yield id and prediction of every row, having checked each shard's ids and their order."""
    for shard in plan.shards:
        expected = [row[0] for row in _parse(objects.read(plan.work / "in" / shard))]
        got = _parse(objects.read(results[shard]))
        _require_rows(expected, got, str(results[shard]))
        yield from got


def _require_rows(expected: list[str], got: list[list[str]], where: str) -> None:
    """Raise unless the result has exactly one `id,prediction` for each id, in order."""
    for number, row in enumerate(got, start=1):
        if len(row) != 2 or not row[1].strip():  # noqa: PLR2004  (id and prediction)
            got_row = json.dumps(row[:_SHOWN])
            raise PartitionError(f"{where} line {number}: got {got_row}, expected id and one prediction")
    ids = [row[0] for row in got]
    if ids == expected:
        return
    lost, odd = _first(set(expected) - set(ids)), _first(set(ids) - set(expected))
    twice = _first(key for key, times in Counter(ids).items() if times > 1)
    raise PartitionError(
        f"{where}: {len(expected)} rows went in, {len(ids)} came out; "
        f"lost {lost}, unknown {odd}, twice {twice}, or in another order"
    )


def _first(keys: Iterable[str]) -> list[str]:
    return sorted(keys)[:_SHOWN]
