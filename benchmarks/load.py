"""The load generator (`python -m benchmarks.load < PLAN`): raw HTTP/1.1, a request at a time on a connection.

A process of its own, on uvloop, with each request's bytes made beforehand and answers read by their
Content-Length or chunks: it asks a bare echo some 40,000 times a second on one core, far more than any
server measured here can answer. Every answer's status is looked at; the bodies are compared before and after.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
NUMBER = "00000000"
"""In the body of a numbered plan: where each request has a number of its own."""
_WARM_SHARE = 0.2
_LONGEST_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One cell: a request, asked for some seconds on some connections."""

    port: int
    path: str
    body: str
    """In latin-1."""
    content_type: str
    connections: int
    seconds: float
    headers: dict[str, str] = field(default_factory=dict)
    is_numbered: bool = False

    def requests(self) -> Iterator[bytes]:
        """Return the bytes of one request after the other."""
        if not self.is_numbered:
            return itertools.repeat(self._request())
        before, after = self._request().split(NUMBER.encode(), 1)
        return (b"%b%08d%b" % (before, number, after) for number in itertools.count(1))

    def _request(self) -> bytes:
        body = self.body.encode("latin-1")
        lines = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(body)}"]
        headers = {"Content-Type": self.content_type, "Accept": "*/*", **self.headers}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Answers per second, latencies in milliseconds, answers that were not 200, and one body."""

    rate: float
    p50: float
    p99: float
    errors: int
    body: str


def ask(plan: Plan) -> Outcome:
    """Run a plan in a process of its own."""
    argv, text = [sys.executable, "-m", "benchmarks.load"], json.dumps(asdict(plan))
    done = subprocess.run(argv, cwd=ROOT, input=text, capture_output=True, text=True, check=True)
    return Outcome(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], run: _Run) -> None:
        self._requests = requests
        self._run = run
        self._buffer = b""
        self._needed = 0
        self._body_at = 0
        self._is_chunked = False
        self._closes = False
        self._sent = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._needed:
            self._read_head()
        ends = self._buffer.endswith(b"0\r\n\r\n") if self._is_chunked else len(self._buffer) >= self._needed
        if self._needed and ends:
            body = self._buffer[self._body_at :]
            is_good = self._buffer.startswith(b"HTTP/1.1 200")
            self._buffer, self._needed = b"", 0
            self._run.took(time.perf_counter() - self._sent, body, is_good=is_good)
            if self._run.is_over or self._closes:
                self._transport.close()
            else:
                self._send()

    def _read_head(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        self._is_chunked = at < 0
        self._closes = b"connection: close" in head
        self._body_at = end + 4
        length = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])
        self._needed = end + 4 + length

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._run.is_over:
            self._run.lost(exc)


class _Run:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = plan.requests()
        self._times: list[float] = []
        self._errors = 0
        self._body = b""
        self._begin = 0.0
        self._left = plan.connections
        self.is_over = False
        self._enough = asyncio.Event()

    def took(self, seconds: float, body: bytes, *, is_good: bool) -> None:
        self._times.append(seconds)
        if len(self._times) >= self._plan.connections:
            self._enough.set()
        self._body = body
        self._errors += not is_good

    def lost(self, exc: Exception | None) -> None:
        """Open another connection, as a client would; a server that closes after each answer is slower."""
        self._errors += exc is not None
        self._reconnections.add(asyncio.get_running_loop().create_task(self._connect()))

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._requests, self), "127.0.0.1", self._plan.port
        )

    async def __call__(self) -> Outcome:
        self._reconnections: set[asyncio.Task[None]] = set()
        await asyncio.gather(*(self._connect() for _ in range(self._plan.connections)))
        await asyncio.sleep(self._plan.seconds * _WARM_SHARE)
        self._times.clear()
        self._enough.clear()
        begin = time.perf_counter()
        await asyncio.sleep(self._plan.seconds)
        # Of a slow server at least an answer on each connection is wanted, but not at any price.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._enough.wait(), _LONGEST_SECONDS)
        times, seconds = sorted(self._times), time.perf_counter() - begin
        self.is_over = True
        count = len(times)
        return Outcome(
            rate=count / seconds,
            p50=times[count // 2] * 1000 if times else float("inf"),
            p99=times[int(count * 0.99)] * 1000 if times else float("inf"),
            errors=self._errors,
            body=self._body.decode("latin-1"),
        )


def main(text: str) -> None:
    """Run a plan and print the outcome as JSON."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(_Run(Plan(**json.loads(text)))()))))


if __name__ == "__main__":
    main(sys.stdin.read())
