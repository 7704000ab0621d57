"""The operations of the service model that nothing here carries out: refused, never answered by nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from sagelocal.errors import NotSupported

if TYPE_CHECKING:
    from sagelocal.wire.message import Call


def refuse(call: Call) -> NoReturn:
    """Refuse the operation.

    Raises:
        NotSupported: always.

    """
    raise NotSupported(f"sagelocal cannot carry out {call.operation}: nothing here does what it asks for")
