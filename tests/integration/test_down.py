"""`sagewind down` with a real supervisord: it waits, and tells for what."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import pytest

from sagewind.cli import down
from sagewind.cli.call import Call
from sagewind.stack import launch, programs, supervision
from sagewind.stack.home import Home

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home", project=tmp_path)
    made.make()
    return made


@pytest.fixture
def call(home: Home) -> Call:
    return Call(home=home, arguments=argparse.Namespace(), environ=os.environ)


@pytest.fixture
def supervisord(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisord of one program that holds the home, as the stack's does."""
    sleeper = programs.Program(name="sleeper", group=programs.SERVICES, argv=["sleep", "600"])
    with launch.take_lock(home) as lock:
        configuration = programs.configuration(home, [sleeper])
        running = supervision.start(home, configuration, os.environ, keep=lock.fileno())
    with running:
        yield running
        running.terminate()


def test_down_says_what_it_waits_for_before_it_has_stopped(
    call: Call, supervisord: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    while not supervision.states(call.home):
        assert supervisord.poll() is None, "supervisord ended by itself"
    assert down.run(call) == 0
    root = call.home.root
    assert (
        capsys.readouterr().out
        == f"waiting for what runs in {root} to stop ...\nstopped what ran in {root}\n"
    )


def test_down_waits_for_nothing_where_nothing_runs(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert down.run(call) == 0
    assert capsys.readouterr().out == f"nothing runs in {call.home.root}\n"
