"""`sagewind down`: stop the stack of this home, wherever it was started."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

from sagewind.stack import launch, supervision

if TYPE_CHECKING:
    from sagewind.cli.call import Call


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("down", help="stop the stack that runs in this home")
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Ask supervisord to end and wait until the home's lock is free; stopping nothing is no failure."""
    home = call.home
    if not home.lock.exists() or not supervision.shut_down(home):
        sys.stdout.write(f"nothing runs in {home.root}\n")
        return 0
    sys.stdout.write(f"waiting for what runs in {home.root} to stop ...\n")
    sys.stdout.flush()
    deadline = time.monotonic() + launch.STOP_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(launch.AlreadyRunningError), launch.take_lock(home):
            sys.stdout.write(f"stopped what ran in {home.root}\n")
            return 0
        time.sleep(0.1)
    sys.stderr.write(f"still running after {launch.STOP_SECONDS:.0f} s; see {home.logs}\n")
    return 1
