"""What the subcommands about one model share: its spec in the project, and clients of the stack or of AWS."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from sagewind import aws, load, overlay
from sagewind.stack import environment, launch

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from sagewind import spec
    from sagewind.cli.call import Call


def argument(parser: argparse.ArgumentParser) -> None:
    """Declare the argument that names the model."""
    parser.add_argument("model", help="a model's name: dags/models/<model>.yaml is its spec")


def spec_file(call: Call) -> Path:
    """Return where the model's spec is."""
    return call.home.project / "dags" / "models" / f"{call.arguments.model}.yaml"


def edited(call: Call) -> float:
    """Return when the model's spec, or what is laid over it, was written last (seconds since 1970)."""
    file = spec_file(call)
    files = (file, file.parent.parent / overlay.FILE)
    return max(each.stat().st_mtime for each in files if each.is_file())


def model(call: Call) -> spec.Model:
    """Load the model's spec.

    Raises:
        LoadError: there is none, it cannot be used, or is another model's.

    """
    file = spec_file(call)
    if not file.is_file():
        other = file.with_suffix(".yml")
        if other.is_file():
            raise load.LoadError(f"{other}: a spec's file ends in .yaml; rename it to {file.name}")
        known = ", ".join(sorted(each.stem for each in file.parent.glob("*.yaml"))) or "none"
        raise load.LoadError(
            f"{file}: there is no such spec; models here are {known}; "
            f"`sagewind init {call.arguments.model}` begins one"
        )
    found = load.load(file, environ=call.environ)
    load.demand_own_name(found, file)
    return found


def clients(call: Call) -> aws.Clients:
    """Return what makes clients: of the stack that runs in this home, otherwise of the environment."""
    memory = launch.running(call.home, say=say)
    if memory is None:
        return aws.client
    return functools.partial(_local_client, environment.aws(memory))


def say(what: str) -> None:
    """Tell what is waited for, beside the answer: that may be read by a program."""
    sys.stderr.write(f"waiting for {what} ...\n")


def _local_client(variables: dict[str, str], service: str) -> Any:
    import boto3  # noqa: PLC0415 - only where AWS is asked

    specific = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=variables.get(specific, variables["AWS_ENDPOINT_URL"]),
        region_name=environment.REGION,
        aws_access_key_id=environment.ACCESS_KEY,
        aws_secret_access_key=environment.SECRET_KEY,
    )
