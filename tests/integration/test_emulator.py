"""The emulator as a container's first process, and the environment that it runs in."""

import re
import signal
import subprocess
import sys

import pytest

from sagelocal.emulator import environment

SPACES = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
"""A process in these is the first of its own, as a container's command is."""


def test_it_comes_up_below_the_first_process_of_a_container(tmp_path):
    if subprocess.run([*SPACES, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no user namespaces")
    command = [*SPACES, sys.executable, "-m", "sagelocal", "emulator", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert re.match(r"AWS emulator: http://127\.0\.0\.1:\d+, account \d{12}\n", said), said


def test_an_environment_that_lost_its_python_is_made_again(tmp_path):
    locked = tmp_path / "nothing.txt"
    locked.write_text("")
    python = environment.ensure(tmp_path / "cache", locked)
    assert environment.ensure(tmp_path / "cache", locked) == python
    python.unlink()

    assert environment.ensure(tmp_path / "cache", locked) == python
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0
