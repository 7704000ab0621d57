"""What the invocations of endpoints were like, for CloudWatch: noted in the data plane, published beside it.

Noting is one append to a deque. A thread of its own publishes what gathered, every few seconds, with the
dimensions `EndpointName` and `VariantName`; where no CloudWatch answers, a period's values are lost.
https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from sagelocal.serving.ticking import Ticking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NAMESPACE = "AWS/SageMaker"
EVERY_SECONDS = 5.0
CLOSE_SECONDS = 5.0
"""The service's end does not wait longer for what is still to be told."""
MOST_SAMPLES = 200_000
"""Of a variant and a period; older ones give way."""
MOST_VALUES = 150
"""Different values in one datum of PutMetricData."""
MOST_DATA = 500
"""Data in one call; 1,000 are allowed."""
_DIGITS = 2
_MICROSECONDS = 1_000_000
_BAD, _BROKEN = range(400, 500), range(500, 600)

_log = logging.getLogger(__name__)


Sample = tuple[float, float, int, int]
"""One invocation: seconds in the model and around it, the status that came of it, the fleet's size."""


class Meter:
    """Takes the samples of one variant. `note` is for the event loop, `take` for any thread."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self.note = self._samples.append
        self._taken = 0

    @property
    def total(self) -> int:
        """Invocations since the service started."""
        return self._taken + len(self._samples)

    def take(self) -> list[Sample]:
        """Return what gathered, and begin anew."""
        taken = [self._samples.popleft() for _ in range(len(self._samples))]
        self._taken += len(taken)
        return taken


class Meters(Ticking):
    """The meters of all variants, and the thread that publishes them."""

    def __init__(self, connect: Callable[[], Any] | None = None) -> None:
        super().__init__("endpoint metrics", every=EVERY_SECONDS, within=CLOSE_SECONDS)
        self._connect = connect or _connect
        self._meters: dict[tuple[str, str], Meter] = {}
        self._client: Any = None

    def of(self, endpoint: str, variant: str) -> Meter:
        """Return the meter of a variant."""
        return self._meters.setdefault((endpoint, variant), Meter())

    def totals(self) -> dict[tuple[str, str], int]:
        """Return the invocations of all variants since the service started."""
        return {key: meter.total for key, meter in list(self._meters.items())}

    def tick(self) -> None:
        """Publish what gathered, if CloudWatch takes it."""
        try:
            self.publish()
        except Exception as error:  # noqa: BLE001  (whatever boto3 raises: invocations do not depend on it)
            _log.warning("CloudWatch did not take the metrics of endpoints: %s", error)

    def publish(self) -> None:
        """Send what gathered."""
        now = time.time()
        found = [
            datum | {"Timestamp": now}
            for (endpoint, variant), meter in list(self._meters.items())
            for datum in data(endpoint, variant, meter.take())
        ]
        if not found:
            return
        self._client = self._client or self._connect()
        for place in range(0, len(found), MOST_DATA):
            self._client.put_metric_data(Namespace=NAMESPACE, MetricData=found[place : place + MOST_DATA])


def data(endpoint: str, variant: str, samples: list[Sample]) -> Iterator[dict[str, Any]]:
    """Yield the MetricData of a variant's samples; nothing when there is none."""
    if not samples:
        return
    model, overhead, statuses, sizes = zip(*samples, strict=True)
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    for name, unit, values in (
        ("Invocations", "None", [1.0] * len(samples)),
        ("InvocationsPerInstance", "None", [1.0 / max(1, size) for size in sizes]),
        ("ModelLatency", "Microseconds", [seconds * _MICROSECONDS for seconds in model]),
        ("OverheadLatency", "Microseconds", [seconds * _MICROSECONDS for seconds in overhead]),
        ("Invocation4XXErrors", "None", [float(status in _BAD) for status in statuses]),
        ("Invocation5XXErrors", "None", [float(status in _BROKEN) for status in statuses]),
    ):
        for part in histogram(values):
            yield {
                "MetricName": name,
                "Unit": unit,
                "Dimensions": dimensions,
                "Values": [value for value, _ in part],
                "Counts": [float(count) for _, count in part],
            }


def histogram(values: Iterable[float]) -> Iterator[list[tuple[float, int]]]:
    """Yield values and how often they came, in pieces that one datum holds.

    When there are too many different ones they are told to two digits: percentiles stay within 5 %.
    """
    counted = Counter(values)
    if len(counted) > MOST_VALUES:
        rounded: Counter[float] = Counter()
        for value, count in counted.items():
            rounded[float(f"{value:.{_DIGITS - 1}e}")] += count
        counted = rounded
    items = sorted(counted.items())
    for place in range(0, len(items), MOST_VALUES):
        yield items[place : place + MOST_VALUES]


def _connect() -> Any:
    from sagelocal import aws  # noqa: PLC0415  (heavy; this package is also copied into images, which lack it)

    return aws.client("cloudwatch")
