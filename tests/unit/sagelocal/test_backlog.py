"""What waits to be sent has a bound: of too much the oldest goes, and how much went is known."""

import pytest

from sagelocal.backlog import Backlog


@pytest.mark.parametrize(
    ("most", "most_bytes", "kept"),
    [(10, 100, ["aa", "bbb", "c"]), (2, 100, ["bbb", "c"]), (10, 4, ["bbb", "c"]), (10, 3, ["c"])],
)
def test_the_oldest_is_dropped_and_counted(most, most_bytes, kept):
    backlog = Backlog(most=most, most_bytes=most_bytes, size=len)
    backlog.extend(["aa", "bbb", "c"])
    assert [backlog.popleft() for _ in range(len(backlog))] == kept
    assert backlog.dropped == 3 - len(kept)


def test_what_is_taken_makes_room():
    backlog = Backlog(most=10, most_bytes=4, size=len)
    for each in ("aaaa", "bbbb", "cc"):
        backlog.extend([each])
        assert backlog[0] == each
        assert backlog.popleft() == each
    assert backlog.dropped == 0


def test_what_is_larger_than_the_bound_by_itself_is_dropped_too():
    backlog = Backlog(most=10, most_bytes=4, size=len)
    backlog.extend(["aa", "bbbbb"])
    assert not backlog
    assert backlog.dropped == 2
