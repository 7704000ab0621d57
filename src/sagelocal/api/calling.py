"""Calls of the service to itself: an operation by name, through the same checks as a client's.

The request is decoded and validated from the service model, the planned faults befall it, the handler runs,
and the answer is cut from its result by the output shape, as JSON would hold it.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from sagelocal.wire import protocol
from sagelocal.wire.message import Call, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.faults import Faults
    from sagelocal.wire.dispatch import Dispatch
    from sagelocal.wire.model import Services

_PREFIX = "SageMaker"


class Caller:
    """Carries out operations of SageMaker for other parts of the service."""

    def __init__(self, services: Services, dispatch: Dispatch, faults: Faults) -> None:
        self._services = services
        self._dispatch = dispatch
        self._faults = faults
        self._protocols = protocol.Protocols()

    def __call__(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out an operation and return its answer.

        Raises:
            ServiceError: what a client would be told.

        """
        match = self._services.by_target(f"{_PREFIX}.{operation}")
        assert match is not None
        head = Request(method="POST", path="/")
        parameters = self._protocols.decode(match, head, json.dumps(request).encode())
        error = self._faults.refusal(operation)
        if error is not None:
            raise error
        request_id = str(uuid.uuid4())
        call = Call(operation=operation, request_id=request_id, parameters=parameters, headers={})
        result: Any = self._dispatch.find(operation).run(call)
        body = self._protocols.encode(match.operation, result, request_id).body
        answer: dict[str, Any] = json.loads(body) if isinstance(body, bytes) and body else {}
        return answer
