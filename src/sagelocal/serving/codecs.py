"""Request bodies to arrays and predictions to response bodies, as the scikit-learn container does it.

Sources: `sagemaker_containers.beta.framework.encoders` and `sagemaker_inference.{decoder,encoder}` (the
published packages). Deliberate differences, all of them answers where the container fails: a CSV whose
columns mix integers and fractions is one float array (the container makes a structured array that cannot be
cast), and an Accept header may list several types.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from sagelocal.serving import decimals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
NPZ = "application/x-npz"
ANY = "*/*"
UTF8_TYPES = frozenset({JSON, CSV})

SMALL_BODY_BYTES = 4096
"""Below it, splitting lines in Python beats the start-up cost of numpy's C parser."""


SLICE_BYTES = 1 << 18
"""A larger CSV is answered in parts of about this size where that makes no difference: the numbers of one,
and what is computed on the way, fit into a core's cache."""


class UnsupportedFormatError(Exception):
    """The content type of a request, or the type asked for, has no codec; the words are the toolkit's own."""

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\n"
            "Please implement input_fn to to deserialize the request data or an output_fn to\n"
            "serialize the response. For more information, see the SageMaker Python SDK README."
        )


def media_type(header: str) -> str:
    """Return the type without its parameters: `text/csv; charset=utf-8` → `text/csv`; empty means JSON."""
    return header.partition(";")[0].strip().lower() or JSON


def decode(body: bytes, content_type: str) -> Any:
    """Return the array of a request body.

    CSV is always 2-D (rows by columns, float64); JSON has the shape that was sent; NPZ is a scipy sparse
    matrix.

    Raises:
        UnsupportedFormatError: no decoder for `content_type`.
        ValueError: the body is not what its type says.

    """
    decoder = _DECODERS.get(content_type)
    if decoder is None:
        raise UnsupportedFormatError(content_type)
    return decoder(body)


def decode_numbers(body: bytes, content_type: str) -> Any:
    """Return the array of a body of text whose values are to become float32, perhaps as float32 already.

    Raises what `decode` raises.
    """
    if len(body) > SMALL_BODY_BYTES:
        array = decimals.from_json(body) if content_type == JSON else decimals.from_csv(body)
        if array is not None:
            return array
    return decode(body, content_type)


def slices(body: bytes) -> Iterator[bytes]:
    """Cut text at line ends into parts of `SLICE_BYTES`, more where a line is longer."""
    start = 0
    while start < len(body):
        stop = body.find(b"\n", start + SLICE_BYTES) + 1 or len(body)
        yield body[start:stop]
        start = stop


def encode(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Return body and content type of a prediction; of several types in `accept` the first that can be had.

    Raises:
        UnsupportedFormatError: no encoder for any of them.

    """
    encoder = _ENCODERS.get(accept)
    if encoder is not None:
        return encoder(prediction), RESPONSE_TYPES[accept]
    for part in accept.split(","):
        wanted = media_type(part)
        wanted = JSON if wanted == ANY else wanted
        if wanted in _ENCODERS:
            return _ENCODERS[wanted](prediction), RESPONSE_TYPES[wanted]
    raise UnsupportedFormatError(accept)


def squeeze_csv(array: Any) -> Any:
    """Return a CSV array in the shape that the container gives a user's `predict_fn`: one row is 1-D."""
    return array.squeeze()


def _decode_json(body: bytes) -> Any:
    return np.array(json.loads(body))


def _decode_csv(body: bytes) -> Any:
    if b'"' in body:
        reader = csv.reader(io.StringIO(body.decode()), strict=True)
        return _table([[field.encode() for field in row] for row in reader if row])
    if len(body) > SMALL_BODY_BYTES:
        with contextlib.suppress(ValueError):
            return np.loadtxt(io.BytesIO(body), dtype=np.float64, delimiter=",", comments=None, ndmin=2)
    # Also the way of larger bodies that numpy's reader refuses: empty fields are missing values here, and an
    # error names its line.
    return _table([line.split(b",") for line in body.splitlines() if line])


def _table(rows: list[list[bytes]]) -> Any:
    """Return rows of text as numbers; an empty field is a missing value."""
    width = len(rows[0]) if rows else 0
    numbers: list[list[float]] = []
    for line, row in enumerate(rows, 1):
        if len(row) != width:
            raise ValueError(f"CSV line {line} has {len(row)} fields; line 1 has {width}")
        try:
            numbers.append([float(field) if field.strip() else float("nan") for field in row])
        except ValueError as error:
            raise ValueError(f"CSV line {line}: {error}") from error
    return np.array(numbers, dtype=np.float64).reshape(len(rows), width)


def _decode_npy(body: bytes) -> Any:
    # The container allows pickles here; an array of objects from a client is code from a client, so it is
    # refused.
    return np.load(io.BytesIO(body), allow_pickle=False)


def _decode_npz(body: bytes) -> Any:
    # A second of import that few models need.
    return importlib.import_module("scipy.sparse").load_npz(io.BytesIO(body))


def _encode_json(prediction: Any) -> bytes:
    if isinstance(prediction, np.ndarray):
        return _digits(prediction) or json.dumps(prediction.tolist()).encode()
    return json.dumps(prediction, default=_to_list).encode()


_MANY = 64
"""Fewer numbers are sooner written one by one."""


def _digits(values: Any) -> bytes:
    """Write numbers of one digit each, as classes mostly are, all at a time; return nothing for others."""
    is_whole = values.ndim == 1 and values.dtype.kind in "iu" and len(values) >= _MANY
    if not is_whole or values.min() < 0 or values.max() > 9:  # noqa: PLR2004
        return b""
    text = np.full((len(values), 3), (ord("0"), ord(","), ord(" ")), dtype=np.uint8)
    text[:, 0] += values.astype(np.uint8)
    return b"[%b]" % text.tobytes()[:-2]


def _to_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no JSON form; return an array, or define output_fn")


def _encode_csv(prediction: Any) -> bytes:
    array = np.asarray(prediction)
    if array.ndim <= 1 and array.dtype.kind in "iuf":
        return ("\n".join(map(str, array.reshape(-1).tolist())) + "\n").encode()
    if array.ndim <= 1:
        array = array.reshape(-1, 1)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", strict=True).writerows(array.tolist())
    return stream.getvalue().encode()


def _encode_npy(prediction: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(prediction))
    return stream.getvalue()


_DECODERS: dict[str, Callable[[bytes], Any]] = {
    JSON: _decode_json,
    CSV: _decode_csv,
    NPY: _decode_npy,
    NPZ: _decode_npz,
}
_ENCODERS: dict[str, Callable[[Any], bytes]] = {JSON: _encode_json, CSV: _encode_csv, NPY: _encode_npy}
RESPONSE_TYPES = {JSON: JSON, CSV: "text/csv; charset=utf-8", NPY: NPY}
"""What the container's Content-Type header says for each encoder."""
