"""Objects: S3 through boto3, and a directory that behaves the same for tests.

Everything here speaks of `s3://bucket/key` URIs. SageMaker also accepts the https forms of an S3 address
(SDK v3 sends them as ModelDataUrl), so `parse` takes these too.
"""

from __future__ import annotations

import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from sagelocal import patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COPY_CHUNK_BYTES = 1 << 20
MULTIPART_BYTES = 64 << 20
"""From here on a transfer is split into parts that move in parallel."""
PARALLEL_TRANSFERS = 8
_SERVER_ERROR = 500
_NO_TYPES = ("binary/octet-stream", "application/octet-stream")
"""What S3, and an emulator of it, says of an object that was stored without a type."""
WAIT_SECONDS = 60.0
"""A store that does not answer is asked again for so long, at every call: it may be being started anew."""


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

    def content_type(self, uri: str) -> str:
        """Return the type that an object was stored with, empty for none; a missing one is as in `open`."""

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
    """S3 through a boto3-like client, made on first use since importing botocore takes a quarter second.

    While S3 does not answer, or answers with an error of its own, every call is made again for `wait`
    seconds, and a stream that breaks goes on where it broke.
    """

    def __init__(self, client: Any = None, *, wait: float = WAIT_SECONDS) -> None:
        self._given = client
        self._wait = wait

    @property
    def _client(self) -> Any:
        if self._given is None:
            from sagelocal import aws  # noqa: PLC0415  (heavy; not needed by every importer)

            self._given = aws.client("s3")
        return self._given

    def _call(self, uri: str, operation: str, **arguments: Any) -> Any:
        """Call an operation of S3's, patiently."""

        def call() -> Any:
            with _translated(uri):
                return getattr(self._client, operation)(**arguments)

        return patience.outlast(call, UnreachableError, self._wait)

    def list(self, uri: str) -> list[Item]:
        """List page by page."""
        address = parse(uri)
        return list(self._pages(address))

    def _pages(self, address: Address) -> Iterator[Item]:
        token: dict[str, str] = {}
        while True:
            page = patience.outlast(partial(self._page, address, token), UnreachableError, self._wait)
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

    def _page(self, address: Address, token: dict[str, str]) -> dict[str, Any]:
        with _translated(address.uri):
            page: dict[str, Any] = self._client.list_objects_v2(
                Bucket=address.bucket, Prefix=address.key, **token
            )
        if "IsTruncated" not in page:
            # botocore takes an answer that broke off before its body for an empty one.
            raise UnreachableError(f"{address.uri}: the listing broke off")
        return page

    def open(self, uri: str) -> IO[bytes]:
        """Open a stream."""
        address = parse(uri)
        first = self._call(uri, "get_object", Bucket=address.bucket, Key=address.key)
        resuming = patience.Resuming(
            partial(self._from, uri, first["ETag"]),
            _Body(uri, first["Body"]),
            first["ContentLength"],
            trouble=UnreachableError,
            seconds=self._wait,
        )
        return io.BufferedReader(resuming, COPY_CHUNK_BYTES)

    def content_type(self, uri: str) -> str:
        """Ask for the object's head."""
        address = parse(uri)
        found = self._call(uri, "head_object", Bucket=address.bucket, Key=address.key).get("ContentType", "")
        return "" if found in _NO_TYPES else str(found)

    def _from(self, uri: str, etag: str, offset: int) -> patience.Readable:
        """Return the rest of an object, as long as it is still the same."""
        address = parse(uri)
        with _translated(uri):
            answer = self._client.get_object(
                Bucket=address.bucket, Key=address.key, Range=f"bytes={offset}-", IfMatch=etag
            )
        return _Body(uri, answer["Body"])

    def write(self, uri: str, data: bytes, content_type: str = "") -> None:
        """Store bytes."""
        address = parse(uri)
        more = _content_type(content_type)
        self._call(uri, "put_object", Bucket=address.bucket, Key=address.key, Body=data, **more)

    def upload(self, path: Path, uri: str, content_type: str = "") -> None:
        """Store a file."""
        patience.outlast(partial(self._upload, path, uri, content_type), UnreachableError, self._wait)

    def _upload(self, path: Path, uri: str, content_type: str) -> None:
        address = parse(uri)
        more = _content_type(content_type)
        if path.stat().st_size >= MULTIPART_BYTES:
            from boto3.s3 import transfer  # noqa: PLC0415  (only for big files)

            with _translated(uri):
                transfer.S3Transfer(self._client).upload_file(
                    str(path), address.bucket, address.key, extra_args=more or None
                )
            return
        with path.open("rb") as stream, _translated(uri):
            self._client.put_object(Bucket=address.bucket, Key=address.key, Body=stream, **more)

    def download(self, uri: str, path: Path) -> None:
        """Fetch into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        patience.outlast(partial(self._download, uri, path), UnreachableError, self._wait)

    def _download(self, uri: str, path: Path) -> None:
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
            raise UnreachableError(f"{uri}: {written} of {answer['ContentLength']} bytes arrived")

    def _download_in_parts(self, address: Address, path: Path) -> None:
        from boto3.s3 import transfer  # noqa: PLC0415  (only for big files)

        transfer.S3Transfer(self._client).download_file(address.bucket, address.key, str(path))


class _Body:
    """The body of an answer, whose errors are this module's."""

    def __init__(self, uri: str, body: IO[bytes]) -> None:
        self._uri = uri
        self._body = body

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, fewer at the end."""
        with _translated(self._uri):
            return self._body.read(size)

    def close(self) -> None:
        """Let go of the connection."""
        self._body.close()


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
        from boto3 import exceptions as transfers  # noqa: PLC0415  (boto3 is loaded by now)
        from botocore import exceptions  # noqa: PLC0415

        if isinstance(error, transfers.S3UploadFailedError) and error.__context__ is not None:
            error = error.__context__  # what a part's upload met
        if isinstance(error, exceptions.ClientError):
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in {"NoSuchKey", "NoSuchBucket", "404", "NotFound"}:
                raise MissingObjectError(f"{self._uri}: {code}: {_words(error)}") from error
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            kind = UnreachableError if status >= _SERVER_ERROR else StorageError
            raise kind(f"{self._uri}: {code}: {_words(error)}") from error
        passing = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError)
        if isinstance(error, (*passing, transfers.RetriesExceededError)):
            raise UnreachableError(f"{self._uri}: {error}") from error
        if isinstance(error, exceptions.BotoCoreError):
            raise StorageError(f"{self._uri}: {error}") from error


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

    def content_type(self, uri: str) -> str:
        """Read what is kept beside the bucket."""
        self.open(uri).close()
        kept = self._type_file(uri)
        return kept.read_text() if kept.exists() else ""

    def _type_file(self, uri: str) -> Path:
        """Return where an object's type is: no bucket's name begins with a dot."""
        return self._root / f".{parse(uri).bucket}" / self._file(uri).name

    def _keep_type(self, uri: str, content_type: str) -> None:
        kept = self._type_file(uri)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(content_type)

    def write(self, uri: str, data: bytes, content_type: str = "") -> None:
        """Store bytes."""
        self._file(uri).write_bytes(data)
        self._keep_type(uri, content_type)

    def upload(self, path: Path, uri: str, content_type: str = "") -> None:
        """Store a file."""
        shutil.copyfile(path, self._file(uri))
        self._keep_type(uri, content_type)

    def download(self, uri: str, path: Path) -> None:
        """Fetch into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.open(uri) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, COPY_CHUNK_BYTES)
