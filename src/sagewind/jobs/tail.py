"""Following the log of a job: where it was read up to, so that every line is shown once.

CloudWatch Logs orders a stream by time, and several events may have the same millisecond. A position is the
time of the last event shown and how many of that time were; it is plain JSON and outlives the reader.

Reading is written once for boto3 and aiobotocore: `read` yields the calls to make and is sent their answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

_PAGES = 200
Answer = dict[str, Any] | None
_STREAMS = 50


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How far one stream was read: `timestamp` in epoch milliseconds, and how many events at that time."""

    timestamp: int = 0
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far every stream of a job was read."""

    marks: Mapping[str, Mark] = field(default_factory=dict)

    def start(self, stream: str) -> int:
        """Return the time from which to ask for events of `stream`."""
        return self.marks.get(stream, Mark()).timestamp

    def advance(self, stream: str, events: Iterable[Mapping[str, Any]]) -> tuple[list[str], Position]:
        """Return the lines that are new among `events`, and the position after them.

        `events` are all events of the stream from `start(stream)` on, oldest first.
        """
        mark = self.marks.get(stream, Mark())
        lines: list[str] = []
        timestamp, count, again = mark.timestamp, mark.count, mark.count
        for event in events:
            when = int(event["timestamp"])
            if when < mark.timestamp:
                continue
            if when == mark.timestamp and again > 0:
                again -= 1
                continue
            count = count + 1 if when == timestamp else 1
            timestamp = when
            lines.append(str(event["message"]))
        marks = {**self.marks, stream: Mark(timestamp=timestamp, count=count)}
        return lines, Position(marks=marks)

    def as_json(self) -> dict[str, list[int]]:
        """Return the position as plain JSON."""
        return {stream: [mark.timestamp, mark.count] for stream, mark in self.marks.items()}

    @classmethod
    def from_json(cls, value: Any) -> Position:
        """Return the position that `as_json` wrote; the start for anything else."""
        if not isinstance(value, dict):
            return cls()
        return cls(marks={stream: Mark(timestamp=int(t), count=int(n)) for stream, (t, n) in value.items()})


def label(stream: str, streams: Sequence[str]) -> str:
    """Return what to write before a line: nothing for one stream, else its host (`algo-1`) or its job."""
    if len(streams) <= 1:
        return ""
    jobs = {each.partition("/")[0] for each in streams}
    job, _, host = stream.partition("/")
    return f"[{job}] " if len(jobs) > 1 else f"[{'-'.join(host.split('-')[:2])}] "


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of CloudWatch Logs to make: boto3's method name and its arguments."""

    method: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Lines that are new, and the position after them."""

    lines: tuple[str, ...]
    position: Position


def read(group: str, prefix: str, position: Position) -> Generator[Call, Answer, Reading]:
    """Read what is new in the streams of `group` that start with `prefix`.

    Yields each call to make; the driver sends its answer, or `None` when there is no such group or stream.
    """
    streams = yield from _streams(group, prefix)
    lines: list[str] = []
    for stream in streams:
        events = yield from _events(group, stream, position.start(stream))
        new, position = position.advance(stream, events)
        lines += [label(stream, streams) + line for line in new]
    return Reading(lines=tuple(lines), position=position)


def _streams(group: str, prefix: str) -> Generator[Call, Answer, list[str]]:
    arguments: dict[str, Any] = {"logGroupName": group, "limit": _STREAMS}
    arguments |= {"logStreamNamePrefix": prefix} if prefix else {}
    found = yield Call(method="describe_log_streams", arguments=arguments)
    return sorted(stream["logStreamName"] for stream in (found or {}).get("logStreams", []))


def _events(group: str, stream: str, start: int) -> Generator[Call, Answer, list[Mapping[str, Any]]]:
    """Read one stream from a time to its end: pages until the token repeats."""
    events: list[Mapping[str, Any]] = []
    arguments: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
    arguments |= {"startTime": start} if start else {}
    for _ in range(_PAGES):
        page = yield Call(method="get_log_events", arguments=dict(arguments))
        token = (page or {}).get("nextForwardToken")
        events += (page or {}).get("events", [])
        if token is None or token == arguments.get("nextToken"):
            break
        arguments["nextToken"] = token
    return events


def last_lines(group: str, prefix: str, count: int) -> Generator[Call, Answer, list[str]]:
    """Read the last lines of each stream, for the message of a failure."""
    streams = yield from _streams(group, prefix)
    lines: list[str] = []
    for stream in streams:
        page = yield Call(
            method="get_log_events",
            arguments={
                "logGroupName": group,
                "logStreamName": stream,
                "startFromHead": False,
                "limit": count,
            },
        )
        events = (page or {}).get("events", [])
        lines += [label(stream, streams) + str(event["message"]) for event in events]
    return lines
