"""`sagewind plan <model>`: print each AWS request that a run would make; nothing is asked of AWS."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from sagewind import plan
from sagewind.cli import models

if TYPE_CHECKING:
    from sagewind.cli.call import Call

_REGION = "us-east-1"


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("plan", help="print each AWS request that a run of a model would make")
    models.argument(parser)
    parser.add_argument("--region", default="", help="the region (AWS_DEFAULT_REGION, else us-east-1)")
    parser.add_argument("--json", action="store_true", help="one JSON list, for programs")
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Print the requests in order."""
    region = call.arguments.region or call.environ.get("AWS_DEFAULT_REGION") or _REGION
    calls = list(plan.plan(models.model(call), region))
    if call.arguments.json:
        sys.stdout.write(json.dumps([each.to_json() for each in calls], indent=2) + "\n")
        return 0
    for number, each in enumerate(calls, start=1):
        parameters = json.dumps(each.parameters, indent=2)
        sys.stdout.write(f"{number}. {each.task}: {each.service} {each.operation} {parameters}\n")
    return 0
