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
    """Write the model's files, and those of a project that has none yet; name them."""
    name, project = call.arguments.model, call.home.project
    for path in (*scaffold.scaffold(project, name), *scaffold.project(project)):
        sys.stdout.write(f"{path.relative_to(project)}\n")
    sys.stdout.write(f"\nNow: pytest tests/models, sagewind plan {name}, sagewind run {name}\n")
    return 0
