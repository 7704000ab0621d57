"""S3 objects as Sagewind's core uses them: addresses, and a bucket's few operations over a boto3 client.

The client is injected, so the same code speaks to AWS, to the local emulator and to the twin of the tests.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

PART_BYTES = 16 << 20
"""A larger object goes in parts of this size."""

_ABSENT = {"404": "object", "NoSuchKey": "object", "NoSuchBucket": "bucket"}
_REFUSED = {"403", "AccessDenied"}
_DELETE_AT_ONCE = 1000
"""Most keys in one DeleteObjects request (S3 API reference)."""


class AddressError(SagewindError):
    """An S3 address is not of the form s3://bucket/key."""


class ObjectMissingError(SagewindError):
    """An object that is needed does not exist, or its bucket does not."""


class ObjectRefusedError(SagewindError):
    """S3 does not let us read or write there."""


@contextlib.contextmanager
def _named(address: Address) -> Iterator[None]:
    """Say of which object, or prefix, S3 speaks: its errors name neither key nor bucket."""
    try:
        yield
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _ABSENT:
            raise ObjectMissingError(f"{address}: there is no such {_ABSENT[code]}") from error
        if code in _REFUSED:
            raise ObjectRefusedError(f"{address}: S3 refuses the role that asks: {said or code}") from error
        raise


@dataclass(frozen=True)
class Address:
    """`s3://bucket/key`; a prefix when the key is empty or ends in a slash."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Address:
        """Split an `s3://` URI.

        Raises:
            AddressError: it is not one, or it names no bucket.

        """
        parts = urlsplit(uri)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise AddressError(f"S3 address: got {uri!r}, expected s3://bucket/key")
        return cls(parts.netloc, parts.path.removeprefix("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> Address:
        """Join a relative key with exactly one slash between."""
        head = self.key.rstrip("/")
        return Address(self.bucket, f"{head}/{name}" if head else name)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One object of a listing; `size` in bytes."""

    address: Address
    size: int
    etag: str
    modified: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Head:
    """What S3 says of an object without sending it; `size` in bytes."""

    size: int
    etag: str


class Objects:
    """Reads and writes whole objects with an S3 client, whatever the bucket."""

    def __init__(self, client: Any, *, kms_key: str = "") -> None:
        self.client = client
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}

    def head(self, address: Address) -> Head | None:
        """Return what S3 knows of an object, or None when there is none."""
        try:
            got = self.client.head_object(Bucket=address.bucket, Key=address.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
                return None
            raise
        return Head(size=got["ContentLength"], etag=got["ETag"].strip('"'))

    def read(self, address: Address) -> bytes:
        """Return an object's bytes.

        Raises:
            ObjectMissingError: there is no such object.
            ObjectRefusedError: it may not be read.

        """
        with _named(address):
            got = self.client.get_object(Bucket=address.bucket, Key=address.key)
        return bytes(got["Body"].read())

    def read_json(self, address: Address) -> Any:
        """Return an object's JSON value.

        Raises:
            ObjectMissingError: there is no such object, or it is not JSON.

        """
        try:
            return json.loads(self.read(address))
        except json.JSONDecodeError as error:
            raise ObjectMissingError(f"{address}: expected JSON, got {error}") from error

    def write(self, address: Address, body: bytes | str, *, content_type: str = "text/plain") -> None:
        """Store an object, replacing what is there; S3 makes it visible whole or not at all.

        A large one goes in parts, several at a time. boto3 sends a checksum with each request.

        Raises:
            ObjectMissingError: there is no such bucket.
            ObjectRefusedError: it may not be written.

        """
        data = body.encode() if isinstance(body, str) else body
        told = {"ContentType": content_type, **self._encryption}
        if len(data) <= PART_BYTES:
            with _named(address):
                self.client.put_object(Bucket=address.bucket, Key=address.key, Body=data, **told)
            return
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - not when a DAG file is read

        parts = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
        self.client.upload_fileobj(
            io.BytesIO(data), address.bucket, address.key, ExtraArgs=told, Config=parts
        )

    def write_json(self, address: Address, value: Any) -> None:
        """Store a JSON value with sorted keys, so that equal values are equal bytes."""
        text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
        self.write(address, text, content_type="application/json")

    def list(self, prefix: Address, *, after: str = "") -> Iterator[Entry]:
        """Yield every object under a prefix, in key order; with `after` only those behind this name in it.

        Raises:
            ObjectMissingError: there is no such bucket.
            ObjectRefusedError: it may not be listed.

        """
        start = {"StartAfter": (prefix / after).key} if after else {}
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=prefix.bucket, Prefix=prefix.key, **start
        )
        for page in _each_named(pages, prefix):
            for each in page.get("Contents", ()):
                yield Entry(
                    address=Address(prefix.bucket, each["Key"]),
                    size=each["Size"],
                    etag=each["ETag"].strip('"'),
                    modified=each.get("LastModified"),
                )

    def delete(self, addresses: Iterable[Address]) -> int:
        """Delete objects, which need not exist, and return how many were asked for."""
        keys = list(addresses)
        for bucket in sorted({each.bucket for each in keys}):
            mine = [{"Key": each.key} for each in keys if each.bucket == bucket]
            for start in range(0, len(mine), _DELETE_AT_ONCE):
                batch = {"Objects": mine[start : start + _DELETE_AT_ONCE], "Quiet": True}
                answer = self.client.delete_objects(Bucket=bucket, Delete=batch)
                for failed in answer.get("Errors", ()):
                    raise AddressError(f"s3://{bucket}/{failed['Key']}: not deleted: {failed.get('Message')}")
        return len(keys)


def _each_named(pages: Iterable[Any], prefix: Address) -> Iterator[Any]:
    """Yield pages; an error on the way names the prefix."""
    with _named(prefix):
        yield from pages
