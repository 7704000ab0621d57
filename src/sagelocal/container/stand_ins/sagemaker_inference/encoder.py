"""Bodies from arrays."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from . import content_types, errors


def encode(array_like: Any, content_type: str) -> Any:
    """Return a body: text for JSON and CSV, bytes for NPY.

    Raises:
        errors.UnsupportedFormatError: no encoder for `content_type`.

    """
    if content_type not in _ENCODERS:
        raise errors.UnsupportedFormatError(content_type)
    return _ENCODERS[content_type](array_like)


def _array_to_json(array_like: Any) -> str:
    return json.dumps(array_like, default=_to_list)


def _array_to_csv(array_like: Any) -> str:
    stream = io.StringIO()
    np.savetxt(stream, array_like, delimiter=",", fmt="%s")
    return stream.getvalue()


def _array_to_npy(array_like: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array_like)
    return stream.getvalue()


def _to_list(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else json.JSONEncoder().default(value)


_ENCODERS: dict[str, Any] = {
    content_types.NPY: _array_to_npy,
    content_types.CSV: _array_to_csv,
    content_types.JSON: _array_to_json,
}
SUPPORTED_CONTENT_TYPES = set(_ENCODERS)
