"""The home: what it remembers between starts, and where its sockets go."""

from __future__ import annotations

import pwd
import socket
import stat
from pathlib import Path

import pytest

from sagewind.stack import home as homes
from sagewind.stack import ports
from sagewind.stack.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home", project=tmp_path)
    made.make()
    return made


def anything(port: int) -> bool:
    return True


def test_the_sockets_of_root_may_be_nobodys_and_no_others() -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    assert homes.owners(0) == {0, nobody}
    assert homes.owners(1000) == {1000}


def test_secrets_and_ports_are_the_same_at_the_next_start(home: Home) -> None:
    first = homes.recall(home, claim=anything)
    assert homes.recall(home, claim=anything) == first
    assert homes.read(home) == first


def test_two_homes_have_different_secrets(home: Home, tmp_path: Path) -> None:
    other = Home(root=tmp_path / "other", project=tmp_path)
    other.make()
    one, two = homes.recall(home, claim=anything), homes.recall(other, claim=anything)
    assert one.password != two.password
    assert one.jwt_secret != two.jwt_secret
    assert len(one.jwt_secret) >= 64  # Airflow warns below


def test_what_is_remembered_is_the_owners_only(home: Home) -> None:
    homes.recall(home, claim=anything)
    assert stat.S_IMODE(home.memory.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_a_taken_port_is_replaced_and_the_others_stay(home: Home) -> None:
    before = homes.recall(home, claim=anything)
    taken = before.ports["sagelocal"]
    after = homes.recall(home, claim=lambda port: port != taken)
    assert after.ports["sagelocal"] != taken
    assert after.ports["airflow"] == before.ports["airflow"]
    assert after.password == before.password


def test_ports_are_distinct_when_all_customary_ones_are_taken() -> None:
    chosen = ports.choose({}, lambda port: port not in ports.CUSTOMARY.values())
    assert len(set(chosen.values())) == len(ports.CUSTOMARY)


@pytest.mark.parametrize(
    ("depth", "inside"),
    [
        (1, True),  # the usual case
        (60, False),  # a unix socket's path holds 107 bytes
    ],
)
def test_sockets_are_in_the_home_unless_its_path_is_too_long(depth: int, inside: bool) -> None:
    root = Path("/h", *["xx"] * depth)
    sockets = Home(root=root, project=root).sockets
    assert sockets.is_relative_to(root) is inside
    assert len(str(sockets / ".s.PGSQL.5432")) < 100


def test_a_port_is_claimed_once_until_it_is_released() -> None:
    one, two = ports.Claims(), ports.Claims()
    with socket.socket() as probe:
        probe.bind((ports.HOST, 0))
        port = probe.getsockname()[1]
        assert not one.claim(port)  # it is in use
    assert one.claim(port)
    assert not two.claim(port)
    one.release()
    assert two.claim(port)
    two.release()
