"""Log lines reach CloudWatch Logs in order, whole and within its limits, however it answers."""

import itertools
import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelocal import logs


class Cloud:
    """A CloudWatch Logs that keeps its events, and fails when told to."""

    class exceptions:  # noqa: N801  (as a boto3 client has it)
        class ResourceAlreadyExistsException(Exception):  # noqa: N818
            pass

        class ResourceNotFoundException(Exception):  # noqa: N818
            pass

    def __init__(self, failures=0):
        self.failures = failures
        self.batches = []
        self.streams = 0
        self.failed = threading.Event()
        self.taken = threading.Event()

    def create_log_group(self, **_):
        raise self.exceptions.ResourceAlreadyExistsException

    def create_log_stream(self, **_):
        self.streams += 1

    def put_log_events(self, *, logEvents, **_):  # noqa: N803  (as boto3 has it)
        if self.failures:
            self.failures -= 1
            self.failed.set()
            raise ConnectionError("no")
        if not self.streams:
            raise self.exceptions.ResourceNotFoundException
        self.batches.append(logEvents)
        self.taken.set()

    def get_log_events(self, **_):
        if not self.streams:
            raise self.exceptions.ResourceNotFoundException

    def forget(self):
        self.streams = 0
        self.batches = []

    @property
    def messages(self):
        return [event["message"] for batch in self.batches for event in batch]


def test_lines_arrive_in_order_and_whole():
    cloud = Cloud()
    sink = logs.CloudWatchLogs("g", "s", connect=lambda: cloud)
    lines = [f"line {n}" for n in range(25_000)]
    for line in lines:
        sink.write(line)
    sink.close()
    assert cloud.messages == lines
    assert all(len(batch) <= logs.BATCH_EVENTS for batch in cloud.batches)


def test_a_batch_that_fails_is_sent_again():
    cloud = Cloud(failures=2)
    sink = logs.CloudWatchLogs("g", "s", connect=lambda: cloud)
    sink.write("one")
    cloud.failed.wait()
    sink.write("two")
    sink.close()
    assert cloud.messages == ["one", "two"]


def test_what_cannot_be_delivered_is_told():
    cloud = Cloud(failures=1_000_000)
    sink = logs.CloudWatchLogs("g", "s", connect=lambda: cloud)
    sink.write("one")
    with pytest.raises(logs.LogsLostError, match=r"1 lines of g s were not delivered: ConnectionError: no"):
        sink.close(within=0.2)


@pytest.mark.parametrize("bound", [{"most_lines": 3}, {"most_bytes": 3 * (len("line 9") + 26)}])
def test_of_more_lines_than_are_kept_the_newest_arrive_and_the_gap_is_told(bound):
    cloud = Cloud(failures=1_000_000)
    sink = logs.CloudWatchLogs("g", "s", connect=lambda: cloud, **bound)
    sink.write("first")
    cloud.failed.wait()
    for number in range(10):
        sink.write(f"line {number}")
    cloud.failures = 0
    with pytest.raises(logs.LogsLostError, match=r"^7 lines of g s were not delivered: more lines waited"):
        sink.close()
    first, gap, *rest = cloud.messages
    assert first == "first"
    assert gap.startswith("[sagelocal] 7 lines are missing here")
    assert rest == ["line 7", "line 8", "line 9"]


def test_lines_that_were_dropped_count_among_those_that_were_not_delivered():
    cloud = Cloud(failures=1_000_000)
    sink = logs.CloudWatchLogs("g", "s", connect=lambda: cloud, most_lines=3)
    for number in range(10):
        sink.write(f"line {number}")
    with pytest.raises(logs.LogsLostError, match=r"^10 lines of g s were not delivered: ConnectionError: no"):
        sink.close(within=0.2)


def test_lines_under_way_to_a_cloud_that_hangs_were_not_delivered():
    hangs = threading.Event()

    class Hanging(Cloud):
        def put_log_events(self, **_):
            hangs.wait()

    sink = logs.CloudWatchLogs("g", "s", connect=Hanging)
    sink.write("one")
    with pytest.raises(logs.LogsLostError, match=r"^1 lines of g s were not delivered: the time to close"):
        sink.close(within=0.1)
    hangs.set()


@pytest.mark.parametrize("more", [["three"], []])
def test_what_a_cloud_forgets_is_delivered_again(more):
    cloud = Cloud()
    sink = logs.CloudWatchLogs("g", "s", connect=lambda: cloud, fresh=0)
    sink.write("one")
    sink.write("two")
    while cloud.messages != ["one", "two"]:
        cloud.taken.wait()
    cloud.forget()
    for line in more:
        sink.write(line)
    sink.close()
    assert cloud.messages == ["one", "two", *more]


def test_of_a_long_log_that_is_forgotten_the_end_is_delivered_again(monkeypatch):
    delivered = logs._Delivered()
    monkeypatch.setattr(logs, "KEPT_BYTES", 100)
    delivered.add([logs.Event(number, "x" * 14) for number in range(9)])
    first, *rest = delivered.events()
    assert "without 7 lines" in first.message
    assert [event.timestamp for event in rest] == [7, 8]


def test_time_never_goes_back():
    cloud = Cloud()
    clock = itertools.chain([5.0, 3.0, 7.0], itertools.repeat(7.0))
    sink = logs.CloudWatchLogs("g", "s", connect=lambda: cloud, clock=lambda: next(clock))
    for line in "abc":
        sink.write(line)
    sink.close()
    assert [event["timestamp"] for batch in cloud.batches for event in batch] == [5000, 5000, 7000]


@given(st.text(max_size=50), st.integers(4, 20))
def test_a_long_line_is_cut_within_the_limit_and_loses_nothing(text, limit):
    pieces = logs.split(text, limit)
    assert all(1 <= len(piece.encode()) <= limit for piece in pieces)
    assert "".join(pieces) == (text or " ")


def test_a_batch_stays_below_a_megabyte():
    pending = deque(logs.Event(1, "x" * 200_000) for _ in range(7))
    sizes = []
    while pending:
        sizes.append(sum(event.size for event in logs.batch(pending)))
    assert max(sizes) <= logs.BATCH_BYTES
    assert len(sizes) == 2
