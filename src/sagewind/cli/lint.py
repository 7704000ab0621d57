"""`sagewind lint PATH…`: what specs and SDK calls declare against what the training scripts do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewind.lint import command

if TYPE_CHECKING:
    from sagewind.cli.call import Call


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("lint", help="check specs and SDK calls against their training scripts")
    command.arguments(parser)
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Print the findings; the exit code is 1 when one of them is an error."""
    return command.report(call.arguments)
