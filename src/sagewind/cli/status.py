"""`sagewind status`: what of the stack runs, and whether it answers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sagewind.stack import home as homes
from sagewind.stack import readiness, supervision

if TYPE_CHECKING:
    from sagewind.cli.call import Call

NOT_RUNNING = 3  # as `systemctl status` and the LSB have it


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("status", help="what of the stack runs, and whether it answers")
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Print a line for each program and each part; 0 when all of it is healthy, 3 when nothing runs."""
    home = call.home
    memory = homes.read(home)
    states = supervision.states(home) if memory else []
    if memory is None or not states:
        sys.stdout.write(f"nothing runs in {home.root}\n")
        return NOT_RUNNING
    for state in states:
        sys.stdout.write(f"{state.name:<14} {state.state.lower():<9} pid {state.pid}\n")
    answers = {name: probe() for name, probe in readiness.probes(home, memory).items()}
    for name, healthy in answers.items():
        sys.stdout.write(f"{name:<14} {'healthy' if healthy else 'does not answer'}\n")
    sys.stdout.write(f"Airflow        {memory.address('airflow')}  user {homes.USER}\n")
    return 0 if all(answers.values()) else 1
