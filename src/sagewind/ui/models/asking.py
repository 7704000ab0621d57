"""Asks many at once and waits only so long: who has not answered by then is said not to have.

A question that is late goes on, and its answer is there for whoever asks next; one that was answered a moment
ago is answered from memory, so that a page that is reloaded does not ask AWS anew each time.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sagewind.ui.models.values import Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST = 400
_KINDS = {
    "AccessDenied": "not allowed",
    "UnauthorizedOperation": "not allowed",
    "Expired": "credentials expired",
    "UnrecognizedClient": "no valid credentials",
    "InvalidClientTokenId": "no valid credentials",
    "Throttling": "throttled",
}
"""What the codes of AWS's common errors begin with (AWS API reference, common errors)."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A question, and for how many seconds its answer counts."""

    question: Callable[[], Any]
    keep: float = 5.0


@dataclass(kw_only=True)
class _Known:
    future: Future[Any]
    keep: float
    answered: float | None = None

    def counts(self, now: float) -> bool:
        return self.answered is None or now < self.answered + self.keep


class Asking:
    """Asks in threads; `seconds` is how long one call of `ask` may last."""

    def __init__(
        self, *, seconds: float, threads: int = 24, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sagewind-ask")
        self._known: dict[tuple[Any, ...], _Known] = {}
        self._lock = threading.Lock()

    def ask(self, questions: Mapping[tuple[Any, ...], Ask]) -> dict[tuple[Any, ...], Any]:
        """Return each question's answer, or `Unanswered`."""
        with self._lock:
            now = self._clock()
            self._known = {key: each for key, each in self._known.items() if each.counts(now)}
            asked = {key: self._future(key, each) for key, each in questions.items()}
        wait(set(asked.values()), timeout=self._seconds)
        return {key: self._answer(key, future) for key, future in asked.items()}

    def close(self) -> None:
        """End the threads once the questions that are being asked have been answered."""
        self._pool.shutdown(cancel_futures=True)

    def _future(self, key: tuple[Any, ...], ask: Ask) -> Future[Any]:
        if key not in self._known:
            known = _Known(future=self._pool.submit(ask.question), keep=ask.keep)
            self._known[key] = known
            known.future.add_done_callback(lambda _: setattr(known, "answered", self._clock()))
        return self._known[key].future

    def _answer(self, key: tuple[Any, ...], future: Future[Any]) -> Any:
        if not future.done():
            why = f"No answer within {self._seconds:g} s. It is still awaited: reload in a while."
            return Unanswered(what="no answer yet", why=why)
        error = future.exception()
        if error is None:
            return future.result()
        _log.warning("%s: %r", key, error)
        return Unanswered(what=_kind(error), why=_said(error))


def _kind(error: BaseException) -> str:
    """Say in two words what kind of error it is."""
    code = str(error.response.get("Error", {}).get("Code")) if isinstance(error, ClientError) else ""
    return next((words for start, words in _KINDS.items() if code.startswith(start)), "no answer")


def _said(error: BaseException) -> str:
    """Return an error in one line: its own words, or its name when it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
