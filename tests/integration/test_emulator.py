"""The emulator below a container's first process, its data directory, and the environment that it runs in."""

import re
import signal
import subprocess
import sys

import pytest

from sagelocal.emulator import environment, process

SPACES = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
"""A process in these is the first of its own, as a container's command is."""


def test_it_comes_up_below_the_first_process_of_a_container(tmp_path):
    if subprocess.run([*SPACES, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no user namespaces")
    command = [*SPACES, sys.executable, "-m", "sagelocal", "emulator", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as container:
        said = container.stdout.readline()
        container.send_signal(signal.SIGKILL)
    with process.hold(tmp_path):  # whoever dies lets go of it
        pass
    assert re.match(r"AWS emulator: http://127\.0\.0\.1:\d+, account \d{12}\n", said), said


def test_no_second_one_writes_over_its_state(emulator):
    data = emulator.log.parent
    with (
        pytest.raises(
            process.EmulatorError, match=f"another AWS emulator has the data directory {data}; stop"
        ),
        process.hold(data, within=0),
    ):
        pass


def test_an_environment_that_lost_its_python_is_made_again(tmp_path):
    locked = tmp_path / "nothing.txt"
    locked.write_text("")
    python = environment.ensure(tmp_path / "cache", locked)
    assert environment.ensure(tmp_path / "cache", locked) == python
    python.unlink()

    assert environment.ensure(tmp_path / "cache", locked) == python
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0
