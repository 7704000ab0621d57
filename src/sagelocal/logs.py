"""Where the lines of a job go: CloudWatch Logs through boto3, or a list for tests.

A sink takes lines in order and never blocks its writer on the network. Limits of PutLogEvents:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sagelocal.backlog import Backlog

if TYPE_CHECKING:
    from collections.abc import Callable

TRAINING_GROUP = "/aws/sagemaker/TrainingJobs"
PROCESSING_GROUP = "/aws/sagemaker/ProcessingJobs"
TRANSFORM_GROUP = "/aws/sagemaker/TransformJobs"
ENDPOINT_GROUP_PREFIX = "/aws/sagemaker/Endpoints/"

EVENT_OVERHEAD_BYTES = 26
BATCH_BYTES = 1_000_000
BATCH_EVENTS = 10_000
EVENT_BYTES = 256 * 1024 - EVENT_OVERHEAD_BYTES
FLUSH_SECONDS = 0.25
CLOSE_SECONDS = 30.0
KEPT_BYTES = 8_000_000
"""Of what was delivered the end is kept, in case the stream is: an emulator that is killed forgets it."""
WAITING_LINES = 200_000
WAITING_BYTES = 32_000_000
"""What a stream keeps at most while CloudWatch does not take it, in lines and as PutLogEvents counts bytes.

Of more the oldest are dropped: a container's are all in `container.log`, and the last say how it stands."""
FRESH_SECONDS = 1.0
"""A stream that has taken lines within this time is not looked for again when its sink is closed."""
FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 5.0


class LogsLostError(Exception):
    """Lines could not be delivered before the sink was closed; the message says how many, and why."""


class LogSink(Protocol):
    """Takes the lines of one stream, in order."""

    def write(self, line: str) -> None:
        """Take one line, without its line end. Never blocks on the network."""

    def close(self, within: float = CLOSE_SECONDS) -> None:
        """Deliver what is left, within that many seconds; raise `LogsLostError` when some of it cannot be."""


class MemoryLogs:
    """A sink that keeps its lines in a list."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.closed = False

    def write(self, line: str) -> None:
        """Keep the line until it can be sent."""
        self.lines.append(line)

    def close(self, within: float = CLOSE_SECONDS) -> None:  # noqa: ARG002  (nothing to wait for)
        """Deliver the rest, then end the thread."""
        self.closed = True


@dataclass(frozen=True, slots=True)
class Event:
    """One log event: `timestamp` in milliseconds since the epoch."""

    timestamp: int
    message: str

    @property
    def size(self) -> int:
        """Bytes, as PutLogEvents counts them."""
        return len(self.message.encode()) + EVENT_OVERHEAD_BYTES


def split(line: str, limit: int = EVENT_BYTES) -> list[str]:
    """Cut a line into pieces of at most `limit` bytes of UTF-8, losing nothing; an empty line is one space.

    PutLogEvents takes no empty message, and leaving the line out would shift what follows.
    """
    if not line:
        return [" "]
    if len(line) * 4 <= limit:
        return [line]
    pieces, rest = [], line.encode(errors="replace")
    while rest:
        end = min(limit, len(rest))
        while end < len(rest) and rest[end] & 0xC0 == 0x80:  # noqa: PLR2004  (a UTF-8 continuation byte)
            end -= 1
        pieces.append(rest[:end].decode())
        rest = rest[end:]
    return pieces


class _Delivered:
    """The last events that a stream took, and how many were before them."""

    def __init__(self) -> None:
        self._kept: deque[Event] = deque()
        self._bytes = 0
        self._forgotten = 0

    def add(self, events: list[Event]) -> None:
        """Keep events, and forget the oldest when they are too many."""
        self._kept.extend(events)
        self._bytes += sum(event.size for event in events)
        while self._bytes > KEPT_BYTES:
            self._bytes -= self._kept.popleft().size
            self._forgotten += 1

    def events(self) -> list[Event]:
        """Return what a stream that is made again begins with."""
        events = list(self._kept)
        if self._forgotten:
            words = f"[sagelocal] CloudWatch lost the log; here it is without {self._forgotten} lines:"
            events.insert(0, Event(events[0].timestamp, words))
        return events


def batch(pending: deque[Event] | Backlog[Event]) -> list[Event]:
    """Take from the front of `pending` as many events as one PutLogEvents call may carry."""
    taken: list[Event] = []
    size = 0
    while pending and len(taken) < BATCH_EVENTS and size + pending[0].size <= BATCH_BYTES:
        event = pending.popleft()
        taken.append(event)
        size += event.size
    return taken


class CloudWatchLogs:
    """One log stream of CloudWatch Logs, fed by a thread of its own in batches.

    The group and the stream are made on the first write, and a batch that fails is sent again until it
    arrives or the sink's time to close is over, so that order is kept. What gathers meanwhile has a bound: of
    more than that the newest lines are kept, and a line in the stream says how many are missing before them.
    A stream that is gone is made again with what it held, as far as that is kept.
    """

    def __init__(
        self,
        group: str,
        stream: str,
        *,
        connect: Callable[[], Any] | None = None,
        clock: Callable[[], float] = time.time,
        fresh: float = FRESH_SECONDS,
        most_lines: int = WAITING_LINES,
        most_bytes: int = WAITING_BYTES,
    ) -> None:
        self.group = group
        self.stream = stream
        self._connect = connect or _connect
        self._clock = clock
        self._pending: Backlog[Event] = Backlog(
            most=most_lines, most_bytes=most_bytes, size=lambda event: event.size
        )
        self._sending: list[Event] = []
        self._told = 0
        """How many of those that were dropped the stream knows of."""
        self._delivered = _Delivered()
        self._delivered_at = 0.0
        self._fresh = fresh
        self._changed = threading.Condition()
        self._closing = False
        self._deadline = float("inf")
        self._last = 0
        self._lost = ""
        self._thread = threading.Thread(target=self._run, name=f"logs {stream}", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Keep the line until it can be sent."""
        with self._changed:
            # Events of a batch must be in order of time, and the machine's clock may step back.
            self._last = max(self._last, int(self._clock() * 1000))
            self._pending.extend(Event(self._last, piece) for piece in split(line))
            self._changed.notify()

    def close(self, within: float = CLOSE_SECONDS) -> None:
        """Deliver the rest, then end the thread; raise `LogsLostError` when lines did not arrive."""
        with self._changed:
            self._deadline = time.monotonic() + within
            self._closing = True
            self._changed.notify()
        self._thread.join(within + 1.0)
        left = len(self._sending) + len(self._pending)
        if self._lost or left or self._pending.dropped:
            why = "the time to close was over" if left else "more lines waited for CloudWatch than are kept"
            raise LogsLostError(
                f"{left + self._pending.dropped} lines of {self.group} {self.stream} were not delivered: "
                f"{self._lost or why}"
            )

    def _run(self) -> None:
        client: Any = None
        while True:
            with self._changed:
                while not self._pending and not self._closing:
                    self._changed.wait()
                gap = self._gap()
                self._sending = [] if gap else batch(self._pending)
            events = gap or self._sending
            if not events and (client is None or time.monotonic() - self._delivered_at < self._fresh):
                return
            wait = FIRST_RETRY_SECONDS
            while True:
                try:
                    client = client or self._open()
                    self._deliver(client, events)
                    break
                except Exception as error:  # noqa: BLE001  (whatever boto3 raises: kept, told at close)
                    with self._changed:
                        if time.monotonic() + wait >= self._deadline:
                            self._lost = f"{type(error).__name__}: {error}"
                            return
                        self._changed.wait(wait)
                    wait = min(LAST_RETRY_SECONDS, wait * 2)
            if not events:
                return
            self._sending = []
            self._collect()

    def _gap(self) -> list[Event]:
        """Return a line in the place of those that were dropped; none when the stream knows of all."""
        missing = self._pending.dropped - self._told
        if not missing or not self._pending:
            return []
        self._told = self._pending.dropped
        words = f"[sagelocal] {missing} lines are missing here: more waited for CloudWatch than are kept"
        return [Event(self._pending[0].timestamp, words)]

    def _collect(self) -> None:
        """Let lines gather for a moment, unless the end is asked for or a batch is full."""
        with self._changed:
            if not self._closing and len(self._pending) < BATCH_EVENTS:
                self._changed.wait_for(lambda: self._closing, FLUSH_SECONDS)

    def _open(self) -> Any:
        client = self._connect()
        for make, arguments in (
            (client.create_log_group, {"logGroupName": self.group}),
            (client.create_log_stream, {"logGroupName": self.group, "logStreamName": self.stream}),
        ):
            try:
                make(**arguments)
            except client.exceptions.ResourceAlreadyExistsException:
                continue
        return client

    def _deliver(self, client: Any, events: list[Event]) -> None:
        """Put events; none: look whether the stream is still there."""
        try:
            self._put(client, events)
        except client.exceptions.ResourceNotFoundException:
            self._open()
            again = deque([*self._delivered.events(), *events])
            while part := batch(again):
                self._put(client, part)
        self._delivered.add(events)
        self._delivered_at = time.monotonic()

    def _put(self, client: Any, events: list[Event]) -> None:
        if not events:
            client.get_log_events(logGroupName=self.group, logStreamName=self.stream, limit=1)
            return
        client.put_log_events(
            logGroupName=self.group,
            logStreamName=self.stream,
            logEvents=[{"timestamp": event.timestamp, "message": event.message} for event in events],
        )


def _connect() -> Any:
    from sagelocal import aws  # noqa: PLC0415  (heavy)

    return aws.client("logs")
