"""Scoring one data interval: the day's rows, the champion, and `partition` around one transform job.

Under `s3://<bucket>/<model>/`: `incoming/ds=<day>/rows.csv` (with a header) is what arrived,
`scores/ds=<day>/` the partition. A day whose partition was made from the same rows by the same model is not
scored again.
"""

from __future__ import annotations

import datetime as dt
import io
import random
from typing import TYPE_CHECKING, Any

from sagewind import aws, columns, load, naming, partition, quality, requests
from sagewind.errors import SagewindError
from sagewind.objects import Address, Objects
from sagewind.partition import Partition, Plan
from sagewind.steps import champions
from sagewind.steps.rows import ROW, Rows, features, own_header

if TYPE_CHECKING:
    from pathlib import Path

    from sagewind import spec


class IntervalError(SagewindError):
    """An interval cannot be scored."""


def prepare(
    spec_file: Path | str,
    *,
    day: str,
    until: str,
    name: str,
    champion: str = "",
    clients: aws.Clients = aws.client,
) -> dict[str, Any]:
    """Find the champion and the day's rows, and write what is to be scored.

    `until` (ISO 8601) is when the interval, or the day, ended, `name` what the transform job is called,
    `champion` is `day` or `today`; empty: as the spec has it. Returns the partition's facts, whether
    it is `done`, and the `request` of the job.

    Raises:
        SagewindError: `ChampionError`, `IntervalError` and `PartitionError` say what is missing or wrong, and
            in which row.

    """
    model = load.load(spec_file)
    place = aws.account(model.account, clients)
    sagemaker = clients("sagemaker")
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    as_of = until if (champion or model.score.champion) == "day" else ""
    version = champions.required(sagemaker, model, until=as_of)
    base = Address(place.bucket, model.name)
    where, rows = _arrived(model, objects, base, day)
    _check(model, rows, str(where))
    given = champions.features(objects, model, version)
    made = _partition(model, base, day, version.arn, given)
    plan = partition.prepare(objects, rows.to_csv(), made, name=str(where), shard_rows=model.score.shard_rows)
    model_name = champions.sagemaker_model(sagemaker, model, version, role=place.role)
    return {
        **_told(plan),
        "version": version.number,
        "statistics": version.statistics,
        "evaluation": version.evaluation,
        "day": day,
        "source": str(where),
        "request": requests.transform(
            model,
            name=name,
            model_name=model_name,
            data=str(plan.manifest),
            output=str(plan.output),
            kind="ManifestFile",
            processing=partition.processing(len(given)),
        ),
    }


def publish(
    spec_file: Path | str, *, prepared: dict[str, Any], clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Reconcile and write the partition, `_SUCCESS` last; then delete the shards.

    Raises:
        PartitionError: rows were lost, invented or scored twice.

    """
    model = load.load(spec_file)
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    plan = _plan(prepared)
    facts = partition.publish(objects, plan)
    partition.sweep(objects, plan.partition)
    return {**facts, "day": prepared["day"], "scores_uri": str(plan.partition.scores)}


def _told(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain JSON values; `_plan` makes it again."""
    made = plan.partition
    return {
        "partition": vars(made) | {"root": str(made.root), "features": list(made.features)},
        "plan": {"key": plan.key, "rows": plan.rows, "shards": list(plan.shards), "done": plan.done},
        "pending": list(plan.pending),
    }


def _plan(prepared: dict[str, Any]) -> Plan:
    facts = prepared["partition"]
    made = Partition(**{**facts, "root": Address.parse(facts["root"]), "features": tuple(facts["features"])})
    plan = prepared["plan"]
    shards = tuple(plan["shards"])
    return Plan(
        partition=made, key=plan["key"], rows=plan["rows"], shards=shards, pending=(), done=plan["done"]
    )


def _partition(model: spec.Model, base: Address, day: str, version: str, given: tuple[str, ...]) -> Partition:
    return Partition(
        root=base / "scores",
        ds=dt.date.fromisoformat(day).isoformat(),
        model=version,
        id_column=model.data.id_column or ROW,
        features=given,
    )


def _table(model: spec.Model) -> Rows:
    file = load.data_file(model)
    return Rows.parse(file.read_bytes(), file.name)


def _arrived(model: spec.Model, objects: Objects, base: Address, day: str) -> tuple[Address, Rows]:
    """Return the day's rows, with ids; a sample of the training table where the spec says so."""
    where = base / "incoming" / naming.partition(day) / "rows.csv"
    if objects.head(where) is None:
        if model.score.sample_rows < 1:
            raise IntervalError(f"no rows have arrived for {day}: {where} does not exist")
        objects.write(where, _sample(model, day).to_csv(), content_type="text/csv")
    return where, Rows.parse(objects.read(where), str(where)).with_ids(model.data.id_column)


def _check(model: spec.Model, rows: Rows, where: str) -> None:
    """Hold the day's rows against what the spec's schema says of the id and the features.

    Raises:
        DataError: it names the rows. What share of a column may be missing is said of the training table; on
            a day any number may.

    """
    if model.schema is None:
        return
    wanted = {model.data.id_column, *features(model, own_header(model))}
    listed = tuple(
        columns.Column(
            **{
                **vars(each),
                "type": columns.Type(each.type),
                "max_null_fraction": 1.0 if each.max_null_fraction else 0.0,
            }
        )
        for each in model.schema.columns.values()
        if each.name in wanted
    )
    if listed:
        schema = columns.Schema(columns=listed, target="", min_rows=1, min_classes=1, allow_extra=True)
        quality.check_csv(io.BytesIO(rows.to_csv()), schema, file=where).require()


def _sample(model: spec.Model, day: str) -> Rows:
    """Return rows of the training table, chosen by the day, without the truth."""
    table = _table(model)
    kept = tuple(name for name in table.header if name != model.data.target)
    cells = table.pick(kept)
    count = min(model.score.sample_rows, len(cells))
    chosen = random.Random(day).sample(cells, k=count)  # noqa: S311 - a sample, not a secret
    return Rows(name=table.name, header=kept, cells=tuple(chosen))
