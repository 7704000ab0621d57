"""S3 in memory: the operations that Sagewind's core uses."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.response import StreamingBody

from sagewind.testing.aws import Account, AwsError, client

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object: its bytes and what S3 tells of it on HEAD."""

    body: bytes
    metadata: dict[str, str]
    etag: str
    modified: datetime


@dataclass(kw_only=True)
class S3Twin:
    """Buckets in memory, made on first use; `objects` maps (bucket, key) to what is stored."""

    account: Account = field(default_factory=Account)
    objects: dict[tuple[str, str], StoredObject] = field(default_factory=dict)
    page: int = 1000

    def client(self) -> Any:
        """Make a boto3 S3 client on this twin."""
        operations = "PutObject GetObject HeadObject DeleteObjects ListObjectsV2"
        return client("s3", {name: getattr(self, f"_{name}") for name in operations.split()}, self.account)

    def put(self, bucket: str, key: str, body: bytes | str, **metadata: str) -> None:
        """Store an object without a client."""
        data = body.encode() if isinstance(body, str) else body
        etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        self.objects[bucket, key] = StoredObject(
            body=data, metadata=metadata, etag=etag, modified=self.account.now
        )

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the sorted keys under a prefix."""
        return sorted(key for (where, key) in self.objects if where == bucket and key.startswith(prefix))

    def body(self, bucket: str, key: str) -> bytes:
        """Return an object's bytes."""
        return self._find({"Bucket": bucket, "Key": key}, "NoSuchKey").body

    def _find(self, params: dict[str, Any], code: str) -> StoredObject:
        try:
            return self.objects[params["Bucket"], params["Key"]]
        except KeyError:
            raise AwsError(code, "The specified key does not exist.", 404) from None

    def _PutObject(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802  (AWS's own name)
        if params.get("IfNoneMatch") == "*" and (params["Bucket"], params["Key"]) in self.objects:
            raise AwsError(
                "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412
            )
        self.put(
            params["Bucket"], params["Key"], _bytes(params.get("Body", b"")), **params.get("Metadata", {})
        )
        return {"ETag": self._find(params, "NoSuchKey").etag}

    def _GetObject(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = self._find(params, "NoSuchKey")
        size = len(found.body)
        return self._HeadObject(params) | {"Body": StreamingBody(io.BytesIO(found.body), size)}

    def _HeadObject(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = self._find(params, "404")
        return {
            "ContentLength": len(found.body),
            "ETag": found.etag,
            "Metadata": found.metadata,
            "LastModified": found.modified,
        }

    def _DeleteObjects(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        for each in params["Delete"]["Objects"]:
            self.objects.pop((params["Bucket"], each["Key"]), None)
        return {}

    def _ListObjectsV2(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        keys = [
            k
            for k in self.keys(params["Bucket"], params.get("Prefix", ""))
            if k > max(params.get("ContinuationToken", ""), params.get("StartAfter", ""))
        ]
        page = keys[: min(self.page, params.get("MaxKeys", self.page))]
        found = [self.objects[params["Bucket"], key] for key in page]
        answer: dict[str, Any] = {
            "Contents": [
                {"Key": key, "Size": len(one.body), "ETag": one.etag, "LastModified": one.modified}
                for key, one in zip(page, found, strict=True)
            ],
            "IsTruncated": len(page) < len(keys),
        }
        return answer | ({"NextContinuationToken": page[-1]} if len(page) < len(keys) else {})


def _bytes(body: Any) -> bytes:
    """Read a request's body, which botocore takes as bytes or as a file."""
    return bytes(body) if isinstance(body, bytes | bytearray) else bytes(body.read())
