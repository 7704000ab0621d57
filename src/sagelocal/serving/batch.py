"""Batch transform's middle: an object's records through the model into one result, in order, streamed.

The model is a callable, so that this knows nothing of servers, and the tests need none. Rules of the
result: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformOutput.html. With
`AssembleWith: Line`, an answer that ends with a line end gets no second one, so that an answer of several
CSV rows leaves no empty lines between payloads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, NamedTuple

from sagelocal.serving import dataprocessing, records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

MEGABYTE = 1 << 20


class Result(NamedTuple):
    """A model's answer to a payload."""

    status: int
    content_type: str
    body: bytes


class TransformError(Exception):
    """An object cannot be transformed; `cause` says who is at fault, the message which record."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How objects are cut, sent and put together; the names are those of CreateTransformJob."""

    split_type: str = "None"
    several: bool = True
    """BatchStrategy is MultiRecord."""
    limit: int | None = 6 * MEGABYTE
    """Bytes of a payload; None: any."""
    concurrency: int = 1
    assemble_with: str = "None"
    processing: dataprocessing.DataProcessing

    def payloads(self, size: int) -> int:
        """Return how many payloads an object of so many bytes can be, at most."""
        if self.split_type == "None" or not size:
            return 1
        if not self.several or self.limit is None:
            return size  # a record has a byte at least
        if size <= self.limit:
            return 1
        return 2 * size // self.limit + 1  # two that follow each other are more than the limit


async def transform(
    plan: Plan,
    source: IO[bytes],
    target: IO[bytes],
    invoke: Callable[[bytes], Awaitable[Result]],
    progress: Callable[[int], None],
) -> int:
    """Send an object's records through the model and write the result; return the number of records.

    `progress` is told the records of each payload that is done.

    Raises:
        TransformError: a record is broken or too large, or the model refused it.

    """
    count = 0
    pending: deque[asyncio.Task[tuple[int, bytes]]] = deque()
    try:
        async for payload in _read_ahead(cut(plan, source)):
            if len(pending) >= plan.concurrency:
                count += await _write(pending.popleft(), target, progress)
            pending.append(asyncio.create_task(_one(plan, payload, invoke)))
        while pending:
            count += await _write(pending.popleft(), target, progress)
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    return count


def cut(plan: Plan, source: IO[bytes]) -> Iterator[records.Payload]:
    """Return the object's payloads."""
    if plan.split_type == "Line" and plan.several and plan.processing.is_identity:
        return records.blocks(source, plan.limit)
    found = records.split(source, plan.split_type, plan.limit)
    return records.payloads(found, several=plan.several and plan.split_type != "None", limit=plan.limit)


async def _read_ahead(payloads: Iterator[records.Payload]) -> AsyncIterator[records.Payload]:
    """Read in a thread: the source is the network, or is being decompressed."""
    while True:
        try:
            payload = await asyncio.to_thread(next, payloads, None)
        except records.RecordError as error:
            raise TransformError("ClientError", str(error)) from error
        except records.UNREADABLE as error:
            raise TransformError("ClientError", f"the object cannot be read: {error}") from error
        if payload is None:
            return
        yield payload


async def _one(
    plan: Plan, payload: records.Payload, invoke: Callable[[bytes], Awaitable[Result]]
) -> tuple[int, bytes]:
    body = payload.body
    try:
        if payload.records is not None and not plan.processing.input_filter.is_identity:
            body = b"".join(plan.processing.before(payload.records))
        result = await invoke(body)
        if result.status not in range(200, 300):
            raise TransformError(_cause(result.status), f"{_place(payload)}: {_words(result)}")
        if not plan.processing.answers_change:
            return payload.size, _ended(result.body, plan)
        assert payload.records is not None
        lines = plan.processing.after(payload.records, result.body, result.content_type, several=plan.several)
    except dataprocessing.ProcessingError as error:
        raise TransformError("ClientError", f"record {payload.first + error.record}: {error}") from error
    if plan.split_type == "None":
        return payload.size, _ended(lines[0], plan)
    return payload.size, b"".join(_ended(line, plan) for line in lines)


def _ended(answer: bytes, plan: Plan) -> bytes:
    return answer + b"\n" if plan.assemble_with == "Line" and not answer.endswith(b"\n") else answer


def _cause(status: int) -> str:
    return "ClientError" if status in range(400, 500) else "AlgorithmError"


def _place(payload: records.Payload) -> str:
    last = payload.first + payload.size - 1
    return f"record {payload.first}" if payload.size == 1 else f"records {payload.first} to {last}"


def _words(result: Result) -> str:
    """Return what the model said; of the container's error body the message, as the log has the rest."""
    text = result.body.decode(errors="replace")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        body = json.loads(text)
        text = f"{body['error']}: {body['error-message']}"
    return f"the model answered {result.status}: {text}"


async def _write(
    task: asyncio.Task[tuple[int, bytes]], target: IO[bytes], progress: Callable[[int], None]
) -> int:
    count, answer = await task
    target.write(answer)
    progress(count)
    return count
