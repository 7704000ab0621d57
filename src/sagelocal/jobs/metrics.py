"""Metrics from log lines: the regular expressions of MetricDefinitions, and CloudWatch that gets the values.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/training-metrics.html
"""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sagelocal.backlog import Backlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sagelocal.jobs.plan import Metric

NAMESPACE = "/aws/sagemaker/TrainingJobs"
DIMENSION = "TrainingJobName"
BATCH = 500
"""PutMetricData takes 1000; smaller requests stay below its megabyte."""
WAITING = 100_000
"""Values that wait for CloudWatch at most; of more the oldest are dropped. The final metrics know all."""
SHOWN = 80
CLOSE_SECONDS = 30.0
PAUSE_SECONDS = 1.0
"""Before values that were not taken are sent again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One value of a metric, at a time in seconds since the epoch."""

    name: str
    value: float
    at: float


@dataclass
class _Definition:
    name: str
    regex: str
    pattern: re.Pattern[str] | None
    last: Value | None = None
    told: bool = field(default=False)


class Scanner:
    """Finds metric values in log lines; the last value of each metric is its final one."""

    def __init__(self, metrics: Iterable[Metric], say: Callable[[str], None]) -> None:
        self._say = say
        self._definitions = [_Definition(each.name, each.regex, self._compiled(each)) for each in metrics]

    def scan(self, line: str, at: float) -> list[Value]:
        """Return the values in a line; a match that is no finite number is told once and left out."""
        found = []
        for definition in self._definitions:
            if definition.pattern is None:
                continue
            for match in definition.pattern.finditer(line):
                text = match.group(1 if match.re.groups else 0)
                value = _number(text)
                if value is None:
                    self._tell(definition, text)
                    continue
                definition.last = Value(name=definition.name, value=value, at=at)
                found.append(definition.last)
        return found

    def final(self) -> list[dict[str, Any]]:
        """Return FinalMetricDataList."""
        values = [each.last for each in self._definitions if each.last is not None]
        return [{"MetricName": each.name, "Value": each.value, "Timestamp": each.at} for each in values]

    def tell_unmatched(self) -> None:
        """Say which metrics got no value."""
        for each in self._definitions:
            if each.last is None and each.pattern is not None:
                self._say(f"The metric {each.name!r} got no value: {each.regex!r} matched no number")

    def _compiled(self, metric: Metric) -> re.Pattern[str] | None:
        try:
            return re.compile(metric.regex)
        except re.error as error:
            self._say(f"The metric {metric.name!r} is left out: {metric.regex!r} is no regex: {error}")
            return None

    def _tell(self, definition: _Definition, text: str | None) -> None:
        if not definition.told:
            definition.told = True
            self._say(
                f"The metric {definition.name!r} left out a match of {definition.regex!r} that is no number: "
                f"{(text or '')[:SHOWN]!r}"
            )


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class MetricSink(Protocol):
    """Takes metric values; never blocks its caller on the network."""

    def put(self, values: list[Value]) -> None:
        """Take values."""

    def close(self) -> str:
        """Deliver what is left; return what went wrong, empty when nothing did."""


class MemoryMetrics:
    """A sink that keeps its values."""

    def __init__(self) -> None:
        self.values: list[Value] = []

    def put(self, values: list[Value]) -> None:
        """Keep values."""
        self.values.extend(values)

    def close(self) -> str:
        """Do nothing."""
        return ""


class CloudWatchMetrics:
    """CloudWatch through boto3, with the job's name as the dimension, fed by a thread of its own.

    Values that are not taken are sent again, in order, until the sink's time to close is over. Of more than
    `most` that wait meanwhile the oldest are dropped.
    """

    def __init__(self, job: str, *, connect: Callable[[], Any] | None = None, most: int = WAITING) -> None:
        self._job = job
        self._connect = connect or _connect
        self._pending: Backlog[Value] = Backlog(most=most)
        self._sending: list[Value] = []
        self._changed = threading.Condition()
        self._deadline = float("inf")
        self._wrong = ""
        self._refused = 0
        self._thread: threading.Thread | None = None

    def put(self, values: list[Value]) -> None:
        """Keep values until they can be sent; the first ones start the thread."""
        if not values:
            return
        with self._changed:
            self._pending.extend(values)
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
            self._thread.start()

    def close(self, within: float = CLOSE_SECONDS) -> str:
        """Send the rest, within so many seconds."""
        with self._changed:
            self._deadline = time.monotonic() + within
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(within + PAUSE_SECONDS)
        left = len(self._sending) + len(self._pending)
        lost = left + self._refused + self._pending.dropped
        why = "the time to close was over" if left else "more waited for CloudWatch than are kept"
        return f"{lost} values: {self._wrong or why}" if lost else ""

    def _run(self) -> None:
        client: Any = None
        while self._take():
            try:
                client = client or self._connect()
                data = [self._datum(each) for each in self._sending]
                client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
            except Exception as error:  # noqa: BLE001  (whatever boto3 raises; metrics never fail a job)
                self._wrong = f"{type(error).__name__}: {error}"
                if _is_refusal(error):
                    self._refused += len(self._sending)
                    self._sending = []
                    continue
                with self._changed:
                    self._changed.wait(min(PAUSE_SECONDS, max(0.0, self._deadline - time.monotonic())))
            else:
                self._sending = []

    def _take(self) -> bool:
        """Have values to send, first those that were not taken; tell whether there are any, and time."""
        with self._changed:
            self._changed.wait_for(lambda: self._sending or self._pending or self._closing)
            while self._pending and len(self._sending) < BATCH:
                self._sending.append(self._pending.popleft())
        return bool(self._sending) and time.monotonic() <= self._deadline

    @property
    def _closing(self) -> bool:
        return self._deadline < float("inf")

    def _datum(self, value: Value) -> dict[str, Any]:
        return {
            "MetricName": value.name,
            "Dimensions": [{"Name": DIMENSION, "Value": self._job}],
            "Timestamp": value.at,
            "Value": value.value,
        }


def _is_refusal(error: Exception) -> bool:
    """Tell whether CloudWatch does not want the values, now or ever."""
    answer = getattr(error, "response", {})
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status in range(400, 500) and "Throttl" not in answer.get("Error", {}).get("Code", "")


def _connect() -> Any:
    from sagelocal import aws  # noqa: PLC0415  (heavy)

    return aws.client("cloudwatch")
