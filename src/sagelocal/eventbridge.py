"""The account's default bus of EventBridge, and who sends to it.

Events go out in the order in which they happened, by one thread, since nothing must wait for another service.
Where no EventBridge answers, events are lost and the log says so once; nothing here depends on them. While
the account has no rule none is sent, for nobody could see it. Whether it has one is asked seldom;
while it had none, events wait for the next answer.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from sagelocal import aws

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagelocal.events import Event

SOURCE = "aws.sagemaker"
_MOST_ENTRIES = 10
"""Of one PutEvents."""
_MOST_WAITING = 10_000
_RULES_SECONDS = 1.0
"""For how long it is believed that there is a rule, or none."""
_OUTAGE_SECONDS = 30.0
"""For how long EventBridge is left alone after it did not answer."""

_log = logging.getLogger(__name__)


class Events(Protocol):
    """Takes events and returns at once."""

    def tell(self, event: Event) -> None:
        """Tell an event."""


class EventBridge:
    """The account's default bus, by a client of boto3 that `connect` makes when it is first needed."""

    def __init__(self, connect: Callable[[], Any] = lambda: aws.client("events")) -> None:
        self._waiting: queue.Queue[Event] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._connect = connect
        self._client: Any = None
        self._has_rules = False
        self._asked = self._quiet_until = float("-inf")

    def tell(self, event: Event) -> None:
        """Queue an event; the first one starts the thread that sends them."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            _log.warning("EventBridge is too slow: %r of %s is lost", event.detail_type, event.resources[-1])
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="events", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < _MOST_ENTRIES and not self._waiting.empty():
                batch.append(self._waiting.get())
            if time.monotonic() < self._quiet_until:
                continue
            try:
                self._send(batch)
            except Exception as error:  # noqa: BLE001  (no event may end the thread that sends the others)
                self._quiet_until = time.monotonic() + _OUTAGE_SECONDS
                _log.warning("EventBridge took no events, and gets none for a while: %s", error)

    def _send(self, batch: Sequence[Event]) -> None:
        if not self._has_a_rule():
            return
        answer = self._client.put_events(Entries=[_entry(each) for each in batch])
        for refused in answer["Entries"]:
            if "ErrorCode" in refused:
                _log.warning("EventBridge: %s: %s", refused["ErrorCode"], refused.get("ErrorMessage", ""))

    def _has_a_rule(self) -> bool:
        """Tell whether there is a rule: at once while there was one, else after a while.

        When there is none, what has come meanwhile is dropped.
        """
        stale = self._asked + _RULES_SECONDS
        if not self._has_rules:
            time.sleep(max(0.0, stale - time.monotonic()))
        if time.monotonic() >= stale:
            before = self._waiting.qsize()
            self._client = self._client or self._connect()
            self._has_rules = bool(self._client.list_rules(Limit=1)["Rules"])
            self._asked = time.monotonic()
            for _ in range(0 if self._has_rules else before):
                self._waiting.get()
        return self._has_rules


def _entry(event: Event) -> dict[str, Any]:
    return {
        "Source": SOURCE,
        "DetailType": event.detail_type,
        "Resources": list(event.resources),
        "Detail": json.dumps(event.detail),
        "Time": dt.datetime.fromtimestamp(event.moment, dt.UTC),
    }
