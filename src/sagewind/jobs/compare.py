"""Whether a resource that exists is the one that is asked for."""

from __future__ import annotations

from typing import Any


def contains(description: Any, request: Any) -> bool:
    """Tell whether a description has everything that a request asks for; what AWS adds does not count."""
    if isinstance(request, dict):
        return isinstance(description, dict) and all(
            key in description and contains(description[key], value) for key, value in request.items()
        )
    if isinstance(request, list | tuple):
        same = isinstance(description, list | tuple) and len(description) == len(request)
        return same and all(contains(one, other) for one, other in zip(description, request, strict=True))
    return bool(description == request)
