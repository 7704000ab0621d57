"""Which model servers answer for which endpoint, and the passing on of invocations.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagelocal import errors
from sagelocal.serving import client

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INVOCATION_SECONDS = 60.0
"""SageMaker gives a container 60 seconds for an answer."""
_LATE = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency "
    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
_OK = range(200, 300)
_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A production variant: its share of the traffic, and the sockets of its instances."""

    name: str
    weight: float
    sockets: tuple[Path, ...]
    log_stream_arn: str = ""


@dataclass(frozen=True)
class _Route:
    variants: tuple[Variant, ...]
    clients: Mapping[str, tuple[client.Client, ...]] = field(default_factory=dict)


class Router:
    """The routes of all endpoints. `invoke` is for one event loop, the rest for any thread."""

    def __init__(self, *, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._routes: dict[str, _Route] = {}

    def set(self, endpoint: str, variants: tuple[Variant, ...]) -> None:
        """Send an endpoint's traffic to these variants from now on; what runs on the old ones ends there."""
        clients = {each.name: tuple(client.Client(path) for path in each.sockets) for each in variants}
        self._routes[endpoint] = _Route(variants, clients)

    def remove(self, endpoint: str) -> None:
        """Forget an endpoint."""
        self._routes.pop(endpoint, None)

    async def invoke(self, endpoint: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of an InvokeEndpoint answer.

        Raises:
            LookupError: no such endpoint is in service.
            errors.RuntimeValidationError: the variant asked for does not exist.
            errors.ModelError: the model's container answered with an error, or not in time.
            errors.ServiceUnavailable: no instance of the variant answers at all.

        """
        route = self._routes.get(endpoint)
        if route is None:
            raise LookupError(endpoint)
        variant = self._choose(route, endpoint, request.get("TargetVariant"))
        headers = {
            "Content-Type": request.get("ContentType", "application/json"),
            "X-Amzn-SageMaker-Custom-Attributes": request.get("CustomAttributes", ""),
            "X-Amzn-SageMaker-Inference-Id": request.get("InferenceId", ""),
            "Accept": request.get("Accept", ""),
        }
        headers = {name: value for name, value in headers.items() if value}
        reply = await self._ask(
            endpoint, variant, route.clients[variant.name], headers, request.get("Body", b"")
        )
        answer = {
            "Body": reply.body,
            "ContentType": reply.headers.get("content-type", ""),
            "InvokedProductionVariant": variant.name,
        }
        custom = reply.headers.get("x-amzn-sagemaker-custom-attributes")
        return answer | ({"CustomAttributes": custom} if custom else {})

    def _choose(self, route: _Route, endpoint: str, target: str | None) -> Variant:
        if target is None:
            if len(route.variants) == 1:
                return route.variants[0]
            weights = [variant.weight for variant in route.variants]
            return random.choices(route.variants, weights if sum(weights) else None)[0]  # noqa: S311  (traffic, not secrets)
        for variant in route.variants:
            if variant.name == target:
                return variant
        names = ", ".join(variant.name for variant in route.variants)
        raise errors.RuntimeValidationError(
            f"Variant {target} not found for endpoint {endpoint}; its variants: {names}"
        )

    async def _ask(
        self,
        endpoint: str,
        variant: Variant,
        clients: tuple[client.Client, ...],
        headers: Mapping[str, str],
        body: bytes,
    ) -> client.Reply:
        gone = ""
        for each in sorted(clients, key=lambda one: one.in_flight):
            try:
                reply = await each.post("/invocations", headers, body, INVOCATION_SECONDS)
            except client.UnreachableError as error:
                gone = str(error)
                continue
            except TimeoutError as error:
                raise self._failed(endpoint, 0, _LATE) from error
            if reply.status not in _OK:
                words = reply.body.decode(errors="replace")
                raise self._failed(endpoint, reply.status, words)
            return reply
        raise errors.ServiceUnavailable(
            f"No instance of variant {variant.name} of endpoint {endpoint} answers: {gone}"
        )

    def _failed(self, endpoint: str, status: int, words: str) -> errors.ModelError:
        side = "client" if status in _CLIENT_ERRORS else "server"
        return errors.ModelError(
            f'Received {side} error ({status}) from primary with message "{words}". {self._see(endpoint)}',
            OriginalStatusCode=status,
            OriginalMessage=words,
            LogStreamArn=self._log_arn(endpoint),
        )

    def _see(self, endpoint: str) -> str:
        return (
            f"See https://{self._region}.console.aws.amazon.com/cloudwatch/home?region={self._region}"
            f"#logEventViewer:group=/aws/sagemaker/Endpoints/{endpoint} in account {self._account} "
            "for more information."
        )

    def _log_arn(self, endpoint: str) -> str:
        return f"arn:aws:logs:{self._region}:{self._account}:log-group:/aws/sagemaker/Endpoints/{endpoint}"
