"""`sagewind doctor`: check identity, role, bucket, region, quota and image before money is spent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sagewind.cli import models

if TYPE_CHECKING:
    from sagewind.cli.call import Call


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("doctor", help="check what a model needs of AWS before a run costs money")
    models.argument(parser)
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Print a line for each check; 0 when none failed."""
    from sagewind import doctor  # noqa: PLC0415 - boto3 only where AWS is asked

    found = list(doctor.checks(models.model(call), models.clients(call)))
    for each in found:
        sys.stdout.write(f"{each.verdict.value:<8} {each.name:<9} {each.says}\n")
    return 1 if any(each.verdict is doctor.Verdict.FAILED for each in found) else 0
