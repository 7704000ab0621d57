"""A job's folder: who is in it, and how it is told something."""

import fcntl
import signal
import subprocess
import sys

import pytest

from sagelocal.jobs.folder import JobFolder

LOOP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def folder(tmp_path):
    """Give a folder whose lock is held."""
    folder = JobFolder(tmp_path)
    with folder.lock.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def test_a_supervisor_gets_a_signal(folder):
    with subprocess.Popen(LOOP) as process:
        folder.pid.write_text(str(process.pid))
        assert folder.signal(signal.SIGTERM)
    assert process.returncode == -signal.SIGTERM


def test_a_supervisor_that_has_just_gone_gets_none(folder):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        folder.pid.write_text(str(process.pid))
    assert not folder.signal(signal.SIGTERM)


def test_without_a_supervisor_there_is_nobody_to_signal(tmp_path):
    assert not JobFolder(tmp_path).signal(signal.SIGTERM)
