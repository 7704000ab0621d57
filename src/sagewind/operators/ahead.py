"""Clients of the operators' connection made ahead, in a process that forks the tasks.

Making them takes a job's task longer than all calls that it makes with them. Only where the environment alone
says what the connection is (`AIRFLOW_CONN_AWS_DEFAULT`), with keys that do not expire: any other connection
is a task's to read.
"""

from __future__ import annotations

import io
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from urllib3 import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

CONNECTION = "aws_default"
SERVICES = ("sagemaker", "sagemaker", "s3", "logs")
"""What a job's task calls; SageMaker by two clients, since a stop may come in the middle of another call."""
_REHEARSED: dict[str, tuple[str, dict[str, Any]]] = {
    "sagemaker": ("describe_model", {"ModelName": "rehearsal"}),
    "s3": ("list_objects_v2", {"Bucket": "rehearsal"}),
    "logs": ("describe_log_streams", {"logGroupName": "rehearsal"}),
}
"""A call of each service."""

_NAMED = f"AIRFLOW_CONN_{CONNECTION.upper()}"
_KEYS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
_ELSEWHERE = (("secrets", "backend"), ("workers", "secrets_backend"), ("aws", "session_factory"))
"""Settings of Airflow by which something else than the environment says who we are."""

_Told = tuple[tuple[str, str], ...]
_KEPT: dict[_Told, dict[str, list[Any]]] = {}


def keep(connection: AwsConnectionWrapper, make: Callable[[str], Any]) -> None:
    """Make the clients of a connection that was read here, for `take` in the forks of this process."""
    told = _told()
    expire = connection.role_arn or connection.profile_name or connection.aws_session_token
    if not connection.aws_access_key_id:
        expire = expire or "AWS_SESSION_TOKEN" in dict(told) or not dict(told).keys() >= _KEYS
    if is_told() and not expire:
        made: dict[str, list[Any]] = {}
        for service in SERVICES:
            made.setdefault(service, []).append(client := make(service))
            _rehearse(client, *_REHEARSED[service])
        _KEPT[told] = made


def _rehearse(client: Any, method: str, arguments: dict[str, Any]) -> None:
    """Have a client make a call that does not leave the process, and is refused.

    With its first call, and its first refusal, botocore works out the rest of what an API is: of SageMaker's
    it looks through three thousand shapes.
    """

    def refuse(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(
            request.url,
            HTTPStatus.NOT_FOUND,
            HTTPHeaders(),
            HTTPResponse(io.BytesIO(), preload_content=False),
        )

    client.meta.events.register("before-send", refuse)
    try:
        getattr(client, method)(**arguments)
    except ClientError:
        pass
    finally:
        client.meta.events.unregister("before-send", refuse)


def is_told() -> bool:
    """Whether the environment alone says what the connection is."""
    return _NAMED in os.environ and not any(conf.get(*each, fallback="") for each in _ELSEWHERE)


def take(service: str, user_agent: Callable[[], str]) -> Any:
    """Return a client that nobody else has, if one was made for this environment, else `None`.

    In the user agent `user_agent` stands where the words stood of who made the client.
    """
    left = _KEPT.get(_told(), {}).get(service)
    if not left:
        return None
    client, words = left.pop(), user_agent()
    before = client.meta.config.user_agent_extra

    def introduce(request: Any, **_: Any) -> None:
        whole = request.headers["User-Agent"].replace(before, words)
        request.headers.replace_header("User-Agent", whole)

    client.meta.events.register_last("request-created", introduce)
    return client


def _told() -> _Told:
    return tuple(sorted(each for each in os.environ.items() if each[0].startswith(("AWS_", _NAMED))))
