"""Clients of the other AWS services, made the same way everywhere.

Where they are is told by the AWS SDKs' own variables (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`, …), which
botocore reads for itself. Importing botocore takes a quarter of a second, so it happens on first use.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 120
ATTEMPTS = 8
"""With botocore's growing pauses about half a minute, in which a service may be started anew."""
ATTEMPTS_OF = {"s3": 3}
"""Objects are asked for again by `storage`, which knows how long."""

_LOCK = threading.Lock()
"""Sessions of boto3 are not thread-safe while they make a client."""


_KEPT: dict[str, Any] = {}
"""Clients made ahead, in a process that will fork: making one takes longer than most of its calls."""


def keep(services: Iterable[str]) -> None:
    """Make clients that `client` returns from now on. They hold no connection yet, so a fork may use them."""
    _KEPT.update({service: client(service) for service in services})


def client(service: str) -> Any:
    """Return a boto3 client of `service` with this project's time-outs and retries; safe between threads."""
    if service in _KEPT:
        return _KEPT[service]
    with _LOCK:
        from botocore.config import Config  # noqa: PLC0415  (a quarter second)

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS_OF.get(service, ATTEMPTS)},
            max_pool_connections=32,
        )
        told = tuple(sorted(each for each in os.environ.items() if each[0].startswith("AWS_")))
        return _session(told).client(service, config=config)


@functools.lru_cache(maxsize=1)
def _session(_told: tuple[tuple[str, str], ...]) -> Any:
    """Return one session for all clients, as long as the environment tells it the same.

    Each session reads the SDK's megabytes of endpoints and rules anew, and keeps them.
    """
    import boto3  # noqa: PLC0415
    import botocore.session  # noqa: PLC0415

    from sagelocal import awsdata  # noqa: PLC0415

    session = botocore.session.get_session()
    session.register_component("data_loader", awsdata.loader(session.get_config_variable("data_path")))
    return boto3.session.Session(botocore_session=session)
