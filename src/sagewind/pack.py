"""A folder of code → `sourcedir.tar.gz`, the same bytes for the same content.

Times, owners and the order of the file system are left out, so the hash of the archive says whether the code
changed; S3 keys are made from it, and an upload of what is there is skipped.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

from sagewind import naming
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from pathlib import Path

_SKIPPED = {"__pycache__", ".ipynb_checkpoints"}


class PackError(SagewindError, ValueError):
    """The folder cannot be packed."""


def pack(folder: Path) -> tuple[str, bytes]:
    """Return the content's hash and the archive.

    The hash is of the archive before compression, which may differ between versions of zlib.

    Raises:
        PackError: there is nothing in the folder, or a link leads out of it.

    """
    files = _files(folder)
    if not files:
        raise PackError(f"{folder} holds no files")
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            content = file.read_bytes()
            member = tarfile.TarInfo(file.relative_to(folder).as_posix())
            member.size = len(content)
            member.mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
            archive.addfile(member, io.BytesIO(content))
    whole = plain.getvalue()
    return naming.content_hash(whole), gzip.compress(whole, mtime=0)


def _files(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*"), key=lambda p: p.relative_to(folder).as_posix()):
        parts = path.relative_to(folder).parts
        if any(part in _SKIPPED or part.startswith(".") for part in parts) or not path.is_file():
            continue
        if not path.resolve().is_relative_to(folder.resolve()):
            raise PackError(f"{path} is a link out of the folder")
        found.append(path)
    return found
