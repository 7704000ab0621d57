"""The first step of a run: code and data on S3, and what the rest of the run needs to know of both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sagewind import aws, images, load, naming, pack, table

if TYPE_CHECKING:
    from pathlib import Path

    from sagewind import spec


def upload(
    spec_file: Path | str, data: str, run_name: str, clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Put code and data on S3 under keys made from their content, where they are not there yet.

    `data` is the S3 address of another table than the spec's; empty: the spec's. `run_name` names what
    belongs to this run alone.

    Raises:
        LoadError, TableError, PackError, ImageError, ObjectError: what was given cannot be used.

    """
    started = time.monotonic()
    model = load.load(spec_file)
    place = aws.account(model.account, clients)
    image = images.uri(model.image, place.region)
    s3 = clients("s3")
    aws.ensure_bucket(s3, place.bucket, place.region)
    base = f"s3://{place.bucket}/{model.name}"
    return {
        "role": place.role,
        "region": place.region,
        "image": image,
        "code": _code(s3, model, base),
        **_data(s3, model, base, data),
        "models": f"{base}/models",
        "scores": f"{base}/runs/{run_name}/scores",
        "seconds": round(time.monotonic() - started, 2),
    }


def _code(s3: Any, model: spec.Model, base: str) -> str:
    """Return the S3 address of the code's archive."""
    folder = load.source_directory(model)
    if folder is None:
        return model.source.directory
    key, archive = pack.pack(folder)
    uri = f"{base}/code/{key}/sourcedir.tar.gz"
    aws.put_once(s3, uri, archive, "application/gzip")
    return uri


def _data(s3: Any, model: spec.Model, base: str, data: str) -> dict[str, Any]:
    """Put the table as the `train` channel, and its features alone as the rows to score."""
    file = load.data_file(model)
    content = aws.read(s3, data) if data else file.read_bytes()
    rows = table.parse(content, model.data.target, data or file.name)
    key = naming.content_hash(content)
    channel = f"{base}/data/{key}/train/"
    features = f"{base}/data/{key}/features/features.csv"
    aws.put_once(s3, f"{channel}{file.name}", content, "text/csv")
    aws.put_once(s3, features, table.to_csv(rows.features), "text/csv")
    return {
        "train": channel,
        "table": f"{channel}{file.name}",
        "features": features,
        "rows": len(rows.truth),
        "data_hash": key,
    }
