"""`sagelocal env`: print what points boto3, the SageMaker SDK and Airflow at a running service."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal.client import addresses, variables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)


def add(commands: Subparsers) -> None:
    """Declare the subcommand's arguments."""
    parser = commands.add_parser("env", help="print what points boto3, the SageMaker SDK and Airflow at it")
    parser.add_argument("--data", type=Path, default=None, help="the running service's data directory")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of shell exports")


def run(arguments: argparse.Namespace, data_dir: Path, environ: Mapping[str, str]) -> int:
    """Print them, as `eval "$(sagelocal env)"` takes them.

    Raises:
        addresses.NotServingError: no service runs in the data directory.

    """
    found = addresses.read((arguments.data or data_dir).absolute())
    values = variables.build(found, environ)
    if arguments.json:
        sys.stdout.write(json.dumps(values, indent=2) + "\n")
    else:
        # They would go before, or beside, the keys below.
        sys.stdout.write("unset AWS_PROFILE AWS_SESSION_TOKEN\n")
        sys.stdout.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    return 0
