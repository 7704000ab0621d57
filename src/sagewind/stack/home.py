"""The stack's folder (`.sagewind/`): where everything is, and what is remembered between starts."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import secrets
import tempfile
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewind.errors import SagewindError
from sagewind.stack import ports as loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class HomeError(SagewindError):
    """The home cannot be used."""


class Executor(StrEnum):
    """What runs Airflow's tasks."""

    LOCAL = "sagewind.executor.PromptLocalExecutor"  # the scheduler's own processes
    CELERY = "CeleryExecutor"  # workers that take them from Redis, as a distributed Airflow does

    @property
    def awaits_api(self) -> bool:
        """Whether it starts no task before Airflow's API answers."""
        return self is Executor.LOCAL


USER = "admin"
_LONGEST_SOCKET_FOLDER = 80  # sun_path holds 107 bytes; the file's own name takes the rest


@dataclass(frozen=True, kw_only=True)
class Home:
    """Paths below one home folder, and the project whose DAGs and plugins are run."""

    root: Path
    project: Path

    @property
    def airflow(self) -> Path:
        """`AIRFLOW_HOME`."""
        return self.root / "airflow"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory, alone in its parent."""
        return self.root / "postgres" / "data"

    @property
    def sagelocal(self) -> Path:
        """Sagelocal's data directory: state, environments, jobs."""
        return self.root / "sagelocal"

    @property
    def emulator(self) -> Path:
        """The AWS emulator's data directory: the objects of S3, the state of the rest."""
        return self.root / "emulator"

    @property
    def broker(self) -> Path:
        """The socket of Redis, which has no other door."""
        return self.sockets / "redis.sock"

    @property
    def logs(self) -> Path:
        """One log for each program."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held by the launcher and by supervisord: one stack for each home."""
        return self.root / "lock"

    @property
    def memory(self) -> Path:
        """Ports and secrets, kept for the next start; readable by the owner only."""
        return self.root / "stack.json"

    @property
    def sockets(self) -> Path:
        """Where unix sockets are: below the home, or in the temporary folder when that path is too long."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER:
            return inside
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"sagewind-{os.getuid()}-{name}"

    def make(self) -> None:
        """Create the folders; the home and the sockets are the owner's only.

        Raises:
            HomeError: one of them belongs to somebody else.

        """
        for folder in (self.root, self.sockets):
            folder.mkdir(parents=True, exist_ok=True)
            owner = folder.stat().st_uid
            if owner not in owners(os.getuid()):
                raise HomeError(f"{folder} belongs to user {owner}, not {os.getuid()}")
            folder.chmod(0o700)
        for folder in (self.airflow, self.postgres.parent, self.sagelocal, self.emulator, self.logs):
            folder.mkdir(exist_ok=True)


def owners(user: int) -> frozenset[int]:
    """Return who may own a folder of this user's stack: root's sockets may be `nobody`'s, see `postgres`."""
    return frozenset({user} if user else {user, pwd.getpwnam("nobody").pw_uid})


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a home keeps: the ports by name and the secrets of Airflow."""

    ports: Mapping[str, int]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(64))
    session_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    fernet_key: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    )

    def address(self, name: str) -> str:
        """Return the address of a server by its name in the table of ports."""
        return f"http://{loopback.HOST}:{self.ports[name]}"


def read(home: Home) -> Memory | None:
    """Return what the home remembers, None when it has not been started yet."""
    try:
        kept: dict[str, Any] = json.loads(home.memory.read_text())
    except FileNotFoundError:
        return None
    return Memory(**kept)


def recall(home: Home, *, claim: Callable[[int], bool]) -> Memory:
    """Return what the home remembers, with a new port for each that is taken by another; write it back."""
    kept = read(home)
    remembered = kept.ports if kept else {}
    ports = loopback.choose(remembered, claim)
    memory = Memory(**(asdict(kept) | {"ports": ports})) if kept else Memory(ports=ports)
    unfinished = home.memory.with_suffix(".new")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
        json.dump(asdict(memory), file, indent=1)
    unfinished.replace(home.memory)
    return memory
