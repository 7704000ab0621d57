"""The emulator below a container's first process, its data directory, and the environment that it runs in."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from sagelocal.emulator import account, command, environment, process

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


def test_it_waits_for_one_that_is_still_ending(tmp_path):
    with contextlib.ExitStack() as ending:
        ending.enter_context(process.hold(tmp_path))
        listener = ending.enter_context(socket.create_server((process.HOST, 0)))
        port = listener.getsockname()[1]
        threading.Timer(1.0, ending.close).start()
        with process.start(
            port=port,
            data=tmp_path,
            environments=command.environments_folder(os.environ),
            account=account.Account(number="123456789012", region="us-east-1"),
            environ=os.environ,
        ) as emulator:
            assert emulator.port == port


def test_an_environment_that_lost_its_python_is_made_again(tmp_path):
    locked = tmp_path / "nothing.txt"
    locked.write_text("")
    python = environment.ensure(tmp_path / "cache", locked)
    assert environment.ensure(tmp_path / "cache", locked) == python
    python.unlink()

    assert environment.ensure(tmp_path / "cache", locked) == python
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0
