"""Dataset versions: files uploaded once under their content, and the data that was known at a moment.

A version's name is the hash of what is in it, so that equal data is one version wherever it was uploaded
from, an unchanged upload sends nothing, and a model can name the data that it saw. A version is complete
when its `manifest.json` exists, which is written last.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig

from sagewind.errors import SagewindError
from sagewind.objects import Address, Entry, Objects

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MANIFEST = "manifest.json"
_PARTITION = re.compile(r"(?:^|/)ds=(\d{4}-\d{2}-\d{2})(?:/|$)")
_TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=4)
_SHORT = 16


class DatasetError(SagewindError):
    """A dataset cannot be versioned, uploaded or selected as asked."""


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file of a version: its path relative to the version (POSIX), sha256 in hex, and bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class DatasetVersion:
    """What a dataset holds, independent of where: files sorted by path, and the digest of that list."""

    name: str
    files: tuple[DataFile, ...]

    @property
    def digest(self) -> str:
        """The sha256 of the list of paths, sizes and contents, in hex."""
        lines = [f"{each.path}\0{each.size}\0{each.sha256}\n" for each in self.files]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(each.size for each in self.files)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as plain JSON values."""
        files = [{"path": f.path, "sha256": f.sha256, "size": f.size} for f in self.files]
        return {"name": self.name, "digest": self.digest, "size": self.size, "files": files}


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What an upload did: where the version is, and which files it sent or found there already."""

    uri: str
    version: DatasetVersion
    sent: tuple[str, ...]
    unchanged: tuple[str, ...]


def scan(name: str, root: Path) -> DatasetVersion:
    """Hash a file, or every file of a folder, into a version.

    Raises:
        DatasetError: `root` does not exist, holds no file, or holds a symbolic link or an empty file.

    """
    if not root.exists():
        raise DatasetError(f"dataset {name}: {root} does not exist")
    paths = [root] if root.is_file() else sorted(p for p in root.rglob("*") if not p.is_dir())
    if not paths:
        raise DatasetError(f"dataset {name}: {root} holds no file")
    base = root.parent if root.is_file() else root
    files = sorted((_scan_file(name, path, base) for path in paths), key=lambda each: each.path)
    return DatasetVersion(name=name, files=tuple(files))


def _scan_file(name: str, path: Path, base: Path) -> DataFile:
    if path.is_symlink():
        raise DatasetError(f"dataset {name}: {path} is a symbolic link; put the file itself there")
    size = path.stat().st_size
    if size == 0:
        raise DatasetError(f"dataset {name}: {path} is empty")
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return DataFile(path=path.relative_to(base).as_posix(), sha256=sha256, size=size)


def upload(
    objects: Objects, root: Path, to: Address, *, name: str, transfer: TransferConfig = _TRANSFER
) -> Upload:
    """Upload `root` as a version of the dataset `name` to `<to>/<name>/<digest>/` and return what was done.

    A version whose manifest is there is complete and nothing is sent; after an interrupted upload only
    what is missing is. Large files go in parts, each with a checksum that S3 verifies.

    Raises:
        DatasetError: as `scan`, or a file changed while it was uploaded.

    """
    version = scan(name, root)
    home = to / name / version.digest[:_SHORT]
    names = tuple(each.path for each in version.files)
    if objects.head(home / MANIFEST) is not None:
        return Upload(uri=f"{home}/", version=version, sent=(), unchanged=names)
    base = root.parent if root.is_file() else root
    sent = tuple(f.path for f in version.files if _send(objects, base / f.path, home / f.path, f, transfer))
    if scan(name, root) != version:
        raise DatasetError(f"dataset {name}: {root} changed while it was uploaded; upload it again")
    objects.write_json(home / MANIFEST, version.to_json())
    return Upload(
        uri=f"{home}/", version=version, sent=sent, unchanged=tuple(n for n in names if n not in sent)
    )


def _send(objects: Objects, path: Path, to: Address, file: DataFile, transfer: TransferConfig) -> bool:
    """Upload one file unless its like is there; True when bytes were sent."""
    there = objects.head(to)
    if there is not None and there.size == file.size and there.metadata.get("sha256") == file.sha256:
        return False
    extra = {"ChecksumAlgorithm": "SHA256", "Metadata": {"sha256": file.sha256}, **objects.encryption}
    objects.client.upload_file(str(path), to.bucket, to.key, ExtraArgs=extra, Config=transfer)
    return True


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The objects of a dataset that were known at `until`, and the digest that names the choice."""

    prefix: Address
    until: datetime
    entries: tuple[Entry, ...]

    @property
    def digest(self) -> str:
        """The sha256 over keys, sizes and ETags, in hex: equal for equal data."""
        lines = [f"{e.address.key}\0{e.size}\0{e.etag}\n" for e in self.entries]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def to_sagemaker_manifest(self) -> list[Any]:
        """Return the value of a `ManifestFile` input: a prefix and the keys under it.

        Source: SageMaker API reference, `S3DataSource.S3DataType`.
        """
        keys = [each.address.key.removeprefix(self.prefix.key) for each in self.entries]
        return [{"prefix": str(self.prefix)}, *keys]


def as_of(objects: Objects, prefix: Address, until: datetime, *, days: int = 0) -> Selection:
    """Select the partitions `ds=YYYY-MM-DD/` under `prefix` whose day ended by `until`, an aware datetime.

    The day of a partition is a UTC day; it counts when its end is not after `until`, so that a training
    run for the interval that ends at `until` sees nothing from its future. With `days`, only partitions that
    ended within so many days before `until` count. Objects whose name starts with
    `_` or `.` are no data.

    Raises:
        DatasetError: `until` has no time zone, an object is outside any `ds=` partition, or nothing is
        selected.

    """
    if until.tzinfo is None:
        raise DatasetError(f"data as of {until.isoformat()}: expected a time with a time zone")
    folder = Address(prefix.bucket, prefix.key.rstrip("/") + "/" if prefix.key else "")
    data = [each for each in objects.list(folder) if not each.address.name.startswith(("_", "."))]
    since = until - timedelta(days=days) if days else datetime.min.replace(tzinfo=UTC)
    chosen = [each for each in data if since < _day_end(each.address, folder) <= until]
    if not chosen:
        found = f"{len(data)} later object(s)" if data else "nothing"
        raise DatasetError(
            f"{folder}: no partition ds=YYYY-MM-DD/ ended by {until.isoformat()}; found {found}"
        )
    return Selection(prefix=folder, until=until, entries=tuple(chosen))


def _day_end(address: Address, prefix: Address) -> datetime:
    """Return when the day of an object's partition ends."""
    match = _PARTITION.search(address.key.removeprefix(prefix.key))
    if match is None:
        raise DatasetError(f"{address}: expected it in a partition {prefix}ds=YYYY-MM-DD/")
    try:
        day = date.fromisoformat(match.group(1))
    except ValueError as error:
        raise DatasetError(f"{address}: ds={match.group(1)} is no date") from error
    following = date.fromordinal(day.toordinal() + 1)
    return datetime.combine(following, time(), tzinfo=UTC)


def describe(uploads: Iterable[Upload]) -> dict[str, str]:
    """Return dataset name → digest, as recorded with a model version."""
    return {each.version.name: each.version.digest for each in uploads}
