"""What the fuzzer feeds: each target takes any bytes and raises only when sagelocal has a fault.

- `wire`: a request to the gateway, with every handler behind it: any operation, path and body. The answer is
  one of AWS's, and never that something nobody foresaw went wrong.
- `archives`: an archive that a job would unpack: it is unpacked inside its folder, or refused.
- `rows`: the filters and joins of a batch transform: done, or refused as the record's fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import app, archive, settings
from sagelocal.serving import dataprocessing, jsonpath

if TYPE_CHECKING:
    from sagelocal.gateway import Gateway

NOWHERE = "http://127.0.0.1:9"
HEAD = [
    (b"host", b"127.0.0.1"),
    (b"authorization", b"AWS4-HMAC-SHA256 Credential=fuzz/1/us-east-1/sagemaker"),
]
UNFORESEEN = "InternalFailure"
"""The code of an answer that no handler meant."""
OUTSIDE = ("Async", "Pipeline")
"""Operations that read or write S3 while they are answered: nothing listens there."""


class Wire:
    """A whole service in this process, without its launcher: what it is asked to run stays queued."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="fuzz-wire-"))
        built = app.build(settings.Settings(data_dir=folder), {"AWS_ENDPOINT_URL": NOWHERE})
        self._gateway: Gateway = built.gateway
        names = [each.name for each in built.treatments()]
        self.operations = [name for name in names if not any(word in name for word in OUTSIDE)]
        self._loop = asyncio.new_event_loop()

    def __call__(self, data: bytes) -> None:
        """Take the kind of request from the first two bytes, and its body from the others."""
        kind, number, body = data[:1], int.from_bytes(data[1:3], "big"), data[3:]
        if kind < b"\x20":
            method, _, rest = body.partition(b" ")
            path, _, body = rest.partition(b"\n")
            sent = (method.decode("latin-1"), b"/" + path, [*HEAD], body)
        else:
            target = f"SageMaker.{self.operations[number % len(self.operations)]}".encode()
            sent = ("POST", b"/", [*HEAD, (b"x-amz-target", target)], body)
        status, answer = self._loop.run_until_complete(self._ask(*sent))
        words = json.loads(answer) if answer[:1] == b"{" else {}
        code = str(words.get("__type", "")).rpartition("#")[2]
        assert code != UNFORESEEN, (sent, status, answer)

    async def _ask(
        self, method: str, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, bytes]:
        raw_path, _, query = path.partition(b"?")
        scope = {
            "type": "http",
            "method": method,
            "raw_path": raw_path,
            "query_string": query,
            "headers": headers,
        }
        messages: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self._gateway(scope, receive, send)
        return messages[0]["status"], b"".join(each.get("body", b"") for each in messages[1:])


def archives(data: bytes) -> None:
    """Unpack the bytes, as they are or compressed; nothing may appear beside the folder that was named."""
    with tempfile.TemporaryDirectory(prefix="fuzz-archive-") as folder:
        file, into = Path(folder, "a.tar.gz"), Path(folder, "within", "into")
        file.write_bytes(data if data[:2] == archive.GZIP_MAGIC else gzip.compress(data, compresslevel=0))
        with contextlib.suppress(archive.ArchiveError):
            archive.extract(file, into, archive.Limits(members=100))
        found = {str(path.relative_to(folder)) for path in Path(folder).rglob("*")}
        outside = {path for path in found - {"a.tar.gz", "within"} if not path.startswith("within/into")}
        assert not outside, outside


def rows(data: bytes) -> None:
    """Read the bytes as a filter, a record and an answer, a line each."""
    path, _, rest = data.partition(b"\n")
    record, _, answer = rest.partition(b"\n")
    text = path.decode("utf-8", "replace")
    request = {"InputFilter": text, "OutputFilter": text, "JoinSource": "Input"}
    for content_type in ("text/csv", "application/json", "application/jsonlines"):
        with contextlib.suppress(dataprocessing.ProcessingError, jsonpath.PathError):
            processing = dataprocessing.parse(request, content_type)
            given = processing.before([record])
            processing.after(given, answer, content_type, several=False)
