"""Inputs to begin with: what is right, so that the fuzzer finds what lies behind the first check."""

from __future__ import annotations

import io
import json
import tarfile

import botocore.session
from tests.contract import values

PATHS = (
    b"POST endpoints/e/invocations\n1,2",
    b"POST endpoints/e/invocations-response-stream\n{}",
    b"GET _sagelocal/health\n",
    b"DELETE a?b=c\n",
)
ROWS = (
    b"$[0,2:]\n1,2,3\n4",
    b'$.a[0]\n{"a": [1]}\n{"b": 2}',
    b"$['SageMakerOutput','id']\n[1]\n[2]",
    b"$\n\n",
)


def requests(operations: list[str]) -> list[bytes]:
    """Return a valid request of each operation, with all its members where the model allows it."""
    found = [b"\x00\x00\x00" + path for path in PATHS]
    service = botocore.session.get_session().get_service_model("sagemaker")
    for number, name in enumerate(operations):
        shape = service.operation_model(name).input_shape if name in service.operation_names else None
        for full in (False, True):
            body = values.value(shape, full=full) if shape else {}
            found.append(b"\xff" + number.to_bytes(2, "big") + json.dumps(body, default=str).encode())
    return found


def archives() -> list[bytes]:
    """Return archives of one member: a file, one that leads out, a link."""
    found = []
    for name, kind in (("a/b.txt", tarfile.REGTYPE), ("../up", tarfile.REGTYPE), ("link", tarfile.SYMTYPE)):
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w") as tar:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/passwd", 3
            tar.addfile(member, io.BytesIO(b"abc"))
        found.append(written.getvalue())
    return found
