"""AWS clients and who we are there. DAG files import this, so boto3 comes only when a client is made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sagewind import descriptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagewind import spec

TOTAL_ATTEMPTS = 10
"""Calls in all before an error counts: throttles and resets of a minute or so are waited out."""

_NEEDED = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"})
_Told = tuple[tuple[str, str], ...]
"""The environment's variables for the AWS SDKs."""

HASTY_CONNECT_SECONDS = 2
HASTY_READ_SECONDS = 5


class Clients(Protocol):
    """Makes a client of an AWS service: `boto3.client`, or a twin in tests."""

    def __call__(self, service: str) -> Any:
        """Return the client of `service`."""


_KEPT: dict[tuple[str, _Told], Any] = {}
"""Clients made ahead, in a process that will fork: making one takes a task longer than most of its calls."""


def keep(services: Iterable[str]) -> None:
    """Make clients that `client` returns from now on, as long as the environment tells it the same.

    They hold no connection yet, so forks may use them. Only where the environment has credentials and region:
    elsewhere botocore would go and look for some, and find some that expire.
    """
    told = _told()
    if dict(told).keys() >= _NEEDED:
        _KEPT.update({(service, told): client(service) for service in services})


def _told() -> _Told:
    return tuple(sorted(each for each in os.environ.items() if each[0].startswith("AWS_")))


def client(service: str) -> Any:
    """Return a client by the environment's credentials, region and endpoints; safe between threads.

    Raises:
        botocore.exceptions.NoRegionError: no region is configured (AWS_DEFAULT_REGION).

    """
    if (kept := _KEPT.get((service, _told()))) is not None:
        return kept
    return _made(service, retries={"mode": "standard", "total_max_attempts": TOTAL_ATTEMPTS})


def hasty_client(service: str) -> Any:
    """Make a client for a page that a person waits for: it gives up within seconds.

    Raises:
        botocore.exceptions.NoRegionError: no region is configured (AWS_DEFAULT_REGION).

    """
    return _made(
        service,
        connect_timeout=HASTY_CONNECT_SECONDS,
        read_timeout=HASTY_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=32,
    )


def _made(service: str, **settings: Any) -> Any:
    import boto3  # noqa: PLC0415 - a DAG file must not pay for it
    from botocore.config import Config  # noqa: PLC0415

    session: Any = boto3.session.Session()
    descriptions.share(session)
    return session.client(service, config=Config(**settings))


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose account, which region, which bucket and which role."""

    account: str
    region: str
    bucket: str
    role: str


def account(wanted: spec.Account, clients: Clients = client) -> Account:
    """Find out the account of the caller, and complete the spec's role and bucket with it."""
    sts = clients("sts")
    caller = sts.get_caller_identity()
    region = sts.meta.region_name
    number, partition = caller["Account"], caller["Arn"].split(":")[1]
    role = (
        wanted.role if wanted.role.startswith("arn:") else f"arn:{partition}:iam::{number}:role/{wanted.role}"
    )
    bucket = wanted.bucket or f"sagemaker-{region}-{number}"
    return Account(account=number, region=region, bucket=bucket, role=role)


def ensure_bucket(s3: Any, bucket: str, region: str) -> None:
    """Make the bucket when it does not exist yet."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket", "NotFound"):
            raise
        # us-east-1 is the one region that may not be named: CreateBucket, LocationConstraint.
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **place)
