"""What the processes of the service tell each other, and which of them a request is for."""

import os
import socket
import tempfile
import threading

import pytest

from sagelocal import handing
from sagelocal.dataplane.channel import Channel, Page


@pytest.fixture
def ends():
    ours, theirs = (Channel(each) for each in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_values_and_files_come_in_their_order(ends):
    ours, theirs = ends
    read, write = os.pipe()
    ours.send(("before",))
    ours.send(("file", b"x" * 100), write)
    ours.send(("after",))
    os.close(write)

    assert theirs.receive() == (("before",), -1)
    value, file = theirs.receive()
    assert value == ("file", b"x" * 100)
    os.write(file, b"through it")
    os.close(file)
    assert theirs.receive() == (("after",), -1)
    assert os.read(read, 100) == b"through it"
    os.close(read)


def test_what_is_larger_than_the_sockets_memory_comes_whole(ends):
    ours, theirs = ends
    large = os.urandom(1 << 22)
    sending = threading.Thread(target=ours.send, args=(large,))
    sending.start()
    assert theirs.receive() == (large, -1)
    sending.join()


def test_what_would_have_to_wait_is_not_sent(ends):
    ours, theirs = ends
    with tempfile.TemporaryFile() as file:
        sent = 0
        while ours.offer(("connection", b"x" * 1000), file.fileno()):
            sent += 1
        for _ in range(sent):
            value, received = theirs.receive()
            os.close(received)
            assert value == ("connection", b"x" * 1000)
        assert ours.offer(("again", b""), file.fileno())
        assert theirs.receive()[0] == ("again", b"")
        theirs.close()
        assert not ours.offer(("late", b""), file.fileno())


def test_the_end_is_seen_by_who_reads_and_by_who_writes(ends):
    ours, theirs = ends
    ours.close()
    with pytest.raises(EOFError):
        theirs.receive()
    with pytest.raises(OSError, match="pipe"):
        theirs.send("x")


def test_a_page_is_one_for_all_who_have_the_file():
    with tempfile.TemporaryFile() as file:
        file.truncate(os.sysconf("SC_PAGESIZE"))
        written, seen = Page(file.fileno()), Page(file.fileno())
    assert (seen.version, seen.held) == (0, False)
    written.version, written.held = 2**40, True
    assert (seen.version, seen.held) == (2**40, True)


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"POST /endpoints/iris-1/invocations HTTP/1.1\r\n", "iris-1"),
        (b"POST /endpoints/iris/invocations?x=1 HTTP/1.1\r\n", "iris"),
        (b"POST /endpoints/iris/invocations-response-stream HTTP/1.1\r\n", "iris"),
        (b"POST /endpoints/iris/async-invocations HTTP/1.1\r\n", None),
        (b"POST /endpoints/ir%69s/invocations HTTP/1.1\r\n", None),
        (b"GET /endpoints/iris/invocations HTTP/1.1\r\n", None),
        (b"POST / HTTP/1.1\r\n", None),
        (b"POST /endpoints/iris/invoc", None),
    ],
)
def test_the_first_bytes_tell_the_endpoint(data, want):
    assert handing.endpoint(data) == want
