"""A folder of code → `sourcedir.tar.gz`, the same bytes for the same content.

Times, owners and the order of the file system are left out, so the hash of the archive says whether the code
changed; S3 keys are made from it, and an upload of what is there is skipped.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
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


def unpack(archive: bytes, *, name: str) -> tuple[str, dict[str, bytes]]:
    """Return the hash of an archive's content, as `pack` makes it, and its files by their paths.

    `name` is what the archive is called in an error.

    Raises:
        PackError: it is no gzipped tar, or a member is neither a file nor a folder inside it.

    """
    try:
        whole = gzip.decompress(archive)
        with tarfile.open(fileobj=io.BytesIO(whole), mode="r:") as opened:
            members = [each for each in opened.getmembers() if not each.isdir()]
            files = {each.name.removeprefix("./"): _content(opened, each, name) for each in members}
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise PackError(f"{name} is no tar.gz: {error}") from error
    if not files:
        raise PackError(f"{name} holds no files")
    return naming.content_hash(whole), files


def _content(opened: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
    reader = opened.extractfile(member) if member.isreg() else None
    inside = not member.name.startswith("/") and ".." not in member.name.split("/")
    if reader is None or not inside:
        raise PackError(f"{name} holds {member.name!r}; allowed are files inside the archive, no links")
    return reader.read()


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
