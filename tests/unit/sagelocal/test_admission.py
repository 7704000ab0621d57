"""Who waits for room: jobs in their order, past which one that only coordinates may go."""

import pytest

from sagelocal.jobs.admission import Queue
from sagelocal.jobs.waiting import Patience

JOB, COORDINATOR = "training-job", "hyper-parameter-tuning-job"


@pytest.fixture
def queue():
    made = Queue(2)
    for kind, name in ((JOB, "a"), (JOB, "b"), (JOB, "c"), (COORDINATOR, "d")):
        made.add(kind, name)
    return made


def names(jobs):
    return [each.name for each in jobs]


@pytest.mark.parametrize(("running", "admitted"), [(0, "abd"), (1, "ad"), (2, "d"), (3, "d")])
def test_as_many_run_as_there_is_room_for_and_every_coordinator(queue, running, admitted):
    assert names(queue.admit(running)) == list(admitted)
    assert names(queue) == [each for each in "abcd" if each not in admitted]


def test_what_could_not_be_started_is_the_first_again(queue):
    queue.put_back(queue.admit(0))
    assert names(queue) == ["a", "b", "d", "c"]


def test_a_job_is_taken_away_by_kind_and_name(queue):
    assert not queue.remove(COORDINATOR, "a")
    assert queue.remove(JOB, "a")
    assert not queue.remove(JOB, "a")
    assert names(queue) == ["b", "c", "d"]


def test_those_that_waited_for_too_long_are_given_up(queue):
    assert queue.first_limit() is None
    first, second, *_ = queue
    first.limit, second.limit = Patience(until=20.0, secondary="Stopped"), Patience(until=10.0, secondary="")
    assert queue.first_limit() == 10.0
    assert queue.give_up(9.9) == []
    assert queue.give_up(10.0) == [(second, second.limit)]
    assert names(queue) == ["a", "c", "d"]
