"""Predictions: InvokeEndpoint.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import RuntimeValidationError
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from sagelocal.api.account import Account
    from sagelocal.api.ports import Invoker
    from sagelocal.wire.message import Call


_REFUSED = {
    "InferenceComponentName": "it hosts no inference components",
    "EnableExplanations": "predictions are not explained online",
    "SessionId": "requests are stateless",
}


class Invocations:
    """InvokeEndpoint."""

    def __init__(self, *, invoker: Invoker, account: Account) -> None:
        self._invoker = invoker
        self._account = account

    @operation("InvokeEndpoint")
    async def invoke(self, call: Call) -> dict[str, Any]:
        """Ask the endpoint's model for a prediction."""
        name = call.parameters["EndpointName"]
        for member, reason in _REFUSED.items():
            if member in call.parameters:
                raise RuntimeValidationError(f"sagelocal cannot carry out {member}: {reason}")
        try:
            return await self._invoker.invoke(name, call.parameters)
        except LookupError as error:
            raise RuntimeValidationError(
                f"Endpoint {name} of account {self._account.number} not found."
            ) from error
