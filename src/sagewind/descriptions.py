"""What botocore knows of AWS's services, read once in a process and shared by every session.

A session of its own reads and parses anew what there is of regions and of each service: for SageMaker's
clients that takes ten times as long as all else. A process that forks others reads it before.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOBODY = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
"""So that botocore does not go and look for credentials."""


@functools.cache
def loader(data_path: str | None) -> Any:
    """Return the process's loader for a search path (botocore's setting `data_path`)."""
    import botocore.loaders  # noqa: PLC0415 - a DAG file must not pay for it

    return botocore.loaders.create_loader(data_path)


def share(session: Any) -> None:
    """Have a session (boto3's, botocore's or aiobotocore's) use the process's loader."""
    core = getattr(session, "_session", session)
    core.register_component("data_loader", loader(core.get_config_variable("data_path")))


def read(services: Iterable[str]) -> None:
    """Read all that clients of these services need, by making one of each that asks nobody anything."""
    import boto3  # noqa: PLC0415

    session: Any = boto3.session.Session(region_name="us-east-1")
    share(session)
    for service in services:
        session.client(service, **_NOBODY)
