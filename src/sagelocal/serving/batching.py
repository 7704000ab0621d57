"""Merging the requests that wait, for default handlers: one `predict` for all, to each its own rows back.

There is no timer. Requests that arrived in the same turn of the event loop are answered together, and while
a long prediction runs in its thread the next ones gather behind it; a lone request waits for nobody. Only
models whose answer to a row does not depend on its neighbours are merged (`engine.is_row_wise`), so the
answers are those of single calls.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sagelocal.serving import codecs, handlers

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

INLINE_SECONDS = 0.005
"""A turn expected to take longer than this runs in a thread, so that pings and other connections go on; but
where some of what waits fits into that time, the rest waits for the next turn: threads cost more."""
READ_SECONDS = 6e-9
"""For each byte of a body. A guess: plain numbers take less, all else up to twice that."""
MAX_BATCH_ROWS = 8192
_PROBE_ROWS = 256
_SAMPLE_BYTES = 4096


class Request(NamedTuple):
    """One invocation, and where its answer goes (called in the event loop)."""

    body: bytes
    content_type: str
    accept: str
    deliver: Callable[[Any], None]
    """Takes an `Answer`, or such a tuple whose body are `Parts`."""


class Batcher:
    """Answers invocations of default handlers, merged by turns of the event loop."""

    def __init__(self, loaded: handlers.Handlers, loop: asyncio.AbstractEventLoop) -> None:
        if loaded.fast is None or loaded.read or loaded.write:
            raise ValueError("only default handlers can be merged; these have functions of the user's")
        self._handlers = loaded
        self._engine = loaded.fast
        self._loop = loop
        self._waiting: deque[Request] = deque()
        self._scheduled = False
        self._busy = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._call_seconds, self._row_seconds = _cost(loaded)

    def submit(self, request: Request) -> None:
        """Take a request; it is answered in this turn of the loop, or when the running prediction ends."""
        if ";" in request.content_type:
            request = request._replace(content_type=codecs.media_type(request.content_type))
        self._waiting.append(request)
        if not self._scheduled and not self._busy:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    @property
    def depth(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Let the running prediction end."""
        self._thread.shutdown()

    def _turn(self) -> None:
        self._scheduled = False
        batch, seconds = self._take()
        if not batch:
            return
        if seconds <= INLINE_SECONDS:
            _deliver(batch, self.answer(batch))
            if self._waiting:
                self._scheduled = True
                self._loop.call_soon(self._turn)
            return
        self._busy = True
        future = self._loop.run_in_executor(self._thread, self.answer, batch)
        future.add_done_callback(lambda done: self._finished(batch, done))

    def _take(self) -> tuple[list[Request], float]:
        """Take what waits, as far as it makes a turn; also return how long that may take."""
        batch: list[Request] = []
        rows, seconds = 0, self._call_seconds
        while self._waiting and rows < MAX_BATCH_ROWS:
            request = self._waiting[0]
            own = _guess(request)
            more = own * self._row_seconds + len(request.body) * READ_SECONDS
            if batch and (not self._engine.row_wise or seconds <= INLINE_SECONDS < seconds + more):
                break
            batch.append(self._waiting.popleft())
            rows += own
            seconds += more
        return batch, seconds

    def _finished(self, batch: list[Request], done: asyncio.Future[list[handlers.Answer]]) -> None:
        self._busy = False
        if not done.cancelled():
            _deliver(batch, done.result())
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def answer(self, batch: list[Request]) -> list[handlers.Answer]:
        """Return the answers of a batch in its order; what cannot be merged is answered by itself."""
        answers: list[handlers.Answer | None] = [None] * len(batch)
        merged: list[tuple[int, Any]] = []
        for place, request in enumerate(batch):
            try:
                rows = self._rows(request)
            except Exception as error:  # noqa: BLE001  (any bytes may come)
                answers[place] = _refusal(error)
                continue
            if rows is None or (merged and rows.dtype != merged[0][1].dtype):
                answers[place] = self._alone(request)
            else:
                merged.append((place, rows))
        self._predict(batch, merged, answers)
        return [a if a is not None else self._alone(r) for a, r in zip(answers, batch, strict=True)]

    def _alone(self, request: Request) -> handlers.Answer:
        answer = self._handlers.answer(request.body, request.content_type, request.accept)
        assert isinstance(answer, handlers.Answer)  # only handlers of the user's answer part by part
        return answer

    def _rows(self, request: Request) -> Any:
        """Return the 2-D array of a request, or None when it must be answered by itself."""
        array = self._handlers.default_read(request.body, request.content_type)
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            return None
        if array.ndim < 2:  # noqa: PLR2004
            array = array.reshape(1, -1)
        fits = array.ndim == 2 and len(array) and array.shape[1] == self._engine.features  # noqa: PLR2004
        return array if fits and np.isfinite(array).all() else None

    def _predict(
        self, batch: list[Request], merged: list[tuple[int, Any]], answers: list[handlers.Answer | None]
    ) -> None:
        if not merged:
            return
        arrays = [rows for _, rows in merged]
        try:
            prediction = self._engine.predict(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))
        except Exception as error:  # noqa: BLE001  (a model may raise anything)
            if len(merged) == 1:
                answers[merged[0][0]] = handlers.failure(error)
            return  # the others are answered by themselves, so that only the one at fault fails
        if not isinstance(prediction, np.ndarray) or len(prediction) != sum(map(len, arrays)):
            return
        start = 0
        for place, rows in merged:
            stop = start + len(rows)
            answers[place] = self._encode(prediction[start:stop], batch[place].accept)
            start = stop

    def _encode(self, prediction: Any, accept: str) -> handlers.Answer:
        try:
            body, kind = codecs.encode(prediction, self._handlers.wanted(accept))
        except codecs.UnsupportedFormatError as error:
            return handlers.failure(error, 406)
        except (TypeError, ValueError) as error:
            return handlers.failure(error)
        return handlers.Answer(200, kind, body)


def _guess(request: Request) -> int:
    """Guess a request's rows, by those at its beginning."""
    mark, size = b"]" if request.content_type == codecs.JSON else b"\n", len(request.body)
    found = request.body.count(mark, 0, _SAMPLE_BYTES) or 1
    return found if size <= _SAMPLE_BYTES else found * size // _SAMPLE_BYTES


def _deliver(batch: list[Request], answers: list[handlers.Answer]) -> None:
    for request, answer in zip(batch, answers, strict=True):
        request.deliver(answer)


def _refusal(error: Exception) -> handlers.Answer:
    return handlers.failure(error, 415 if isinstance(error, codecs.UnsupportedFormatError) else 500)


def _cost(loaded: handlers.Handlers) -> tuple[float, float]:
    """Return seconds per call and per row, measured; a model that refuses zeros counts as slow."""
    assert loaded.fast is not None
    seconds = []
    for count in (1, _PROBE_ROWS):
        rows = np.zeros((count, loaded.fast.features or 1), dtype=np.float32)
        try:
            loaded.fast.predict(rows)
            start = time.perf_counter()
            loaded.fast.predict(rows)
        except Exception:  # noqa: BLE001  (unknown model: its first real request will tell)
            return INLINE_SECONDS, INLINE_SECONDS
        seconds.append(time.perf_counter() - start)
    return seconds[0], max(0.0, seconds[1] - seconds[0]) / (_PROBE_ROWS - 1)
