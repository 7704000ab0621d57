"""However the launcher ends, nothing of what it started is left, and the next start is in order."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Launched


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stop") / "home"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),  # Ctrl-C in the middle of a job
        (signal.SIGKILL, -signal.SIGKILL),  # the launcher cannot stop anything itself
    ],
)
def test_nothing_is_left(
    launch: Callable[..., Launched], root: Path, number: signal.Signals, code: int
) -> None:
    demo = launch(root / number.name, "demo")
    demo.await_words("train        running")
    started = demo.descendants()
    assert len(started) > 10
    assert demo.end(number) == code
    assert ("waiting for the stack to stop ..." in demo.says()) == (number is signal.SIGINT)
    assert demo.await_gone(started) == []


@pytest.mark.parametrize("command", ["up", "demo"])
def test_who_interrupts_a_start_is_told_what_is_waited_for(
    launch: Callable[..., Launched], tmp_path: Path, command: str
) -> None:
    starting = launch(tmp_path / "home", command)
    starting.await_words("waiting for PostgreSQL ...")
    started = starting.descendants()
    assert starting.end(signal.SIGINT) == 130
    assert starting.says().endswith("waiting for the stack to stop ...\n")
    assert starting.await_gone(started) == []
