"""The fault plan over HTTP: GET tells it, PUT replaces it, POST adds to it, DELETE empties it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagelocal import faults
from sagelocal.errors import ValidationException
from sagelocal.wire.message import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

PATH = "/_sagelocal/faults"
_METHODS = ("GET", "PUT", "POST", "DELETE")


def answer(plan: faults.Faults, operations: Iterable[str], method: str, body: bytes) -> Answer:
    """Carry out a request; the answer is the plan as it then stands.

    Raises:
        ValidationException: the method is another, or the body is no plan.

    """
    if method not in _METHODS:
        raise ValidationException(f"{PATH} does not take {method}; it takes {', '.join(_METHODS)}")
    if method == "DELETE":
        plan.replace([])
    elif method != "GET":
        change = plan.replace if method == "PUT" else plan.add
        try:
            change(faults.parse(body.decode(), operations))
        except ValueError as error:  # UnicodeDecodeError is one too
            raise ValidationException(f"the fault plan: {error}") from error
    return Answer(
        status=200,
        headers={"Content-Type": "application/json"},
        body=faults.to_json(plan.list()).encode(),
    )
