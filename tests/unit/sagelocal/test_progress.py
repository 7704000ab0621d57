"""The words of a transform job's progress, and the bytes that they are made of."""

import io

import pytest

from sagelocal.jobs import progress


@pytest.mark.parametrize(
    ("done", "whole", "words"),
    [
        (25, 100, ", 25 % read, about 30 s left"),
        (0, 100, ""),  # nothing to go by yet
        (100, 100, ""),  # nothing left to read
        (25, 0, ""),  # a manifest tells no sizes
    ],
)
def test_the_time_left_is_told_when_it_is_known(done, whole, words):
    assert progress.left(10.0, done=done, whole=whole) == words


def test_a_stream_counts_what_is_read_of_it():
    taken = []
    stream = progress.Counted(io.BytesIO(b"a line\nand more"), taken.append)
    assert stream.read(7) + stream.read() == b"a line\nand more"
    assert sum(taken) == 15
