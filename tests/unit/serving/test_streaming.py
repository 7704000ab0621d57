"""An answer that a worker makes part by part: as fast as it is taken, and as long as somebody is there."""

import struct

import pytest

from sagelocal.serving import http, server, workers

FRAME = struct.Struct("!III")
REQUEST = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nContent-Length: 1\r\n\r\n1"


class Transport:
    """The end of a connection; it keeps what is written."""

    def __init__(self):
        self.written = b""
        self.reads = True
        self.closed = False

    def write(self, data):
        self.written += data

    def pause_reading(self):
        self.reads = False

    def resume_reading(self):
        self.reads = True

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True


class Stand:
    """A worker and a connection of the model server, with their other ends in the test's hands."""

    def __init__(self):
        self.worker, self.of_worker = workers.Worker(None), Transport()
        self.worker.connection_made(self.of_worker)
        self.pool = workers.Pool([self.worker], died=lambda: None)

    def client(self):
        connection = http.Connection(server.Application(self.pool, 1000), set())
        transport = Transport()
        connection.connection_made(transport)
        return connection, transport

    def say(self, status, kind=b"", body=b""):
        self.worker.data_received(FRAME.pack(status, len(kind), len(body)) + kind + body)


@pytest.fixture
def stand():
    return Stand()


@pytest.fixture
def streaming(stand):
    """A connection whose answer has begun."""
    connection, transport = stand.client()
    connection.data_received(REQUEST)
    stand.say(200 | workers.MORE, b"text/plain")
    stand.say(200 | workers.MORE, body=b"one")
    assert transport.written.endswith(b"3\r\none\r\n")
    return connection, transport


def test_a_worker_waits_for_who_takes_its_parts(stand, streaming):
    connection, transport = streaming
    connection.pause_writing()
    assert not stand.of_worker.reads
    connection.resume_writing()
    assert stand.of_worker.reads
    stand.say(workers.ENDED)
    assert transport.written.endswith(b"0\r\n\r\n")


def test_a_worker_is_read_from_again_after_an_answer_that_was_waited_for(stand, streaming):
    connection, _ = streaming
    connection.pause_writing()
    stand.say(workers.ENDED)  # it was on its way
    assert stand.of_worker.reads
    connection.pause_writing()  # no answer of this worker is the reason
    assert stand.of_worker.reads


def test_an_answer_that_begins_while_an_earlier_one_is_not_taken_yet_waits(stand):
    connection, _ = stand.client()
    connection.pause_writing()
    connection.data_received(REQUEST)
    stand.say(200 | workers.MORE, b"text/plain")
    assert not stand.of_worker.reads


def test_a_worker_is_told_that_nobody_takes_its_parts_any_more(stand, streaming):
    connection, _ = streaming
    connection.pause_writing()
    asked = stand.of_worker.written
    connection.connection_lost(None)
    assert stand.of_worker.written == asked + workers.LEAVE
    assert stand.of_worker.reads  # or it could not send the end
    stand.say(200 | workers.MORE, body=b"two")
    stand.say(workers.CUT)

    other, transport = stand.client()
    other.data_received(REQUEST)
    stand.say(200, b"text/plain", b"next")
    assert transport.written.endswith(b"next")


def test_a_worker_is_told_also_when_its_answer_begins_after_the_client_has_gone(stand):
    connection, transport = stand.client()
    connection.data_received(REQUEST)
    connection.connection_lost(None)
    stand.say(200 | workers.MORE, b"text/plain")
    assert stand.of_worker.written.endswith(workers.LEAVE)
    stand.say(workers.CUT)
    assert not transport.written
