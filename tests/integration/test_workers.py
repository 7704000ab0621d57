"""The processes of a model server with handlers of the user's: one load for all, where a fork will do."""

import http.client
import os
import select
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from sagelocal.serving import workers

SCRIPT = """
import os
import select
import threading


def model_fn(model_dir):
    with open(model_dir + "/loads", "a") as file:
        file.write(str(os.getpid()) + "\\n")
    {load}
    return {{}}


def input_fn(body, content_type):
    return body


def predict_fn(body, model):
    if body == "end":
        os._exit(1)
    return body


def output_fn(body, accept):
    return f"{{os.getpid()}} {{body}}", accept
"""


@pytest.fixture
def served(tmp_path):
    """Start a model server with a script; end it if the test did not."""
    started = []

    def serve(load=""):
        (tmp_path / "inference.py").write_text(SCRIPT.format(load=load))
        argv = [sys.executable, "-m", "sagelocal.serving.server", "--model-dir", str(tmp_path)]
        environ = {**os.environ, "SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "2"}
        process = subprocess.Popen(
            [*argv, "--socket", str(tmp_path / "model.sock"), "--port", "0"],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("listening on port"):
                return process, int(line.split()[-1]), "".join(lines)
        raise AssertionError(f"the model server ended with {process.wait()}")

    yield serve
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(port, text):
    url, headers = f"http://127.0.0.1:{port}/invocations", {"Content-Type": "text/csv"}
    request = urllib.request.Request(url, data=text.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            pid, _, body = answer.read().decode().partition(" ")
    except urllib.error.HTTPError as error:
        error.close()
        raise
    assert body == text
    return int(pid)


def loads(tmp_path):
    return {int(line) for line in (tmp_path / "loads").read_text().split()}


def test_workers_share_what_one_has_loaded(served, tmp_path):
    process, port, log = served()
    pids = {ask(port, str(number)) for number in range(4)}
    assert "workers share the loaded model" in log
    assert (len(pids), len(loads(tmp_path))) == (2, 1)
    assert loads(tmp_path) < pids

    # A worker that dies takes the server with it; nobody is left behind.
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(port, "end")
    process.wait(30)
    for pid in pids:
        wait_for_end(pid)


def wait_for_end(pid):
    """Wait until a process that is not our child has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 30)[0], f"process {pid} still runs"
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (
            "threading.Thread(target=threading.Event().wait, daemon=True).start()",
            "loading left 1 threads running",
        ),
        ("model_fn.kept = open(__file__)", "model_fn left open: "),
    ],
)
def test_each_worker_loads_for_itself_where_a_fork_would_not_do(served, tmp_path, load, words):
    _, port, log = served(load)
    pids = {ask(port, str(number)) for number in range(4)}
    assert f"each worker loads the model for itself: {words}" in log
    assert pids == loads(tmp_path)
    assert len(pids) == 2


ENDLESS = """
import socket
import sys

from sagelocal.serving import handlers, workers


def endless():
    try:
        while True:
            yield "part"
    finally:
        print("ended", flush=True)


def transform(model, body, kind, accept):
    return (endless() if body == "endless" else "plain"), "text/plain"


def load():
    return handlers.Handlers(
        model=None, transform=transform, read=None, predict=None, write=None, fast=None, default_accept=""
    )


workers.serve(socket.socket(fileno=int(sys.argv[1])), load, ())
"""
FRAME = struct.Struct("!III")


def frame(stream):
    status, kind, size = FRAME.unpack(stream.read(FRAME.size))
    stream.read(kind)
    return status, stream.read(size)


def test_a_worker_ends_the_generator_whose_parts_nobody_takes_and_goes_on():
    def ask(body):
        ours.sendall(FRAME.pack(8, 0, len(body)) + b"text/csv" + body)

    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as stream:
        argv = [sys.executable, "-c", ENDLESS, str(theirs.fileno())]
        with (
            subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True) as process,
            theirs,
        ):
            ours.settimeout(60)
            assert stream.read(5)[0] == workers.READY
            ask(b"endless")
            assert frame(stream)[0] == 200 | workers.MORE
            ours.sendall(workers.LEAVE)
            while (told := frame(stream))[0] & workers.MORE:
                assert told[1] == b"part"
            assert told[0] == workers.CUT
            assert process.stdout.readline() == "ended\n"
            ask(b"plain")
            assert frame(stream) == (200, b"plain")
            ours.sendall(workers.LEAVE)  # too late: that answer is whole
            ask(b"plain")
            assert frame(stream) == (200, b"plain")
            ours.shutdown(socket.SHUT_WR)
            assert process.wait(60) == 0
