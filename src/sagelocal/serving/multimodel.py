"""Multi-model endpoints, the data plane's part: the model asked for is loaded by its instance, lazily.

https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoints.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal import errors
from sagelocal.serving import client

if TYPE_CHECKING:
    from sagelocal.serving.failures import Failures
    from sagelocal.serving.lanes import Peer

LOAD_SECONDS = 60.0
"""A request waits this long for its model; then it is told to come again."""
OK, NOT_FOUND = 200, 404


async def load(peer: Peer, model: str, failures: Failures, endpoint: str) -> client.Client:
    """Return the way to the model server of a model, loaded when it is not.

    Raises:
        errors.RuntimeValidationError: there is no such artifact.
        errors.ModelError: the model cannot be loaded.
        errors.ModelNotReadyException: loading takes longer than a request waits.
        client.UnreachableError: the instance does not answer.

    """
    # The instance is asked every time: it is what knows which models are loaded, and which was used last.
    try:
        reply = await peer.clients[0].post("/models", {}, json.dumps({"name": model}).encode(), LOAD_SECONDS)
    except TimeoutError as error:
        raise errors.ModelNotReadyException(
            f"Model {model} of endpoint {endpoint} is still being loaded; try again"
        ) from error
    if reply.status == NOT_FOUND:
        raise errors.RuntimeValidationError(reply.body.decode(errors="replace"))
    if reply.status != OK:
        raise failures.model(endpoint, reply.status, reply.body.decode(errors="replace"))
    path = Path(json.loads(reply.body)["socket"])
    found = peer.models.get(path)
    if found is None:
        found = peer.models[path] = client.Client(path)
    return found
