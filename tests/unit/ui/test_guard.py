"""The guard of Airflow's server on loopback."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagewind.ui.guard import HostGuard, hosts

ALLOWED = ["127.0.0.1", "localhost"]


async def passed(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


def status(headers: dict[str, str], allowed: list[str] = ALLOWED) -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(HostGuard(passed, allowed)({"type": "http", "headers": raw}, receive, send))
    code: int = sent[0]["status"]
    return code


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "127.0.0.1:8080"}, 200),
        ({"host": "LocalHost:8080"}, 200),  # names have no case
        ({"host": "localhost:1", "origin": "http://localhost:2"}, 200),
        ({"host": "evil.example:8080"}, 403),  # DNS rebinding
        ({}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "localhost", "origin": "https://evil.example"}, 403),  # a form on another site
        ({"host": "localhost", "origin": "null"}, 403),  # a sandboxed frame
        ({"host": "[::1"}, 403),  # not even a host
    ],
)
def test_only_the_allowed_names_get_through(headers: dict[str, str], code: int) -> None:
    assert status(headers) == code


def test_without_a_list_all_get_through() -> None:
    assert status({"host": "anything"}, allowed=hosts({})) == 200


def test_the_list_is_read_from_the_environment() -> None:
    assert hosts({"SAGEWIND_ALLOWED_HOSTS": "127.0.0.1, LOCALHOST,"}) == ALLOWED
