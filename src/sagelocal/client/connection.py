"""boto3 clients of the service that runs in a data directory, for the commands that ask it something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.client import addresses
from sagelocal.emulator import account

if TYPE_CHECKING:
    from sagelocal.settings import Settings

READ_TIMEOUT_SECONDS = 75
"""An invocation may take 60 seconds."""


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why, and what can be done."""


def client(settings: Settings, service: str) -> Any:
    """Return a client of one of the services that sagelocal speaks.

    Raises:
        addresses.NotServingError: no service runs in the data directory.

    """
    import boto3  # noqa: PLC0415  (a quarter second, which commands that need none are spared)
    from botocore.config import Config  # noqa: PLC0415

    found = addresses.read(settings.data_dir)
    key, _, secret = settings.credentials.partition(":")
    session: Any = boto3.session.Session(
        aws_access_key_id=key or account.ACCESS_KEY,
        aws_secret_access_key=secret or account.SECRET_KEY,
        region_name=found.region,
    )
    config = Config(read_timeout=READ_TIMEOUT_SECONDS, retries={"total_max_attempts": 1})
    return session.client(service, endpoint_url=found.sagelocal, config=config)
