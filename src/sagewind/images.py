"""Addresses of Amazon's prebuilt images, from the table that the SageMaker SDK ships (`data/images.json`).

Source of the table and how to refresh it: `tools/image_registries.py`.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from sagewind import spec


class ImageError(SagewindError, LookupError):
    """Amazon publishes no such image; the message says which there are."""


@functools.cache
def _table() -> dict[str, Any]:
    text = resources.files("sagewind").joinpath("data/images.json").read_text("utf-8")
    return cast("dict[str, Any]", json.loads(text))


def versions(framework: str) -> tuple[str, ...]:
    """Return the published versions of a framework's image, oldest first."""
    return tuple(_table()["images"][framework])


def uri(image: spec.Image, region: str) -> str:
    """Return `<account>.dkr.ecr.<region>.<suffix>/<repository>:<version>[-cpu-<python>]`.

    Raises:
        ImageError: the version is not published, or not in this region, or not for this Python.

    """
    published = _table()["images"][image.framework]
    row = published.get(image.version)
    if row is None:
        raise ImageError(f"image.version is {image.version!r}; published are {', '.join(published)}")
    account = row["registries"].get(region)
    if account is None:
        raise ImageError(
            f"region is {region!r}; {image.framework} is in {', '.join(sorted(row['registries']))}"
        )
    if row["pythons"] and image.python not in row["pythons"]:
        raise ImageError(f"image.python is {image.python!r}; {image.version} has {', '.join(row['pythons'])}")
    # Newer images are for one processor and Python each, and their tag is the version alone.
    tag = "-".join([image.version, *row["processors"][:1], *([image.python] if row["pythons"] else [])])
    return f"{account}.dkr.ecr.{region}.{_table()['suffixes'][region]}/{row['repository']}:{tag}"
