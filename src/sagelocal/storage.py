"""Objects: S3 through boto3, and a directory that behaves the same for tests.

Everything here speaks of `s3://bucket/key` URIs. SageMaker also accepts the https forms of an S3 address
(SDK v3 sends them as ModelDataUrl), so `parse` takes these too.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COPY_CHUNK_BYTES = 1 << 20
MULTIPART_BYTES = 64 << 20
"""From here on a transfer is split into parts that move in parallel."""
PARALLEL_TRANSFERS = 8


class StorageError(Exception):
    """The object store could not do what was asked; the message names the URI and the store's own words."""


class MissingObjectError(StorageError):
    """There is no such object, or no such bucket."""


class UnreachableError(StorageError):
    """The store does not answer."""


class AddressError(ValueError):
    """Not an S3 address."""


@dataclass(frozen=True, order=True)
class Address:
    """A bucket and a key (or a key prefix; empty: the whole bucket)."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"

    def join(self, *parts: str) -> Address:
        """Return the address with `parts` appended, exactly one slash between them."""
        pieces = [self.key.strip("/"), *(part.strip("/") for part in parts)]
        return Address(self.bucket, "/".join(piece for piece in pieces if piece))


@dataclass(frozen=True, kw_only=True)
class Item:
    """An object in a listing: `size` in bytes, `etag` without quotes."""

    uri: str
    key: str
    size: int
    etag: str


def parse(uri: str) -> Address:
    """Split `s3://bucket/key`, or an https address of S3 in virtual-host or path style.

    Raises:
        AddressError: it is neither.

    """
    parts = urlsplit(uri)
    if parts.scheme == "s3" and parts.netloc:
        # A key may hold `?` and `#`, which urlsplit takes for query and fragment.
        return Address(parts.netloc, uri[len("s3://") + len(parts.netloc) :].lstrip("/"))
    host = parts.hostname or ""
    if parts.scheme in {"http", "https"} and host:
        path = unquote(parts.path.lstrip("/"))
        if host.endswith(".amazonaws.com") and not host.startswith(("s3.", "s3-")):
            return Address(_virtual_host_bucket(host, uri), path)
        bucket, _, key = path.partition("/")
        if bucket:
            return Address(bucket, key)
    raise AddressError(f"{uri!r} is no S3 address; needed is s3://bucket/key")


def _virtual_host_bucket(host: str, uri: str) -> str:
    for marker in (".s3.", ".s3-"):
        bucket, found, _ = host.partition(marker)
        if found and bucket:
            return bucket
    raise AddressError(f"{uri!r} is no S3 address; needed is s3://bucket/key")


class Storage(Protocol):
    """What jobs need of an object store. Safe to use from several threads."""

    def list(self, uri: str) -> list[Item]:
        """Return all objects whose URI starts with `uri`, in key order."""

    def open(self, uri: str) -> IO[bytes]:
        """Return the object's bytes as a stream; raise `MissingObjectError` when there is none."""

    def write(self, uri: str, data: bytes, content_type: str = "") -> None:
        """Store `data` as the object's whole content."""

    def upload(self, path: Path, uri: str, content_type: str = "") -> None:
        """Store a file's content."""

    def download(self, uri: str, path: Path) -> None:
        """Fetch an object into a file, whose folders are made; `MissingObjectError` when there is none."""


def read(storage: Storage, uri: str) -> bytes:
    """Return the whole object."""
    with storage.open(uri) as stream:
        return stream.read()


def exists(storage: Storage, uri: str) -> bool:
    """Say whether exactly this object exists."""
    return any(item.uri == uri for item in storage.list(uri))


def in_parallel(work: list[Callable[[], None]], *, workers: int = PARALLEL_TRANSFERS) -> None:
    """Run transfers side by side; the first failure is raised after the rest has ended."""
    if len(work) == 1:
        work[0]()
        return
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(work)))) as pool:
        for future in [pool.submit(item) for item in work]:
            future.result()


class S3Storage:
    """S3 through a boto3-like client, made on first use since importing botocore takes a quarter second."""

    def __init__(self, client: Any = None) -> None:
        self._given = client

    @property
    def _client(self) -> Any:
        if self._given is None:
            from sagelocal import aws  # noqa: PLC0415  (heavy; not needed by every importer)

            self._given = aws.client("s3")
        return self._given

    def list(self, uri: str) -> list[Item]:
        """List page by page."""
        address = parse(uri)
        return list(self._pages(address))

    def _pages(self, address: Address) -> Iterator[Item]:
        token: dict[str, str] = {}
        while True:
            with _translated(address.uri):
                page = self._client.list_objects_v2(Bucket=address.bucket, Prefix=address.key, **token)
            for entry in page.get("Contents", []):
                yield Item(
                    uri=Address(address.bucket, entry["Key"]).uri,
                    key=entry["Key"],
                    size=entry["Size"],
                    etag=entry["ETag"].strip('"'),
                )
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def open(self, uri: str) -> IO[bytes]:
        """Open a stream."""
        address = parse(uri)
        with _translated(uri):
            body: IO[bytes] = self._client.get_object(Bucket=address.bucket, Key=address.key)["Body"]
        return body

    def write(self, uri: str, data: bytes, content_type: str = "") -> None:
        """Store bytes."""
        address = parse(uri)
        with _translated(uri):
            self._client.put_object(
                Bucket=address.bucket, Key=address.key, Body=data, **_content_type(content_type)
            )

    def upload(self, path: Path, uri: str, content_type: str = "") -> None:
        """Store a file."""
        address = parse(uri)
        if path.stat().st_size >= MULTIPART_BYTES:
            from boto3.s3 import transfer  # noqa: PLC0415  (only for big files)

            with _translated(uri):
                transfer.S3Transfer(self._client).upload_file(
                    str(path), address.bucket, address.key, extra_args=_content_type(content_type) or None
                )
            return
        with path.open("rb") as stream, _translated(uri):
            self._client.put_object(
                Bucket=address.bucket, Key=address.key, Body=stream, **_content_type(content_type)
            )

    def download(self, uri: str, path: Path) -> None:
        """Fetch into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        address = parse(uri)
        with _translated(uri):
            answer = self._client.get_object(Bucket=address.bucket, Key=address.key)
            if answer["ContentLength"] >= MULTIPART_BYTES:
                answer["Body"].close()
                self._download_in_parts(address, path)
                return
            with path.open("wb") as target:
                shutil.copyfileobj(answer["Body"], target, COPY_CHUNK_BYTES)
            written = path.stat().st_size
        if written != answer["ContentLength"]:
            raise StorageError(f"{uri}: {written} of {answer['ContentLength']} bytes arrived")

    def _download_in_parts(self, address: Address, path: Path) -> None:
        from boto3.s3 import transfer  # noqa: PLC0415  (only for big files)

        transfer.S3Transfer(self._client).download_file(address.bucket, address.key, str(path))


def _content_type(content_type: str) -> dict[str, str]:
    return {"ContentType": content_type} if content_type else {}


class _translated:  # noqa: N801  (reads as a clause: `with _translated(uri):`)
    """Turn what boto3 raises into this module's errors."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is None:
            return
        from botocore import exceptions  # noqa: PLC0415  (boto3 is loaded by now)

        if isinstance(error, exceptions.ClientError):
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in {"NoSuchKey", "NoSuchBucket", "404", "NotFound"}:
                raise MissingObjectError(f"{self._uri}: {code}: {_words(error)}") from error
            raise StorageError(f"{self._uri}: {code}: {_words(error)}") from error
        if isinstance(error, exceptions.BotoCoreError | exceptions.HTTPClientError):
            raise UnreachableError(f"{self._uri}: {error}") from error


def _words(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


class DirectoryStorage:
    """The same on a directory: one folder per bucket, one file per object, named by the quoted key."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def make_bucket(self, bucket: str) -> None:
        """Create a bucket; an existing one is left alone."""
        (self._root / bucket).mkdir(parents=True, exist_ok=True)

    def _folder(self, address: Address) -> Path:
        folder = self._root / address.bucket
        if not folder.is_dir():
            raise MissingObjectError(f"{address.uri}: NoSuchBucket: The specified bucket does not exist")
        return folder

    def _file(self, uri: str) -> Path:
        address = parse(uri)
        return self._folder(address) / quote(address.key, safe="")

    def list(self, uri: str) -> list[Item]:
        """List page by page."""
        address = parse(uri)
        found = ((unquote(path.name), path) for path in self._folder(address).iterdir())
        return [
            Item(
                uri=Address(address.bucket, key).uri,
                key=key,
                size=path.stat().st_size,
                etag=f"{path.stat().st_mtime_ns:x}",
            )
            for key, path in sorted(found)
            if key.startswith(address.key)
        ]

    def open(self, uri: str) -> IO[bytes]:
        """Open a stream."""
        try:
            return self._file(uri).open("rb")
        except FileNotFoundError as error:
            raise MissingObjectError(f"{uri}: NoSuchKey: The specified key does not exist.") from error

    def write(self, uri: str, data: bytes, content_type: str = "") -> None:  # noqa: ARG002  (not kept)
        """Store bytes."""
        self._file(uri).write_bytes(data)

    def upload(self, path: Path, uri: str, content_type: str = "") -> None:  # noqa: ARG002  (not kept)
        """Store a file."""
        shutil.copyfile(path, self._file(uri))

    def download(self, uri: str, path: Path) -> None:
        """Fetch into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.open(uri) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, COPY_CHUNK_BYTES)
