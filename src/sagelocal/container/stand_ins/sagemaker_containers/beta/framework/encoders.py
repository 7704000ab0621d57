"""Arrays from bodies and bodies from arrays, in the types of `content_types`.

One difference: an NPY body with pickled objects is refused, since it would run a client's code.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np

from . import content_types, errors


def array_to_npy(array_like: Any) -> bytes:
    """Return NPY."""
    stream = io.BytesIO()
    np.save(stream, array_like)
    return stream.getvalue()


def npy_to_numpy(npy_array: bytes) -> Any:
    """Return the array of NPY."""
    return np.load(io.BytesIO(npy_array), allow_pickle=False)


def array_to_json(array_like: Any) -> str:
    """Return JSON; arrays in it become lists."""
    return json.dumps(array_like, default=_to_list)


def json_to_numpy(string_like: str | bytes, dtype: Any = None) -> Any:
    """Return the array of JSON."""
    return np.array(json.loads(string_like), dtype=dtype)


def array_to_csv(array_like: Any) -> str:
    """Return CSV; one dimension becomes a column."""
    array = np.array(array_like)
    stream = io.StringIO()
    try:
        rows = array.reshape(-1, 1) if array.ndim == 1 else array
        csv.writer(stream, lineterminator="\n", strict=True).writerows(rows)
    except csv.Error as error:
        raise errors.ClientError(f"Error while encoding csv: {error}") from error
    return stream.getvalue()


def csv_to_numpy(string_like: str, dtype: Any = None) -> Any:
    """Return the array of CSV, without dimensions of one: floats, or text where it is not all numbers.

    Raises:
        errors.ClientError: it is no CSV, rows differ in length, or `dtype` does not suit it.

    """
    try:
        array = np.array(list(csv.reader(io.StringIO(string_like), strict=True))).squeeze()
    except (ValueError, csv.Error) as error:
        raise errors.ClientError(f"Error while decoding csv: {error}") from error
    try:
        return array.astype(dtype)
    except ValueError as error:
        if dtype is None:
            return array
        raise errors.ClientError(f"Error while writing numpy array: {error}. dtype is: {dtype}") from error


def decode(obj: Any, content_type: str) -> Any:
    """Return the array of a body.

    Raises:
        errors.UnsupportedFormatError: no decoder for `content_type`.

    """
    if content_type not in _DECODERS:
        raise errors.UnsupportedFormatError(content_type)
    return _DECODERS[content_type](obj)


def encode(array_like: Any, content_type: str) -> Any:
    """Return a body: text for JSON and CSV, bytes for NPY.

    Raises:
        errors.UnsupportedFormatError: no encoder for `content_type`.

    """
    if content_type not in _ENCODERS:
        raise errors.UnsupportedFormatError(content_type)
    return _ENCODERS[content_type](array_like)


def _to_list(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else json.JSONEncoder().default(value)


_DECODERS: dict[str, Any] = {
    content_types.NPY: npy_to_numpy,
    content_types.CSV: csv_to_numpy,
    content_types.JSON: json_to_numpy,
}
_ENCODERS: dict[str, Any] = {
    content_types.NPY: array_to_npy,
    content_types.CSV: array_to_csv,
    content_types.JSON: array_to_json,
}
