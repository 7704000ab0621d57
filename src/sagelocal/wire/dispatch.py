"""Operation → handler: a table that is filled from decorated methods."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from sagelocal.wire.message import Call

Result = dict[str, Any] | None
Handler = Callable[[Call], "Result | Awaitable[Result]"]
_Method = TypeVar("_Method", bound=Callable[..., Any])
_MARK = "_sagelocal_operation"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """How one operation is handled."""

    run: Handler
    is_async: bool
    quick: bool
    """It touches a row or two: it runs on the event loop, since a thread would cost more than it does."""


@dataclass(frozen=True, kw_only=True)
class _Mark:
    name: str
    quick: bool


def operation(name: str, *, quick: bool = False) -> Callable[[_Method], _Method]:
    """Mark a method `(self, call) -> result` as the handler of an operation."""

    def mark(method: _Method) -> _Method:
        setattr(method, _MARK, _Mark(name=name, quick=quick))
        return method

    return mark


class Dispatch:
    """The handlers of all operations: the resources' own, then `derived`, and `fallback` for the rest."""

    def __init__(
        self,
        resources: Iterable[object],
        fallback: Handler,
        derived: Mapping[str, Handler] = MappingProxyType({}),
    ) -> None:
        self._fallback = Entry(run=fallback, is_async=False, quick=True)
        self._entries: dict[str, Entry] = {}
        for resource in resources:
            for _, method in inspect.getmembers(resource, inspect.ismethod):
                mark = getattr(method, _MARK, None)
                if mark is not None:
                    self._add(mark, method)
        self._own = frozenset(self._entries)
        for name, handler in derived.items():
            quick = name.startswith("Describe")
            self._entries.setdefault(name, Entry(run=handler, is_async=False, quick=quick))

    @property
    def handled(self) -> frozenset[str]:
        """The operations that a resource handles itself."""
        return self._own

    def find(self, name: str) -> Entry:
        """Return how an operation is handled."""
        return self._entries.get(name, self._fallback)

    def _add(self, mark: _Mark, method: Handler) -> None:
        if mark.name in self._entries:
            raise ValueError(f"{mark.name} has two handlers: {self._entries[mark.name].run} and {method}")
        is_async = inspect.iscoroutinefunction(method)
        self._entries[mark.name] = Entry(run=method, is_async=is_async, quick=mark.quick)
