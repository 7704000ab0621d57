"""The first step of a run: code and data on S3, and what the rest of the run needs to know of both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sagewind import aws, images, load, naming, pack, table
from sagewind.objects import Address, Objects

if TYPE_CHECKING:
    from pathlib import Path

    from sagewind import spec


def upload(
    spec_file: Path | str, *, data: str, run_name: str, clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Put code and data on S3 under keys made from their content, where they are not there yet.

    `data` is the S3 address of another table than the spec's; empty: the spec's. `run_name` names what
    belongs to this run alone.

    Raises:
        SagewindError: what was given cannot be used; `LoadError`, `TableError`, `PackError`, `ImageError` or
            `ObjectMissingError` says what of it.

    """
    started = time.monotonic()
    model = load.load(spec_file)
    place = aws.account(model.account, clients)
    image = images.uri(model.image, place.region)
    s3 = clients("s3")
    aws.ensure_bucket(s3, place.bucket, place.region)
    base = Address(place.bucket, model.name)
    return {
        "role": place.role,
        "region": place.region,
        "image": image,
        "code": _code(Objects(s3), model, base),
        **_data(Objects(s3), model, base, data),
        "models": str(base / "models"),
        "scores": str(base / "runs" / run_name / "scores"),
        "seconds": round(time.monotonic() - started, 2),
    }


def put_once(objects: Objects, address: Address, content: bytes, content_type: str) -> bool:
    """Write an object whose key is made from its content; return False when it was there already."""
    if objects.head(address) is not None:
        return False
    objects.write(address, content, content_type=content_type)
    return True


def _code(objects: Objects, model: spec.Model, base: Address) -> str:
    """Return the S3 address of the code's archive."""
    folder = load.source_directory(model)
    if folder is None:
        return model.source.directory
    key, archive = pack.pack(folder)
    address = base / "code" / key / "sourcedir.tar.gz"
    put_once(objects, address, archive, "application/gzip")
    return str(address)


def _data(objects: Objects, model: spec.Model, base: Address, data: str) -> dict[str, Any]:
    """Put the table as the `train` channel, and its features alone as the rows to score."""
    file = load.data_file(model)
    content = objects.read(Address.parse(data)) if data else file.read_bytes()
    rows = table.parse(content, model.data.target, data or file.name)
    key = naming.content_hash(content)
    channel = base / "data" / key / "train"
    features = base / "data" / key / "features" / "features.csv"
    put_once(objects, channel / file.name, content, "text/csv")
    put_once(objects, features, table.to_csv(rows.features), "text/csv")
    return {
        "train": f"{channel}/",
        "table": str(channel / file.name),
        "features": str(features),
        "rows": len(rows.truth),
        "data_hash": key,
    }
