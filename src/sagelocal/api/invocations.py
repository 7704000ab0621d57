"""Predictions: at once, part by part, or later by way of S3.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sagelocal.errors import RuntimeValidationError
from sagelocal.wire import eventstream
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sagelocal.api.account import Account
    from sagelocal.api.ports import Invoker, Queue
    from sagelocal.wire.message import Call


_REFUSED = {
    "InferenceComponentName": "it hosts no inference components",
    "EnableExplanations": "predictions are not explained online",
    "SessionId": "requests are stateless",
}


class Invocations:
    """InvokeEndpoint, InvokeEndpointAsync and InvokeEndpointWithResponseStream."""

    def __init__(self, *, invoker: Invoker, queue: Queue, account: Account) -> None:
        self._invoker = invoker
        self._queue = queue
        self._account = account

    @operation("InvokeEndpoint")
    async def invoke(self, call: Call) -> dict[str, Any]:
        """Ask the endpoint's model for a prediction."""
        name = self._name(call)
        try:
            return await self._invoker.invoke(name, call.parameters)
        except LookupError as error:
            raise self._not_found(name) from error

    @operation("InvokeEndpointWithResponseStream")
    async def stream(self, call: Call) -> dict[str, Any]:
        """Ask the endpoint's model for a prediction, and hand it on as it comes."""
        name = self._name(call)
        try:
            members, parts = await self._invoker.stream(name, call.parameters)
        except LookupError as error:
            raise self._not_found(name) from error
        return members | {"Body": _events(parts)}

    @operation("InvokeEndpointAsync")
    def queue(self, call: Call) -> dict[str, Any]:
        """Accept a request whose answer will be on S3."""
        name = self._name(call)
        try:
            return self._queue.submit(name, call.parameters)
        except LookupError as error:
            raise self._not_found(name) from error

    def _name(self, call: Call) -> str:
        for member, reason in _REFUSED.items():
            if member in call.parameters:
                raise RuntimeValidationError(f"sagelocal cannot carry out {member}: {reason}")
        name: str = call.parameters["EndpointName"]
        return name

    def _not_found(self, name: str) -> RuntimeValidationError:
        return RuntimeValidationError(f"Endpoint {name} of account {self._account.number} not found.")


async def _events(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the messages of the event stream; a model that breaks off ends it with a ModelStreamError."""
    try:
        async with contextlib.aclosing(parts):
            async for part in parts:
                yield eventstream.event("PayloadPart", part)
    except ConnectionError as error:
        words = {
            "Message": f"The model's container broke off its answer: {error}",
            "ErrorCode": "StreamBroken",
        }
        yield eventstream.failure("ModelStreamError", words)
