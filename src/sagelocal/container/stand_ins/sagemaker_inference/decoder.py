"""Arrays from bodies.

One difference: an NPY body with pickled objects is refused, since it would run a client's code.
"""

from __future__ import annotations

import importlib
import io
import json
from typing import Any

import numpy as np

from . import content_types, errors


def decode(obj: Any, content_type: str) -> Any:
    """Return the array of a body; of NPZ a sparse matrix.

    Raises:
        errors.UnsupportedFormatError: no decoder for `content_type`.

    """
    if content_type not in _DECODERS:
        raise errors.UnsupportedFormatError(content_type)
    return _DECODERS[content_type](obj)


def _json_to_numpy(string_like: str | bytes) -> Any:
    return np.array(json.loads(string_like))


def _csv_to_numpy(string_like: str) -> Any:
    return np.genfromtxt(io.StringIO(string_like), dtype=None, delimiter=",")


def _npy_to_numpy(npy_array: bytes) -> Any:
    return np.load(io.BytesIO(npy_array), allow_pickle=False)


def _npz_to_sparse(npz_bytes: bytes) -> Any:
    # A second of import that few handlers need.
    return importlib.import_module("scipy.sparse").load_npz(io.BytesIO(npz_bytes))


_DECODERS: dict[str, Any] = {
    content_types.NPY: _npy_to_numpy,
    content_types.CSV: _csv_to_numpy,
    content_types.JSON: _json_to_numpy,
    content_types.NPZ: _npz_to_sparse,
}
