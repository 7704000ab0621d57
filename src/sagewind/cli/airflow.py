"""`sagewind airflow <argument>...`: Airflow's own command line, on the stack that runs in this home.

`airflow` itself knows nothing of the stack: it would make a database of its own in the home folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from sagewind.cli import models
from sagewind.stack import environment, launch

if TYPE_CHECKING:
    from sagewind.cli.call import Call


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("airflow", help="Airflow's own command line, on the stack that runs")
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="...", help="such as: backfill create --help"
    )
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Run it, and return its exit code.

    Raises:
        StackError: no stack runs in this home.

    """
    memory = launch.running(call.home, say=models.say)
    if memory is None:
        raise launch.StackError(f"no stack runs in {call.home.root}: start one (sagewind up)")
    variables = environment.of_programs(call.home, memory, call.environ)
    command = [sys.executable, "-m", "airflow", *call.arguments.words]
    return subprocess.run(command, env=variables, check=False).returncode
