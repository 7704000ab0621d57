"""Requests and responses of the built-in algorithms, in every documented format.

https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html and each algorithm's "response formats".
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from sagelocal.algorithms import data, protobuf
from sagelocal.algorithms.channels import parse_type
from sagelocal.algorithms.errors import CustomerError
from sagelocal.algorithms.specs.algorithm import CSV, JSON, JSONLINES, LIBSVM, RECORDIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sagelocal.algorithms.data import Dataset
    from sagelocal.algorithms.specs.algorithm import Spec

Rows = list[dict[str, Any]]


class UnsupportedTypeError(CustomerError):
    """The content type is none that the algorithm reads."""

    http_status = 415


class NotAcceptableError(CustomerError):
    """The type asked for is none that the algorithm writes."""

    http_status = 406


def read(spec: Spec, body: bytes, content_type: str) -> Dataset:
    """Return the rows of a request.

    Raises:
        UnsupportedTypeError: the algorithm does not take the content type.
        CustomerError: the body is not what its type says.

    """
    kind, parameters = parse_type(content_type or spec.request_formats[0])
    if kind not in spec.request_formats:
        raise UnsupportedTypeError(
            f"Content-type {content_type} not supported. "
            f"Supported content-type is {', '.join(spec.request_formats)}"
        )
    try:
        if kind == CSV:
            return data.read_csv(body, label_size=int(parameters.get("label_size", 0)))
        return _READERS[kind](body)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise CustomerError(f"unable to evaluate payload provided: {content_type}: {error}") from error


def write(spec: Spec, rows: Rows, accept: str, *, batch: bool = False) -> tuple[bytes, str]:
    """Return the body and the content type of a response; `accept` may list several types.

    Raises:
        NotAcceptableError: none of them is one that the algorithm gives.

    """
    for part in (accept or "*/*").split(","):
        kind, _ = parse_type(part)
        if kind == "*/*":
            kind = spec.response_formats[0]
        if kind in spec.response_formats:
            return _WRITERS[kind](spec, rows, batch), kind
    raise NotAcceptableError(
        f"Accept type {accept} is not supported. "
        f"Supported accept types are {', '.join(spec.response_formats)}"
    )


def is_verbose(accept: str) -> bool:
    """Tell whether an Accept header asks for the verbose form: `application/json; verbose=true`."""
    return any(parse_type(part)[1].get("verbose", "").lower() == "true" for part in accept.split(","))


def _read_json(body: bytes) -> Dataset:
    return _from_instances(json.loads(body)["instances"])


def _read_jsonlines(body: bytes) -> Dataset:
    return _from_instances([json.loads(line) for line in body.splitlines() if line.strip()])


def _from_instances(instances: Sequence[Any]) -> Dataset:
    return data.Dataset(features=data.from_tensors([_tensor(instance) for instance in instances]))


def _tensor(instance: Any) -> protobuf.Tensor:
    """Return the features of an instance in any of the documented shapes."""
    if isinstance(instance, list):
        return protobuf.Tensor(values=instance)
    features: Any = instance.get("data", instance)["features"]
    if isinstance(features, list):
        return protobuf.Tensor(values=features)
    return _documented(features)


def _documented(features: Mapping[str, Any]) -> protobuf.Tensor:
    shape = features.get("shape", ())
    return protobuf.Tensor(
        values=features["values"],
        keys=features.get("keys", ()),
        shape=[shape] if isinstance(shape, int) else shape,
    )


_READERS: dict[str, Callable[[bytes], Dataset]] = {
    JSON: _read_json,
    JSONLINES: _read_jsonlines,
    RECORDIO: data.read_recordio,
    LIBSVM: functools.partial(data.read_libsvm, labelled=False),
}


def _write_json(spec: Spec, rows: Rows, batch: bool) -> bytes:
    del batch
    return json.dumps({"projections" if spec.repository == "pca" else "predictions": rows}).encode()


def _write_jsonlines(spec: Spec, rows: Rows, batch: bool) -> bytes:
    del spec, batch
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _write_recordio(spec: Spec, rows: Rows, batch: bool) -> bytes:
    del spec, batch
    return data.to_records(rows)


def _write_csv(spec: Spec, rows: Rows, batch: bool) -> bytes:
    """Write a line for each row; XGBoost's container separates those of an online request by commas."""
    lines = [",".join(str(value) for value in row.values()) for row in rows]
    if spec.joins_csv_rows and not batch:
        return ",".join(lines).encode()
    return "".join(f"{line}\n" for line in lines).encode()


_WRITERS: dict[str, Callable[[Spec, Rows, bool], bytes]] = {
    JSON: _write_json,
    JSONLINES: _write_jsonlines,
    RECORDIO: _write_recordio,
    CSV: _write_csv,
}
