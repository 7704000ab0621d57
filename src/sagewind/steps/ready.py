"""The first step of a pipeline: the data held against its schema, the budget against the bill, both uploaded.

Everything that can be found wrong before a job is paid for is found here. Keys on S3 are made from content,
so what did not change is not sent again.
"""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewind import aws, columns, dataset, holdout, images, load, naming, pack, profile, quality
from sagewind.lint import check, declared
from sagewind.objects import Address, Objects
from sagewind.steps import source, spending
from sagewind.steps.rows import Rows, features, own_header, to_csv
from sagewind.upload import put_once

if TYPE_CHECKING:
    from sagewind import spec

VALIDATION_SHARE = 0.2
"""Of the rows to train on, what an algorithm of Amazon's measures itself on while it trains or is tuned."""


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The training table, and what errors and the manifest call it."""

    content: bytes
    name: str
    files: tuple[str, ...]


def ready(
    spec_file: Path | str,
    *,
    data: str,
    run_name: str,
    until: str,
    exported: str = "",
    instance_type: str = "",
    clients: aws.Clients = aws.client,
) -> dict[str, Any]:
    """Check data and budget, put code and data on S3, and return where everything is.

    `data` is the S3 address of another table than the spec's; empty: the spec's. `until` is an ISO 8601 time:
    of a history in partitions, only days that ended by then are used. `exported` is the S3 prefix of an
    export of the spec's DynamoDB table, `instance_type` the machine that was chosen to train on; empty: the
    spec's.

    Raises:
        SagewindError: `LintError` names the lines of spec and script that do not fit each other, `DataError`
            the rows that break the schema, `BudgetExceededError` the amounts;
            `LoadError`, `HoldoutError`, `PackError` and `ImageError` say what else cannot be used.

    """
    model = load.load(spec_file)
    check.demand_clean(check.lint(declared.subject(model, Path(spec_file))))
    place = aws.account(model.account, clients)
    image = images.uri(model.image, place.region)
    spending.check(model, clients, now=dt.datetime.now(dt.UTC), instance_type=instance_type)
    s3 = clients("s3")
    aws.ensure_bucket(s3, place.bucket, place.region)
    objects = Objects(s3, kms_key=model.account.kms_key)
    base = Address(place.bucket, model.name)
    run = base / "runs" / run_name
    table = _table(model, objects, base, data=data, until=until, exported=exported)
    _check(model, table, objects, run)
    return {
        "role": place.role,
        "region": place.region,
        "image": image,
        **_code(model, objects, base),
        **_data(model, objects, base, table),
        "models": str(base / "models"),
        "run": f"{run}/",
        "capture": str(base / "capture"),
        "until": until,
    }


def _table(
    model: spec.Model, objects: Objects, base: Address, *, data: str, until: str, exported: str
) -> _Table:
    """Read the table from where a person or the spec says."""
    if data:
        return _Table(content=objects.read(Address.parse(data)), name=data, files=(data,))
    if model.data.dynamodb is not None:
        rows = source.exported(model, model.data.dynamodb, objects, exported)
        return _Table(content=rows.to_csv(), name=rows.name, files=(exported,))
    if model.data.landing is not None:
        rows = source.landed(model, model.data.landing, objects, until)
        return _Table(content=rows.to_csv(), name=rows.name, files=(rows.name,))
    if not model.data.history:
        file = load.data_file(model)
        return _Table(content=file.read_bytes(), name=file.name, files=(file.name,))
    chosen = dataset.as_of(
        objects,
        base / model.data.history,
        dt.datetime.fromisoformat(until),
        days=model.data.window_days,
    )
    parts = [Rows.parse(objects.read(each.address), str(each.address)) for each in chosen.entries]
    first = parts[0]
    cells = tuple(row for part in parts for row in part.pick(first.header))
    whole = Rows(name=str(chosen.prefix), header=first.header, cells=cells)
    return _Table(content=whole.to_csv(), name=whole.name, files=tuple(part.name for part in parts))


def _check(model: spec.Model, table: _Table, objects: Objects, run: Address) -> None:
    """Hold the table against the schema; the report of a failure is on S3 before the step fails."""
    schema = to_schema(model)
    if schema is None:
        return
    found = quality.check_csv(io.BytesIO(table.content), schema, file=table.name)
    objects.write_json(run / "quality.json", found.to_json())
    found.require()


def to_schema(model: spec.Model) -> columns.Schema | None:
    """Return the spec's schema as the data gate takes it, None when the spec has none."""
    wanted = model.schema
    if wanted is None:
        return None
    listed = tuple(
        columns.Column(**{**vars(each), "type": columns.Type(each.type)}) for each in wanted.columns.values()
    )
    target = model.data.target if model.data.target in wanted.columns else ""
    return columns.Schema(
        columns=listed,
        target=target,
        min_rows=wanted.min_rows,
        min_classes=wanted.min_classes,
        allow_extra=wanted.allow_extra,
    )


def _code(model: spec.Model, objects: Objects, base: Address) -> dict[str, Any]:
    """Put the code as one archive for training and serving, and file by file for the evaluation.

    An archive that is on S3 already stays where it is, under its own name.
    """
    if model.is_algorithm:
        return {"code": "", "scripts": "", "code_hash": "", "requirements": ""}
    code, archive = _archive(model, objects, base)
    key, files = pack.unpack(archive, name=code)
    home = base / "code" / key / "files"
    for name, content in sorted(files.items()):
        put_once(objects, home / name, content, "text/plain")
    return {
        "code": code,
        "scripts": f"{home}/",
        "code_hash": key,
        "requirements": str(home / "requirements.txt") if "requirements.txt" in files else "",
    }


def _archive(model: spec.Model, objects: Objects, base: Address) -> tuple[str, bytes]:
    """Return where the packed code is, put there from the spec's folder, and the archive itself."""
    folder = load.source_directory(model)
    if folder is None:
        return model.source.directory, objects.read(Address.parse(model.source.directory))
    key, archive = pack.pack(folder)
    address = base / "code" / key / "sourcedir.tar.gz"
    put_once(objects, address, archive, "application/gzip")
    return str(address), archive


def _data(model: spec.Model, objects: Objects, base: Address, table: _Table) -> dict[str, Any]:
    """Hold rows out, and put both parts, the rows to score and the baseline for drift."""
    content = _ordered(model, table)
    key = _data_key(model, content)
    home = base / "data" / key
    named = load.data_file(model).name
    parts = holdout.split(
        content, share=model.evaluation.share, name=table.name, id_column=model.data.id_column
    )
    test = Rows.parse(parts.test, table.name).with_ids(model.data.id_column)
    ids = model.data.id_column or test.header[0]
    given = features(model, test.header)
    put_once(objects, home / "test" / "test.csv", parts.test, "text/csv")
    to_score = to_csv(test.pick((ids, *given)))
    put_once(objects, home / "held-out" / "test.csv", to_score, "text/csv")
    channels = _channels(model, objects, home, parts.train, named)
    baseline = _baseline(model, objects, home, Rows.parse(parts.train, table.name))
    return {
        **channels,
        **baseline,
        "test": f"{home / 'test'}/",
        "held_out": str(home / "held-out" / "test.csv"),
        "data_hash": key,
        "rows": parts.train_rows + parts.test_rows,
        "train_rows": parts.train_rows,
        "test_rows": parts.test_rows,
        "files": list(table.files),
    }


def _ordered(model: spec.Model, table: _Table) -> bytes:
    """Return the table with the columns of the spec's own, in their order: rows are scored in that.

    Raises:
        RowsError: it lacks one of them.

    """
    rows, columns = Rows.parse(table.content, table.name), own_header(model)
    return table.content if rows.header == columns else rows.ordered(columns).to_csv()


def _data_key(model: spec.Model, content: bytes) -> str:
    """Return a hash of all that decides what `_data` writes: nothing is written twice under one key."""
    told = (model.data.file, model.data.target, model.data.id_column, *features(model, own_header(model)))
    kind = "algorithm" if model.is_algorithm else "script"
    return naming.digest((naming.content_hash(content), str(model.evaluation.share), kind, *told))[:16]


def _channels(model: spec.Model, objects: Objects, home: Address, train: bytes, named: str) -> dict[str, str]:
    """Put the training rows: as a script reads them, or as algorithms do (target first, no header)."""
    if not model.is_algorithm:
        put_once(objects, home / "train" / named, train, "text/csv")
        return {"train": f"{home / 'train'}/", "validation": ""}
    parts = holdout.split(train, share=VALIDATION_SHARE, name=named, seed="validation")
    for name, content in (("train", parts.train), ("validation", parts.test)):
        rows = Rows.parse(content, named)
        plain = to_csv(rows.pick((model.data.target, *features(model, rows.header))))
        put_once(objects, home / name / "rows.csv", plain, "text/csv")
    return {"train": f"{home / 'train'}/", "validation": f"{home / 'validation'}/"}


def _baseline(model: spec.Model, objects: Objects, home: Address, train: Rows) -> dict[str, str]:
    """Put the profile of what is trained on, as Model Monitor's two files."""
    listed = model.schema.columns.values() if model.schema else ()
    text = [each.name for each in listed if each.type == "string"]
    made = profile.profile(train.columns(features(model, train.header)), text=text)
    objects.write_json(home / "statistics.json", profile.to_statistics(made))
    objects.write_json(home / "constraints.json", profile.to_constraints(made))
    return {
        "statistics": str(home / "statistics.json"),
        "constraints": str(home / "constraints.json"),
    }
