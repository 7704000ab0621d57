"""What a training job leaves behind: model.tar.gz and output.tar.gz, or the plain files when asked for.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html and
OutputDataConfig.CompressionType. Nothing is uploaded for an empty folder.
"""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sagelocal import archive
from sagelocal import storage as objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from sagelocal.container.sight import Found, Sight
    from sagelocal.storage import Storage

MODEL = "model"
OUTPUT = "output"
GZIP_TYPE = "application/x-gzip"


def model_uri(output_uri: str, *, compress: bool) -> str:
    """Return what ModelArtifacts.S3ModelArtifacts says for a job whose files go below `output_uri`."""
    return f"{output_uri}/output/model.tar.gz" if compress else f"{output_uri}/output/model/"


def collect(kind: str, folders: Iterable[tuple[Sight, Path]], say: Callable[[str], None]) -> list[Found]:
    """Return what a job's hosts left in their folders of a `kind`, in the order of the names.

    Of files with one name the first host's is taken; each is read where it is.
    """
    found: dict[str, Found] = {}
    for sight, folder in folders:
        for each in sight.contents(folder, lambda words: say(f"Left out of {kind}: {words}")):
            if _is_taken(each, found):
                say(f"Left out of {kind}, another host has it too: {each.name}")
            else:
                found.setdefault(each.name, each)
    return sorted(found.values(), key=lambda each: each.name.split("/"))


def _is_taken(each: Found, found: Mapping[str, Found]) -> bool:
    """Tell whether a name, or one of the folders in it, is already that of something else."""
    other = found.get(each.name)
    if other is not None and not (other.is_folder and each.is_folder):
        return True
    above = (found.get(str(parent)) for parent in PurePosixPath(each.name).parents)
    return any(parent is not None and not parent.is_folder for parent in above)


def upload(
    storage: Storage,
    found: list[Found],
    *,
    kind: str,
    output_uri: str,
    compress: bool,
    drafts: Path,
) -> bool:
    """Upload what was left as `kind` (`model` or `output`); return whether there was any file.

    Raises:
        StorageError: the store did not take it.

    """
    files = [each for each in found if not each.is_folder]
    if not files:
        return False
    if not compress:
        objects.in_parallel(
            [partial(storage.upload, each.place, f"{output_uri}/output/{kind}/{each.name}") for each in files]
        )
        return True
    drafts.mkdir(parents=True, exist_ok=True)
    packed = drafts / f"{kind}.tar.gz"
    archive.pack([(each.name, each.place) for each in found], packed)
    storage.upload(packed, f"{output_uri}/output/{kind}.tar.gz", GZIP_TYPE)
    packed.unlink()
    return True
