"""A request and an answer as the AWS protocols see them: headers, a query and a body, and no socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = bytes | AsyncGenerator[bytes, None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request's head. Header names are in lower case; `path` and `query` are as sent, percent-encoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer; a body that is a generator is sent as it comes, and closed."""

    status: int
    headers: Mapping[str, str]
    body: Body


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a handler may want to know besides the operation's parameters."""

    operation: str
    request_id: str
    parameters: Mapping[str, Any]
    headers: Mapping[str, str]
