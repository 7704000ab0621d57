"""What the operations need of the rest of the service, as small interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping


class Jobs(Protocol):
    """Runs jobs that are in the store."""

    def submit(self, kind: str, name: str) -> None:
        """Take a job that was just stored as `InProgress`; it runs when there is room."""

    def stop(self, kind: str, name: str) -> None:
        """Stop a job that was just marked `Stopping`."""

    def forget(self, kind: str, name: str) -> None:
        """Remove the folder of a job that has ended."""


class Executions(Protocol):
    """Runs executions of pipelines that are in the store."""

    def begin(self, name: str) -> None:
        """Run an execution that was just stored as `Executing`."""

    def ring(self, name: str) -> None:
        """Have an execution look at what was just changed, when it runs."""


class Endpoints(Protocol):
    """Brings up, changes and takes down the model servers of stored endpoints. Returns at once."""

    def create(self, name: str) -> None:
        """Start the first fleet of an endpoint that was just stored as `Creating`."""

    def update(self, name: str, request: Mapping[str, Any]) -> None:
        """Replace the fleet of an endpoint that was just marked `Updating`, by an UpdateEndpoint request."""

    def scale(self, name: str, wishes: list[Mapping[str, Any]]) -> None:
        """Change weights and capacities of an endpoint, as UpdateEndpointWeightsAndCapacities wishes for.

        Raises:
            ValidationException: the endpoint or a variant cannot have them.

        """

    def delete(self, name: str) -> None:
        """Take down an endpoint that was just marked `Deleting`, and remove it from the store."""


class Invoker(Protocol):
    """Asks the model servers of endpoints for predictions."""

    async def invoke(self, endpoint: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of an InvokeEndpoint answer for the members of its request.

        Raises:
            LookupError: no model server serves that endpoint.
            ModelError: the model's container answered with an error.

        """

    async def stream(
        self, endpoint: str, request: Mapping[str, Any]
    ) -> tuple[dict[str, Any], AsyncGenerator[bytes, None]]:
        """Return the members of a streamed answer but for its body, and the body's parts.

        Raises what `invoke` raises; the parts raise `ConnectionError` when the model breaks off. Whoever
        does not take them all closes them.
        """


class Queue(Protocol):
    """Takes requests whose answers will be on S3."""

    def submit(self, endpoint: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of an InvokeEndpointAsync answer; raise `LookupError` for an absent endpoint."""


class Images(Protocol):
    """Knows which container images can be run here."""

    def __call__(self, image_uri: str) -> None:
        """Accept the image, or raise `NotSupported` with the reason."""


class Packages(Protocol):
    """Knows the model packages."""

    def containers(self, container: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """Return the containers that a model's container stands for, when it names a package."""
