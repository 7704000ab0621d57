"""Batch scoring of one day: gather its rows, and after the transform see that none was lost.

Layout, under `s3://<bucket>/<model>/`: `incoming/ds=<day>/rows.csv` (features, no header) is what arrived,
`scores/ds=<day>/rows.csv.out` the same rows with the prediction appended, and `scores/ds=<day>/_SUCCESS` is
written last. A repeated day overwrites its own partition and nothing else.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from sagewind import aws, load, naming, requests, table
from sagewind.errors import SagewindError
from sagewind.objects import Address, Objects

if TYPE_CHECKING:
    from pathlib import Path

    from sagewind import spec

_ROWS = "rows.csv"
_SUCCESS = "_SUCCESS"


class DayError(SagewindError):
    """A day cannot be scored, or was scored with rows lost."""


def gather(
    spec_file: Path | str, *, day: str, sample_rows: int, clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Find the model and the day's rows, and mark the day as not done.

    When nothing has arrived for the day, `sample_rows` rows of the spec's own table do, chosen by the
    date: so the DAG can be tried, and a repeated day has the same rows. 0: no rows is an error.

    Returns `model_name`, `data` and `output` (S3 addresses), `rows`, `day`.

    Raises:
        DayError: no verified model, no rows, or a row with another number of columns.

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
    rows = _checked(objects.read(arrived), model, arrived)
    objects.delete([output / _SUCCESS])
    return {"model_name": model_name, "data": str(arrived), "output": str(output), "rows": rows, "day": day}


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
    }
    objects.write_json(output / _SUCCESS, done)
    return {**done, "transform_job": transform_job}


def newest_model(sagemaker: Any, model: spec.Model) -> str:
    """Return the newest model of this spec that a run has verified behind its endpoint.

    Raises:
        DayError: there is none.

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
    raise DayError(
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
    """Return the number of rows, all as wide as the training table's features."""
    file = load.data_file(model)
    columns = table.parse(file.read_bytes(), model.data.target, file.name).columns
    widths = table.widths(content)
    for number, width in enumerate(widths, start=1):
        if width != len(columns):
            wanted = ", ".join(columns)
            raise DayError(f"{arrived}: row {number} has {width} values; {len(columns)} are needed: {wanted}")
    if not widths:
        raise DayError(f"{arrived} is empty")
    return len(widths)
