"""What a training job leaves behind: model.tar.gz and output.tar.gz, or the plain files when asked for.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html and
OutputDataConfig.CompressionType. Nothing is uploaded for an empty folder.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sagelocal import archive
from sagelocal import storage as objects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagelocal.storage import Storage

MODEL = "model"
OUTPUT = "output"
GZIP_TYPE = "application/x-gzip"


def model_uri(output_uri: str, *, compress: bool) -> str:
    """Return what ModelArtifacts.S3ModelArtifacts says for a job whose files go below `output_uri`."""
    return f"{output_uri}/output/model.tar.gz" if compress else f"{output_uri}/output/model/"


def upload(
    storage: Storage,
    folder: Path,
    *,
    kind: str,
    output_uri: str,
    compress: bool,
    drafts: Path,
    say: Callable[[str], None],
) -> bool:
    """Upload the folder's content as `kind` (`model` or `output`); return whether there was any.

    Raises:
        StorageError: the store did not take it.

    """
    if not archive.files(folder):
        return False
    if not compress:
        names = archive.files(folder)
        objects.in_parallel(
            [partial(storage.upload, folder / name, f"{output_uri}/output/{kind}/{name}") for name in names]
        )
        return True
    drafts.mkdir(parents=True, exist_ok=True)
    packed = drafts / f"{kind}.tar.gz"
    archive.pack(folder, packed, lambda path: say(f"Left out of {kind}.tar.gz: {path}"))
    storage.upload(packed, f"{output_uri}/output/{kind}.tar.gz", GZIP_TYPE)
    packed.unlink()
    return True


def merge(source: Path, target: Path, say: Callable[[str], None]) -> None:
    """Move the plain files of `source` into `target`, where it has none of that name."""
    for name in archive.files(source):
        place = target / name
        if place.exists():
            say(f"Left out, another host has it too: {name}")
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(place)
