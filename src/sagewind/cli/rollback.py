"""`sagewind rollback <model>`: make an earlier version the champion, and its endpoint serve it."""

from __future__ import annotations

import getpass
import sys
import time
from typing import TYPE_CHECKING, Any

from sagewind.cli import models
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from sagewind.cli.call import Call

_SECONDS = 1800.0
_POLL = 1.0


class RollbackError(SagewindError):
    """The registry was rolled back, but the endpoint does not serve the version."""


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("rollback", help="return a model to an earlier version")
    models.argument(parser)
    parser.add_argument(
        "--to", type=int, default=0, metavar="VERSION", help="which (the one before the champion)"
    )
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Roll back in the registry, then update the endpoint where there is one, and wait for it."""
    from sagewind.steps import rollback  # noqa: PLC0415 - boto3 only where AWS is asked

    clients = models.clients(call)
    name = models.model(call).name
    done = rollback.rollback(
        models.spec_file(call),
        version=call.arguments.to,
        by=getpass.getuser(),
        name=rollback.config_name(name, call.arguments.to),
        clients=clients,
    )
    rejected = ", ".join(map(str, done["rejected"])) or "none"
    sys.stdout.write(f"{name}: version {done['version']} is the champion; rejected: {rejected}\n")
    serve(clients("sagemaker"), done["endpoint"])
    return 0


def serve(sagemaker: Any, wanted: dict[str, Any]) -> None:
    """Update the endpoint, where it is there, and wait until it serves; `wanted` is the operator's request.

    Raises:
        RollbackError: it does not serve the wanted configuration in the end.

    """
    endpoint, config = wanted["Endpoint"]["EndpointName"], wanted["EndpointConfig"]["EndpointConfigName"]
    try:
        sagemaker.describe_endpoint(EndpointName=endpoint)
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        sys.stdout.write(f"there is no endpoint {endpoint}; the next run deploys\n")
        return
    sagemaker.create_endpoint_config(**wanted["EndpointConfig"])
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    deadline = time.monotonic() + _SECONDS
    while (found := sagemaker.describe_endpoint(EndpointName=endpoint))["EndpointStatus"] == "Updating":
        if time.monotonic() > deadline:
            raise RollbackError(f"endpoint {endpoint} is still Updating after {_SECONDS:.0f} s")
        time.sleep(_POLL)
    if found["EndpointStatus"] != "InService" or found["EndpointConfigName"] != config:
        reason = found.get("FailureReason", "no reason given")
        raise RollbackError(
            f"endpoint {endpoint} is {found['EndpointStatus']} with {found['EndpointConfigName']}: {reason}"
        )
    sys.stdout.write(f"endpoint {endpoint} serves it\n")
