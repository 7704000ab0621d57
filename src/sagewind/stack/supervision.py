"""supervisord as a child: started with the stack's configuration, asked and told over its unix socket."""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import sys
import xmlrpc.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supervisor.xmlrpc import SupervisorTransport

from sagewind.stack import programs, tether

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sagewind.stack.home import Home


@dataclass(frozen=True, kw_only=True)
class State:
    """What supervisord says of one program: its state in supervisord's words, and its process."""

    name: str
    state: str
    pid: int


def start(
    home: Home, configuration: str, environ: Mapping[str, str], *, keep: int
) -> subprocess.Popen[bytes]:
    """Start supervisord; it ends when this thread's process does.

    It gets the descriptor `keep` (the home's lock), so that the lock is free only when the programs are gone
    too; and a session of its own, so that Ctrl-C in a terminal reaches the launcher alone.
    """
    file = home.root / "supervisord.conf"
    file.write_text(configuration)
    with programs.log(home, "supervisord-output").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)],
            env=dict(environ),
            cwd=home.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(keep,),
            preexec_fn=_in_child,  # noqa: PLW1509  (two prctl calls)
        )


def _in_child() -> None:
    tether.die_with_parent(signal.SIGTERM)
    tether.adopt_orphans()


def states(home: Home) -> list[State]:
    """Ask for the state of every program; empty when supervisord does not answer (yet, or any more)."""
    try:
        with _control(home) as control:
            answer: list[dict[str, Any]] = control.getAllProcessInfo()
    except (OSError, http.client.HTTPException, xmlrpc.client.Error):
        return []
    return [State(name=entry["name"], state=entry["statename"], pid=entry["pid"]) for entry in answer]


def start_group(home: Home, group: str) -> None:
    """Start the programs of a group, without waiting for them."""
    with _control(home) as control:
        control.startProcessGroup(group, False)


def shut_down(home: Home) -> bool:
    """Tell supervisord to stop everything and end; False when there is none that answers."""
    try:
        with _control(home) as control:
            control.shutdown()
    except (OSError, http.client.HTTPException, xmlrpc.client.Error):
        return False
    return True


@contextlib.contextmanager
def _control(home: Home) -> Iterator[Any]:
    socket: Path = home.sockets / "supervisor.sock"
    transport = SupervisorTransport(None, None, f"unix://{socket}")
    with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
        yield proxy.supervisor
