"""Archives in and out: `sourcedir.tar.gz` and `model.tar.gz` read with distrust, results reproducible.

An archive comes from whoever may write to the bucket. Only folders and plain files inside the destination
are taken; anything else refuses the whole archive before or while it is unpacked.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"
PLAIN_TIME = 0
"""The modification time of all that `pack` writes, so that equal folders give equal bytes."""
COMPRESSION = 6
MOST_HEAD_BYTES = 4 << 20
"""What may stand before a member's content: tarfile takes all of it into memory, however long a name is."""


class ArchiveError(Exception):
    """The archive cannot be unpacked safely, or at all; the message names archive, member and rule."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an archive may unpack to."""

    members: int = 200_000
    total_bytes: int = 64 << 30
    expansion: int = 2_000
    """Unpacked bytes for each byte of the archive; gzip itself cannot reach more than about 1030."""
    path_length: int = 1024


def extract(archive: Path, into: Path, limits: Limits | None = None) -> list[str]:
    """Unpack a tar.gz below `into` and return the files' paths relative to it, in the archive's order.

    Raises:
        ArchiveError: not a tar.gz, or it holds a path outside `into`, a link, a device, too much.

    """
    bounds = limits or Limits()
    into.mkdir(parents=True, exist_ok=True)
    with archive.open("rb") as raw:
        if raw.read(2) != GZIP_MAGIC:
            raise ArchiveError(f"{archive.name} is no gzip file; a tar.gz is needed")
        raw.seek(0)
        most = min(bounds.total_bytes, max(1 << 20, archive.stat().st_size * bounds.expansion))
        try:
            with gzip.GzipFile(fileobj=raw) as plain:
                counted = _Counted(plain, archive.name, most)
                with tarfile.open(fileobj=cast("IO[bytes]", counted), mode="r|") as tar:
                    # Python 3.11 has it from 3.11.4 on; `_extract_members` asks for no less.
                    tar.extraction_filter = getattr(tarfile, "data_filter", None)
                    return list(_extract_members(_members(tar, counted), tar, into, archive.name, bounds))
        except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, RecursionError) as error:
            raise ArchiveError(f"{archive.name} cannot be unpacked: {error}") from error


def _members(tar: tarfile.TarFile, stream: _Counted) -> Iterator[tarfile.TarInfo]:
    while True:
        stream.begin_head()
        member = tar.next()
        stream.end_head()
        if member is None:
            return
        yield member


def _extract_members(
    members: Iterator[tarfile.TarInfo], tar: tarfile.TarFile, into: Path, name: str, limits: Limits
) -> Iterator[str]:
    for count, member in enumerate(members, start=1):
        if count > limits.members:
            raise ArchiveError(f"{name} holds more than {limits.members} members")
        path = _checked(member, name, limits)
        if path is None:
            continue
        member.name = path
        member.mode = (member.mode & 0o111) | (0o755 if member.isdir() else 0o644)
        member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
        tar.extract(member, into)
        if member.isfile():
            yield path


def _checked(member: tarfile.TarInfo, name: str, limits: Limits) -> str | None:
    """Return the member's clean relative path; None for the root itself."""
    if not (member.isdir() or member.isreg()) or member.sparse is not None:
        raise ArchiveError(
            f"{name} holds {member.name!r}, which is a {_kind(member)}; allowed: files and folders"
        )
    if len(member.name) > limits.path_length:
        raise ArchiveError(
            f"{name} holds a path of {len(member.name)} characters; allowed: {limits.path_length}"
        )
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\0" in member.name or "\\" in member.name:
        raise ArchiveError(f"{name} holds {member.name!r}, which leads outside the folder it is unpacked to")
    return None if str(path) == "." else str(path)


def _kind(member: tarfile.TarInfo) -> str:
    kinds = (
        (member.issym(), "symbolic link"),
        (member.islnk(), "hard link"),
        (member.isdev(), "device"),
        (member.sparse is not None, "sparse file"),
    )
    return next((kind for holds, kind in kinds if holds), "special file")


class _Counted:
    """A stream that refuses to yield too much: a bomb is stopped by what it unpacks to.

    `most` are the bytes of all, of which a member's head may have `MOST_HEAD_BYTES`.
    """

    def __init__(self, stream: gzip.GzipFile, name: str, most: int) -> None:
        self._stream = stream
        self._name = name
        self._most = most
        self._seen = 0
        self._head_ends = 0
        self.begin_head()  # tarfile reads the first member's when it opens the archive

    def begin_head(self) -> None:
        """Take what is read from now on for a member's head."""
        self._head_ends = self._seen + MOST_HEAD_BYTES

    def end_head(self) -> None:
        """Take what is read from now on for its content."""
        self._head_ends = self._most

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._seen += len(data)
        if self._seen > self._most:
            raise ArchiveError(f"{self._name} unpacks to more than {self._most} bytes")
        if self._seen > self._head_ends:
            raise ArchiveError(f"{self._name} has a member's head of more than {MOST_HEAD_BYTES} bytes")
        return data


def pack(found: Iterable[tuple[str, Path]], archive: Path) -> int:
    """Write files and folders as a tar.gz, the same bytes for the same; return the files' number.

    Each has its name in the archive and its place on this machine, which is no link. A folder comes before
    what it holds.
    """
    count = 0
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", COMPRESSION, fileobj=raw, mtime=PLAIN_TIME) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, place in found:
            member = _member(name, place)
            if member.isdir():
                tar.addfile(member)
                continue
            with place.open("rb") as stream:
                tar.addfile(member, stream)
            count += 1
    return count


def _member(name: str, place: Path) -> tarfile.TarInfo:
    info: Any = place.lstat()
    member = tarfile.TarInfo(name)
    member.mtime = PLAIN_TIME
    if stat.S_ISDIR(info.st_mode):
        member.type = tarfile.DIRTYPE
        member.mode = 0o755
    else:
        member.size = info.st_size
        member.mode = 0o755 if info.st_mode & stat.S_IXUSR else 0o644
    return member
