"""A stack that somebody else holds is waited for, and that is said, once, where a person sees it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from sagewind import aws
from sagewind.cli import models
from sagewind.cli.call import Call
from sagewind.stack import launch
from sagewind.stack.home import Home

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Watched(Home):
    """A home whose lock is let go at the tenth look at it."""

    looks: list[Any] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)

    @property
    def lock(self) -> Path:
        self.looks.append(None)
        if len(self.looks) == 10:
            self.held[0].close()
        return self.root / "lock"


@pytest.fixture
def home(tmp_path: Path) -> Watched:
    """A home that is held by what is no stack yet."""
    home = Watched(root=tmp_path / "home", project=tmp_path)
    home.make()
    home.held.append(launch.take_lock(home))
    return home


def test_who_waits_for_a_stack_is_told_so_once(home: Watched) -> None:
    said: list[str] = []
    assert launch.running(home, say=said.append) is None
    assert len(home.looks) >= 10
    assert said == [f"the stack in {home.root}"]


def test_who_need_not_wait_is_told_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    assert launch.running(Home(root=tmp_path, project=tmp_path), say=said.append) is None
    assert said == []


def test_a_command_about_a_model_tells_it_beside_its_answer(
    home: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    call = Call(home=home, arguments=argparse.Namespace(), environ={})
    assert models.clients(call) is aws.client
    told = capsys.readouterr()
    assert told.err == f"waiting for the stack in {home.root} ...\n"
    assert told.out == ""
