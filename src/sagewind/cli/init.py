"""`sagewind init <model>`: write spec, scripts, data and tests of a new model, which pass as they are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sagewind import scaffold
from sagewind.cli import models

if TYPE_CHECKING:
    from sagewind.cli.call import Call


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("init", help="begin a new model: spec, scripts, data and tests")
    models.argument(parser)
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Write the files and name them."""
    name = call.arguments.model
    for path in scaffold.scaffold(call.home.project, name):
        sys.stdout.write(f"{path.relative_to(call.home.project)}\n")
    sys.stdout.write(f"\nNow: pytest tests/models, sagewind plan {name}, sagewind run {name}\n")
    return 0
