"""Real boto3 clients whose network is replaced by Python functions.

The client is boto3's own: it validates and serialises each request against botocore's service model,
pages and raises `ClientError` as against AWS. Only the step that would open a socket is answered in
memory, so a request that AWS would refuse for its shape fails here too.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.client import ClientMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Handler = Callable[[dict[str, Any]], dict[str, Any]]

_PARAMS = "sagewind_params"


class AwsError(Exception):
    """What a handler raises to make the client raise `ClientError` with this code and message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(kw_only=True)
class Account:
    """What the twins of one test share: a clock that the test moves, the calls made, the account."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    number: str = "123456789012"
    region: str = "us-east-1"
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def tick(self, **delta: float) -> datetime:
        """Move the clock by a `timedelta(**delta)` and return the new time."""
        self.now += timedelta(**delta)
        return self.now

    def arn(self, kind: str, name: str, service: str = "sagemaker") -> str:
        """Return the ARN of a resource of this account."""
        return f"arn:aws:{service}:{self.region}:{self.number}:{kind}/{name}"

    def called(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of each call of one operation so far, in order."""
        return [params for name, params in self.calls if name == operation]


@cache
def _template(service: str) -> Any:
    """Make one client of a service: loading its model costs up to a second."""
    session: Any = boto3.Session("sagewind-local", "sagewind-local-secret", region_name="us-east-1")
    return session.client(service, endpoint_url="http://127.0.0.1:9")


def _own_copy(template: Any) -> Any:
    """Copy a client so that handlers registered on the copy are not on the template."""
    made, meta = object.__new__(type(template)), template.meta
    made.__dict__.update(template.__dict__)
    made.meta = ClientMeta(
        copy.copy(meta.events),
        meta.config,
        meta.endpoint_url,
        meta.service_model,
        meta.method_to_api_mapping,
        meta.partition,
    )
    return made


def client(service: str, handlers: Mapping[str, Handler], account: Account) -> Any:
    """Make a boto3 client of `service` whose operations are answered by `handlers`, by operation name.

    A handler takes the request's parameters and returns the response; it raises `AwsError` for an error. An
    operation without a handler raises `NotImplementedError`: a twin never invents an answer.
    """
    made = _own_copy(_template(service))

    def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_PARAMS] = dict(params)

    def answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[_Http, dict[str, Any]]:
        params = context[_PARAMS]
        account.calls.append((model.name, params))
        if model.name not in handlers:
            raise NotImplementedError(f"the {service} twin has no {model.name}; it has {sorted(handlers)}")
        try:
            return _Http(200), {"ResponseMetadata": {"HTTPStatusCode": 200}} | handlers[model.name](params)
        except AwsError as error:
            return _Http(error.status), {
                "Error": {"Code": error.code, "Message": error.message},
                "ResponseMetadata": {"HTTPStatusCode": error.status},
            }

    made.meta.events.register_first(f"provide-client-params.{service}.*", remember)
    made.meta.events.register_last(f"before-call.{service}.*", answer)
    return made


@dataclass(frozen=True)
class _Http:
    """The one attribute that botocore reads of an HTTP response after parsing."""

    status_code: int
