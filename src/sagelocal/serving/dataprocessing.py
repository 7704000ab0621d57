"""DataProcessing of batch transform: filter records, join the model's answers to them, filter the result.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html Pure: lists of
records in, lists of records out. Records are CSV rows or JSON values; anything else passes only unchanged.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.serving import jsonpath

if TYPE_CHECKING:
    from collections.abc import Mapping

CSV_TYPE = "text/csv"
JSON_TYPES = ("application/json", "application/jsonlines", "application/x-json", "application/json-lines")


class ProcessingError(ValueError):
    """A record cannot be filtered or joined; `record` is its place in the payload, from 0."""

    def __init__(self, record: int, message: str) -> None:
        super().__init__(message)
        self.record = record


@dataclass(frozen=True, kw_only=True)
class DataProcessing:
    """The filters and the join, for inputs of one content type."""

    input_filter: jsonpath.Path
    output_filter: jsonpath.Path
    join: bool
    content_type: str

    @property
    def is_identity(self) -> bool:
        """Whether records and answers pass as they are."""
        return self.input_filter.is_identity and not self.answers_change

    @property
    def answers_change(self) -> bool:
        """Whether answers must be taken apart into records."""
        return self.join or not self.output_filter.is_identity

    def before(self, records: list[bytes]) -> list[bytes]:
        """Return what the model gets of each record, with its line end."""
        if self.input_filter.is_identity:
            return records
        return [_guarded(place, self._filter_input, record) for place, record in enumerate(records)]

    def after(self, records: list[bytes], answer: bytes, answer_type: str, *, several: bool) -> list[bytes]:
        """Return the result of each record, without line end: its answer, joined and filtered.

        `several` says that the payload might have held several records (`MultiRecord`).

        Raises:
            ProcessingError: the answer does not hold one result for each record, or a filter leads nowhere.

        """
        answers = take_apart(answer, answer_type, len(records), several=several)
        pairs = enumerate(zip(records, answers, strict=True))
        return [_guarded(place, self._finish, pair) for place, pair in pairs]

    def _filter_input(self, record: bytes) -> bytes:
        end = record[len(record.rstrip(b"\r\n")) :]
        if self.content_type == CSV_TYPE:
            return _write_row(self.input_filter.columns(_read_row(record))) + end
        return _write_json(self.input_filter.apply(_read_json(record))) + end

    def _finish(self, pair: tuple[bytes, Any]) -> bytes:
        record, answer = pair
        if self.content_type == CSV_TYPE:
            fields = _fields(answer)
            return _write_row(
                self.output_filter.columns([*_read_row(record), *fields] if self.join else fields)
            )
        value = _as_json(answer)
        if self.join:
            given = _read_json(record)
            own = given if isinstance(given, dict) else {"SageMakerInput": given}
            value = {**own, "SageMakerOutput": value}
        return _write_json(self.output_filter.apply(value))


def parse(request: Mapping[str, Any], content_type: str) -> DataProcessing:
    """Read the DataProcessing member of a request.

    Raises:
        jsonpath.PathError: a filter is not in SageMaker's subset.
        ProcessingError: records of that content type cannot be filtered or joined.

    """
    kind = content_type.partition(";")[0].strip().lower()
    found = DataProcessing(
        input_filter=jsonpath.parse(request.get("InputFilter", "$")),
        output_filter=jsonpath.parse(request.get("OutputFilter", "$")),
        join=request.get("JoinSource", "None") == "Input",
        content_type=kind,
    )
    if not found.is_identity and kind != CSV_TYPE and kind not in JSON_TYPES:
        raise ProcessingError(
            0,
            "DataProcessing needs the ContentType text/csv, application/json or application/jsonlines, "
            f"not {kind!r}",
        )
    return found


def take_apart(answer: bytes, answer_type: str, count: int, *, several: bool) -> list[Any]:
    """Return the answers to `count` records: rows of CSV as bytes, or decoded JSON values.

    A JSON answer to a single record is its result whole; to several, it is an array with a result for each,
    or an object with one such array (`{"predictions": […]}`, as the built-in algorithms answer).

    Raises:
        ProcessingError: the answer is no JSON, or holds another number of results.

    """
    kind = answer_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        value = _guarded(0, _read_json, answer)
        found: list[Any] = _spread(value) if several else [value]
    else:
        lines = [line for line in answer.split(b"\n") if line.strip()]
        reads = kind in JSON_TYPES
        found = [_guarded(place, _read_json, line) if reads else line for place, line in enumerate(lines)]
    if len(found) != count:
        raise ProcessingError(
            0,
            f"the model answered {count} records with {len(found)} results ({kind}); "
            "filters and joins need as many",
        )
    return found


def _spread(value: Any) -> list[Any]:
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        return only if isinstance(only, list) else [value]
    return value if isinstance(value, list) else [value]


def _guarded(place: int, work: Any, argument: Any) -> Any:
    try:
        return work(argument)
    except (jsonpath.PathError, ValueError, csv.Error) as error:
        raise ProcessingError(place, str(error)) from error


def _read_row(line: bytes) -> list[bytes]:
    line = line.rstrip(b"\r\n")
    if b'"' not in line:
        return line.split(b",")
    rows = list(csv.reader(io.StringIO(line.decode()), strict=True))
    return [field.encode() for field in rows[0]]


def _write_row(fields: list[bytes]) -> bytes:
    if not any(mark in field for field in fields for mark in (b",", b'"', b"\n", b"\r")):
        return b",".join(fields)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow([field.decode() for field in fields])
    return stream.getvalue().encode()


def _fields(answer: Any) -> list[bytes]:
    """Return an answer as CSV fields."""
    if isinstance(answer, bytes):
        return _read_row(answer)
    if isinstance(answer, list):
        return [field for part in answer for field in _fields(part)]
    return [answer.encode() if isinstance(answer, str) else _write_json(answer)]


def _as_json(answer: Any) -> Any:
    """Return an answer as a JSON value; a CSV row of one field is that value, else an array."""
    if not isinstance(answer, bytes):
        return answer
    values = [_value(field) for field in _read_row(answer)]
    return values[0] if len(values) == 1 else values


def _value(field: bytes) -> Any:
    try:
        return json.loads(field)
    except (ValueError, RecursionError):
        return field.decode()


def _read_json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from error


def _write_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
