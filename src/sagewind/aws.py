"""AWS clients and who we are there. DAG files import this, so boto3 comes only when a client is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sagewind import descriptions

if TYPE_CHECKING:
    from sagewind import spec

TOTAL_ATTEMPTS = 10
"""Calls in all before an error counts: throttles and resets of a minute or so are waited out."""

HASTY_CONNECT_SECONDS = 2
HASTY_READ_SECONDS = 5


class Clients(Protocol):
    """Makes a client of an AWS service: `boto3.client`, or a twin in tests."""

    def __call__(self, service: str) -> Any:
        """Return the client of `service`."""


def client(service: str) -> Any:
    """Make a client from the environment's credentials, region and endpoints.

    Raises:
        botocore.exceptions.NoRegionError: no region is configured (AWS_DEFAULT_REGION).

    """
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
