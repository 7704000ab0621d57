"""Rows of numbers, and how the documented formats become them.

Formats: CSV without a header, labels first; RecordIO-protobuf, dense or sparse; for XGBoost, libsvm.
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sagelocal.algorithms import protobuf
from sagelocal.algorithms.errors import CustomerError
from sagelocal.serving import recordio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sagelocal.algorithms.protobuf import Record, Tensor

Array = npt.NDArray[Any]

DEFAULT_FIELD = "values"
"""The name of the feature and of the label tensor that the SDK writes."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """`features` is (n, d), an array or a scipy CSR matrix of float32; the others are (n,) or None.

    `queries` are the numbers of the queries that rows to be ranked belong to.
    """

    features: Any
    labels: Array | None = None
    weights: Array | None = None
    queries: Array | None = None

    def __len__(self) -> int:
        return int(self.features.shape[0])

    @property
    def width(self) -> int:
        """The number of features."""
        return int(self.features.shape[1])

    @property
    def is_sparse(self) -> bool:
        """Whether the features are a sparse matrix."""
        return bool(sparse.issparse(self.features))

    def widened(self, width: int) -> Dataset:
        """Return the rows with `width` features; sparse ones that end earlier are filled with zeros."""
        if not self.is_sparse or self.width == width:
            return self
        features = self.features.copy()
        features.resize((len(self), width))
        return replace(self, features=features)

    def dense(self) -> Array:
        """Return the features as an array."""
        if sparse.issparse(self.features):
            return np.asarray(self.features.todense(), dtype=np.float32)
        return np.asarray(self.features, dtype=np.float32)

    def take(self, rows: Array) -> Dataset:
        """Return some rows."""
        return Dataset(
            features=self.features[rows],
            labels=None if self.labels is None else self.labels[rows],
            weights=None if self.weights is None else self.weights[rows],
            queries=None if self.queries is None else self.queries[rows],
        )


def concatenate(parts: Sequence[Dataset]) -> Dataset:
    """Return all rows of `parts` in their order; narrower sparse parts are widened."""
    if len(parts) == 1:
        return parts[0]
    if any(sparse.issparse(part.features) for part in parts):
        width = max(part.width for part in parts)
        blocks = [sparse.csr_matrix(part.features) for part in parts]
        for block in blocks:
            block.resize((block.shape[0], width))
        features: Any = sparse.vstack(blocks, format="csr")
    else:
        widths = sorted({part.width for part in parts})
        if len(widths) > 1:
            raise CustomerError(f"Rows have different numbers of features: {widths}")
        features = np.concatenate([part.features for part in parts])
    return Dataset(
        features=features,
        labels=_join([part.labels for part in parts]),
        weights=_join([part.weights for part in parts]),
        queries=_join([part.queries for part in parts]),
    )


def refuse_unusable(rows: Dataset, *, of: str, may_miss: bool, labelled: bool) -> None:
    """Refuse rows that nobody can learn from, or answer.

    Raises:
        CustomerError: a feature is infinite, or missing unless it `may_miss`; or, if `labelled`, a label is
            no finite number.

    """
    values = rows.features.data if rows.is_sparse else rows.features
    is_wrong = np.isinf if may_miss else lambda values: ~np.isfinite(values)
    if is_wrong(values).any():
        cells = sparse.coo_matrix(rows.features)
        first = int(is_wrong(cells.data).argmax())
        raise CustomerError(
            f"Feature {cells.col[first] + 1} of row {cells.row[first] + 1}{of} is {cells.data[first]}; "
            f"it must be a finite number{' or missing' if may_miss else ''}"
        )
    if labelled and rows.labels is not None and not np.isfinite(rows.labels).all():
        row = int(np.argmin(np.isfinite(rows.labels)))
        raise CustomerError(
            f"The label of row {row + 1}{of} is {rows.labels[row]}; it must be a finite number"
        )


def read_csv(body: bytes, *, label_size: int = 0, has_weights: bool = False) -> Dataset:
    """Return rows of comma-separated numbers; the first column is the label when `label_size` is 1.

    With `has_weights` the column after the label holds the rows' weights. An empty field is NaN.

    Raises:
        ValueError: a field is no number, or rows differ in length or have no features.

    """
    if label_size not in (0, 1):
        raise ValueError(f"label_size is {label_size}; it must be 0 or 1")
    if not body.strip():
        return Dataset(features=np.empty((0, 0), dtype=np.float32))
    table = _csv_table(body)
    skip = label_size + int(has_weights)
    if table.shape[1] <= skip:
        raise ValueError(f"rows of {table.shape[1]} fields have no feature, as the first {skip} are none")
    return Dataset(
        features=table[:, skip:].astype(np.float32),
        labels=table[:, 0] if label_size else None,
        weights=table[:, label_size] if has_weights else None,
    )


def _csv_table(body: bytes) -> Array:
    try:
        return np.loadtxt(io.BytesIO(body), delimiter=",", dtype=np.float64, ndmin=2, comments=None)
    except ValueError:
        # numpy's reader knows no empty fields; the slow way does, and says which line is wrong.
        rows = [line.split(b",") for line in body.splitlines() if line.strip()]
    width = len(rows[0])
    table = np.empty((len(rows), width))
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise ValueError(f"line {number} has {len(row)} fields; line 1 has {width}")
        table[number - 1] = [float(field) if field.strip() else math.nan for field in row]
    return table


def read_libsvm(body: bytes, *, labelled: bool) -> Dataset:
    """Return rows of `label[:weight] [qid:query] index:value …`.

    With `labelled` each line's first token is its label. Without, every pair is a feature and any other token
    is passed over, as XGBoost's container reads requests: nothing tells a feature from a weighted label.

    Raises:
        ValueError: a token is malformed, or only some rows name their query.

    """
    rows = [tokens for line in body.splitlines() if (tokens := line.partition(b"#")[0].split())]
    heads = [tokens.pop(0).partition(b":") for tokens in rows] if labelled else []
    weights = np.array([float(weight) if weight else 1.0 for _, _, weight in heads])
    pairs = [[token.partition(b":") for token in tokens if labelled or b":" in token] for tokens in rows]
    queries = [int(query) for row in pairs for key, _, query in row if key == b"qid"]
    if queries and len(queries) != len(rows):
        raise ValueError(f"{len(rows)} rows have {len(queries)} qid; all rows or none must have one")
    return Dataset(
        features=_csr([_sparse_row(row) for row in pairs], 0),
        labels=np.array([float(label) for label, _, _ in heads]) if labelled else None,
        weights=weights if (weights != 1.0).any() else None,
        queries=np.array(queries) if queries else None,
    )


def _sparse_row(pairs: Sequence[tuple[bytes, bytes, bytes]]) -> tuple[Array, Array]:
    named = [(int(key), float(value)) for key, _, value in pairs if key != b"qid"]
    keys = np.array([key for key, _ in named], dtype=np.int64)
    return keys, np.array([value for _, value in named], dtype=np.float32)


def read_recordio(body: bytes) -> Dataset:
    """Return the rows of RecordIO-protobuf data.

    Raises:
        ValueError: the bytes are no RecordIO of Record messages, or a record has no features.

    """
    return from_records([protobuf.decode(payload) for payload in recordio.read(body)])


def from_records(records: Sequence[Record]) -> Dataset:
    """Return one row for each record: its feature tensor, and its label tensor's first value."""
    tensors = [_only(record.features, "features") for record in records]
    labels = [
        values for record in records if record.label and (values := _only(record.label, "label").values)
    ]
    if labels and len(labels) != len(records):
        raise ValueError(f"{len(records) - len(labels)} of {len(records)} records have no label")
    return Dataset(
        features=from_tensors(tensors),
        labels=np.array([values[0] for values in labels], dtype=np.float64) if labels else None,
    )


def from_tensors(tensors: Sequence[Tensor]) -> Any:
    """Return an (n, d) float32 array, or a CSR matrix when any tensor is sparse."""
    if not any(map(_is_sparse, tensors)):
        widths = sorted({len(tensor.values) for tensor in tensors})
        if len(widths) > 1:
            raise ValueError(f"records have different numbers of features: {widths}")
        return np.array([tensor.values for tensor in tensors], dtype=np.float32).reshape(
            len(tensors), widths[0] if widths else 0
        )
    pairs = []
    for tensor in tensors:
        keys = tensor.keys if _is_sparse(tensor) else range(len(tensor.values))
        pairs.append((np.array(keys, dtype=np.int64), np.array(tensor.values, dtype=np.float32)))
    widths = [int(tensor.shape[-1]) for tensor in tensors if len(tensor.shape)]
    return _csr(pairs, max(widths, default=0))


def _is_sparse(tensor: Tensor) -> bool:
    """Tell by the keys; a tensor that has a shape and no values at all is a row of zeros."""
    return len(tensor.keys) > 0 or (len(tensor.shape) > 0 and not len(tensor.values))


def to_records(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return RecordIO-protobuf of predictions: each member becomes a float32 label tensor."""
    parts = []
    for row in rows:
        label = {
            name: protobuf.Tensor(values=np.atleast_1d(value).astype(float).tolist())
            for name, value in row.items()
        }
        parts.append(recordio.write(protobuf.encode(protobuf.Record(label=label))))
    return b"".join(parts)


def _csr(pairs: Sequence[tuple[Array, Array]], width: int) -> Any:
    for keys, values in pairs:
        if len(keys) != len(values):
            raise ValueError(f"a sparse row has {len(keys)} keys and {len(values)} values")
        if len(keys) and keys.min() < 0:
            raise ValueError(f"a sparse row has the key {keys.min()}; keys begin at 0")
        width = max(width, int(keys.max()) + 1 if len(keys) else 0)
    ends = np.concatenate([[0], np.cumsum([len(keys) for keys, _ in pairs])])
    keys = np.concatenate([keys for keys, _ in pairs]) if pairs else np.empty(0, dtype=np.int64)
    values = np.concatenate([values for _, values in pairs]) if pairs else np.empty(0, dtype=np.float32)
    return sparse.csr_matrix((values, keys, ends), shape=(len(pairs), width))


def _only(tensors: dict[str, Tensor], what: str) -> Tensor:
    if DEFAULT_FIELD in tensors:
        return tensors[DEFAULT_FIELD]
    if len(tensors) != 1:
        raise ValueError(
            f"a record's {what} are {sorted(tensors)}; one tensor named {DEFAULT_FIELD!r} is expected"
        )
    return next(iter(tensors.values()))


def _join(parts: Sequence[Array | None]) -> Array | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if len(given) == len(parts) and given else None
