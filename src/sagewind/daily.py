"""Batch scoring of one day: gather its rows, and after the transform see that none was lost.

Layout, under `s3://<bucket>/<model>/`: `incoming/ds=<day>/rows.csv` (features, no header) is what arrived,
`scores/ds=<day>/rows.csv.out` the same rows with the prediction appended, and `scores/ds=<day>/_SUCCESS` is
written last. A day that was scored from the same rows by the same model is done; otherwise a repeated day
overwrites its own partition and nothing else.
"""

from __future__ import annotations

import csv
import io
import json
import math
import random
from typing import TYPE_CHECKING, Any

from sagewind import aws, load, naming, requests, table
from sagewind.errors import NotYetError, SagewindError
from sagewind.objects import Address, Objects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sagewind import spec

_ROWS = "rows.csv"
_SUCCESS = "_SUCCESS"
_LISTED = 5


class DayError(SagewindError):
    """A day cannot be scored, or was scored with rows lost."""


class NoModelError(NotYetError):
    """No run has verified a model yet."""


def gather(
    spec_file: Path | str, *, day: str, sample_rows: int, clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Find the model and the day's rows; a day that these have not scored is marked as not done.

    When nothing has arrived for the day, `sample_rows` rows of the spec's own table do, chosen by the
    date: so the DAG can be tried, and a repeated day has the same rows. 0: no rows is an error.

    Returns `model_name`, `data` and `output` (S3 addresses), `rows`, `day`, whether it is `done`, and the
    `key` of rows and model.

    Raises:
        NoModelError: no run has verified a model yet.
        DayError: no rows, or a row with another number of values or something else than a number.

    """
    model = load.load(spec_file)
    place = aws.account(model.account, clients)
    objects = Objects(clients("s3"))
    base = Address(place.bucket, model.name)
    partition = naming.partition(day)
    arrived = base / "incoming" / partition / _ROWS
    output = base / "scores" / partition
    model_name = newest_model(clients("sagemaker"), model)
    if objects.head(arrived) is None:
        objects.write(arrived, _sample(model, day, int(sample_rows), arrived), content_type="text/csv")
    content = objects.read(arrived)
    rows = _checked(content, model, arrived)
    key = naming.digest((model_name, naming.content_hash(content)))[:16]
    done = _is_done(objects, output, key)
    if not done:
        objects.delete([output / _SUCCESS])
    return {
        "model_name": model_name,
        "data": str(arrived),
        "output": str(output),
        "rows": rows,
        "day": day,
        "key": key,
        "done": done,
    }


def _is_done(objects: Objects, output: Address, key: str) -> bool:
    """Whether the scores are there, and `_SUCCESS` says that they were made of this."""
    if objects.head(output / _SUCCESS) is None or objects.head(output / f"{_ROWS}.out") is None:
        return False
    return bool(json.loads(objects.read(output / _SUCCESS)).get("key") == key)


def settle(
    gathered: dict[str, Any], *, transform_job: str, clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Count the scores and write `_SUCCESS`, which names no job: a repeated day has the same bytes.

    Raises:
        DayError: rows were lost or made up.

    """
    objects = Objects(clients("s3"))
    output = Address.parse(gathered["output"])
    scores = output / f"{_ROWS}.out"
    rows_out = table.count_rows(objects.read(scores))
    if rows_out != gathered["rows"]:
        raise DayError(f"{scores} has {rows_out} rows; {gathered['data']} has {gathered['rows']}")
    done = {
        "day": gathered["day"],
        "model": gathered["model_name"],
        "rows_in": gathered["rows"],
        "rows_out": rows_out,
        "scores_uri": str(scores),
        "key": gathered["key"],
    }
    objects.write_json(output / _SUCCESS, done)
    return {**done, "transform_job": transform_job}


def newest_model(sagemaker: Any, model: spec.Model) -> str:
    """Return the newest model of this spec that a run has verified behind its endpoint.

    Raises:
        NoModelError: there is none.

    """
    pages = sagemaker.get_paginator("list_models").paginate(
        NameContains=f"{model.name}-model-", SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for each in page["Models"]:
            found = sagemaker.list_tags(ResourceArn=each["ModelArn"])["Tags"]
            tags = {tag["Key"]: tag["Value"] for tag in found}
            if tags.get(requests.MODEL_TAG) == model.name and requests.VERIFIED_TAG in tags:
                return str(each["ModelName"])
    raise NoModelError(
        f"there is no model {model.name}-model-… with the tag {requests.VERIFIED_TAG}: "
        f"run the DAG {model.name!r} to its end first"
    )


def _sample(model: spec.Model, day: str, count: int, arrived: Address) -> bytes:
    if count < 1:
        raise DayError(f"no rows have arrived for {day}: {arrived} does not exist")
    file = load.data_file(model)
    rows = table.parse(file.read_bytes(), model.data.target, file.name).features
    chosen = random.Random(day).choices(rows, k=count)  # noqa: S311 - a sample, not a secret
    return table.to_csv(tuple(chosen))


def _checked(content: bytes, model: spec.Model, arrived: Address) -> int:
    """Return the number of rows, each with a value for every feature: a number where training had numbers."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DayError(f"{arrived}: is no UTF-8 text: {error.reason} at byte {error.start}") from error
    file = load.data_file(model)
    known = table.parse(file.read_bytes(), model.data.target, file.name)
    numeric = [all(map(_is_number, column)) for column in zip(*known.features, strict=True)]
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    wrong = [said for number, row in enumerate(rows, start=1) for said in _wrong(number, row, known, numeric)]
    if wrong:
        more = f"; and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
        raise DayError(f"{arrived}: {'; '.join(wrong[:_LISTED])}{more}")
    if not rows:
        raise DayError(f"{arrived} is empty")
    return len(rows)


def _wrong(number: int, row: list[str], known: table.Table, numeric: list[bool]) -> Iterator[str]:
    """Yield what is wrong with a row."""
    if len(row) != len(known.columns):
        wanted = ", ".join(known.columns)
        yield f"row {number} has {len(row)} values; {len(known.columns)} are needed: {wanted}"
        return
    for name, value, is_number in zip(known.columns, row, numeric, strict=True):
        if is_number and not _is_number(value):
            yield f"row {number}: {name} is {value!r}; a number is needed"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
