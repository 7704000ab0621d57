"""Start the stack, wait until it is healthy, stop all of it.

One stack for each home: a lock on the home is held by the launcher and by supervisord. Whatever a program
leaves behind (a daemon, a job in a session of its own) is adopted by this process and ends with the rest.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Self

import psutil

from sagewind.errors import SagewindError
from sagewind.stack import environment, programs, readiness, supervision, tether
from sagewind.stack import home as homes
from sagewind.stack.home import Executor
from sagewind.stack.ports import Claims

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import TextIOWrapper

    from sagewind.stack.home import Home, Memory

START_SECONDS = 600.0  # a bound for a busy machine; an idle one takes half a minute
STOP_SECONDS = 60.0
SWEEP_SECONDS = 5.0
STOP = "the stack to stop"
"""What is awaited in the end, as `say` is told it."""
_POLL_SECONDS = 0.1
_BROKEN = ("FATAL", "UNKNOWN")
_MOST_LIVES = 4  # supervisord starts a program again that ended after a while; this often is no start


class StackError(SagewindError):
    """The stack did not come up; the message has the end of the log that tells why."""


class AlreadyRunningError(StackError):
    """A stack for this home is running already."""


@dataclass(kw_only=True)
class Stack:
    """A stack that this process started; a context manager that stops it."""

    home: Home
    memory: Memory
    supervisord: subprocess.Popen[bytes]
    lock: TextIOWrapper
    claims: Claims
    before: frozenset[int] = field(default_factory=frozenset)
    """The children that this process had already: they are not the stack's."""

    def stop(self) -> None:
        """Stop every program and whatever they left behind; return when all of it is gone."""
        if self.supervisord.poll() is None:
            self.supervisord.terminate()
            try:
                self.supervisord.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.supervisord.kill()
                self.supervisord.wait()
        self._sweep()
        self.claims.release()
        self.lock.close()

    def _sweep(self) -> None:
        left = [
            process
            for child in psutil.Process().children()
            if child.pid not in self.before
            for process in (*child.children(recursive=True), child)
        ]
        for process in left:
            _signal(process.terminate)
        _, stubborn = psutil.wait_procs(left, timeout=SWEEP_SECONDS)
        for process in stubborn:
            _signal(process.kill)
        psutil.wait_procs(stubborn, timeout=SWEEP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return


def start(
    home: Home,
    environ: Mapping[str, str],
    *,
    say: Callable[[str], None],
    cron: bool = True,
    executor: Executor = Executor.LOCAL,
) -> Stack:
    """Start the stack of this home and return once every part is healthy; `say` is told what is awaited.

    That is its stop, too, when the start fails or is interrupted. Without `cron` the DAGs' own
    schedules rest.

    Raises:
        AlreadyRunningError: somebody else runs it.
        StackError: a part did not come up; everything is stopped again.

    """
    if executor is Executor.CELERY and not shutil.which("redis-server"):
        raise StackError("redis-server is not on PATH, and Celery needs it; `make debian` installs it")
    home.make()
    lock = take_lock(home)
    claims = Claims()
    memory = homes.recall(home, claim=claims.claim)
    _write_login(home, memory)
    tether.adopt_orphans()
    before = frozenset(child.pid for child in psutil.Process().children())
    variables = environment.of_programs(home, memory, environ, cron=cron, executor=executor)
    configuration = programs.configuration(home, programs.table(home, memory, executor))
    supervisord = supervision.start(home, configuration, variables, keep=lock.fileno())
    stack = Stack(home=home, memory=memory, supervisord=supervisord, lock=lock, claims=claims, before=before)
    try:
        _bring_up(stack, variables, executor, say)
    except BaseException:
        with stack:  # it stops even when nobody can be told
            say(STOP)
        raise
    return stack


def take_lock(home: Home) -> TextIOWrapper:
    """Take the home's lock, for as long as the file that is returned stays open.

    Raises:
        AlreadyRunningError: it is taken.

    """
    file = home.lock.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise AlreadyRunningError(f"the stack of {home.root} is running already") from error
    return file


def running(home: Home, *, say: Callable[[str], None]) -> Memory | None:
    """Return what is remembered of the stack that runs in this home, once it is healthy; None when none runs.

    `say` is told, once, when that must be waited for.

    Raises:
        StackError: one holds the home, and did not become healthy (it is starting, or stopping, or broken).

    """
    deadline = time.monotonic() + START_SECONDS
    waiting = False
    while time.monotonic() < deadline:
        if is_free(home):
            return None
        memory = homes.read(home)
        if memory and supervision.states(home) and is_healthy(home, memory):
            return memory
        if not waiting:
            say(f"the stack in {home.root}")
            waiting = True
        time.sleep(_POLL_SECONDS)
    raise StackError(f"what runs in {home.root} is not healthy; see {home.logs}, or stop it: sagewind down")


def is_free(home: Home) -> bool:
    """Whether no stack holds this home, healthy or not."""
    if not home.lock.exists():
        return True
    try:
        take_lock(home).close()
    except AlreadyRunningError:
        return False
    return True


def is_healthy(home: Home, memory: Memory) -> bool:
    """Say whether every part of the stack answers now."""
    return all(probe() for probe in readiness.probes(home, memory).values())


def _bring_up(
    stack: Stack, variables: Mapping[str, str], executor: Executor, say: Callable[[str], None]
) -> None:
    probes = readiness.probes(stack.home, stack.memory)
    say("PostgreSQL")
    _await(stack, "postgres", probes["postgres"])
    if not _is_migrated(stack.home):
        say("Airflow's tables")
        _migrate(stack.home, variables)
    supervision.start_group(stack.home, programs.AIRFLOW)
    if executor.awaits_api:
        supervision.start_group(stack.home, programs.SCHEDULER)
    for name, what in (("emulator", "the AWS emulator"), ("sagelocal", "sagelocal"), ("api", "Airflow")):
        say(what)
        _await(stack, name, probes[name])
    if not executor.awaits_api:
        supervision.start_group(stack.home, programs.SCHEDULER)
    _await(stack, "airflow", probes["airflow"])


def _await(stack: Stack, name: str, probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    lives: dict[str, set[int]] = {}
    while time.monotonic() < deadline:
        if probe():
            return
        if stack.supervisord.poll() is not None:
            raise StackError(f"supervisord ended; {_tail(stack.home, 'supervisord-output')}")
        for program in supervision.states(stack.home):
            pids = lives.setdefault(program.name, set())
            pids |= {program.pid} - {0}
            if program.state in _BROKEN or len(pids) > _MOST_LIVES:
                raise StackError(f"{program.name} does not start; {_tail(stack.home, program.name)}")
        time.sleep(_POLL_SECONDS)
    raise StackError(f"{name} was not ready within {START_SECONDS:.0f} s; the logs are in {stack.home.logs}")


def _is_migrated(home: Home) -> bool:
    stamp = home.postgres / "airflow-version"
    return stamp.exists() and stamp.read_text() == metadata.version("apache-airflow-core")


def _migrate(home: Home, variables: Mapping[str, str]) -> None:
    with programs.log(home, "migrate").open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", *programs.MIGRATE],
            env=dict(variables),
            cwd=home.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise StackError(f"`airflow db migrate` ended with {done.returncode}; {_tail(home, 'migrate')}")
    (home.postgres / "airflow-version").write_text(metadata.version("apache-airflow-core"))


def _write_login(home: Home, memory: Memory) -> None:
    file = os.open(environment.passwords_file(home), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(file, "w") as passwords:  # noqa: PTH123  (a descriptor)
        json.dump({homes.USER: memory.password}, passwords)


def _tail(home: Home, program: str) -> str:
    log = programs.log(home, program)
    lines = log.read_text(errors="replace").splitlines()[-25:] if log.exists() else []
    return "\n".join([f"{log} ends:", *lines])
