"""State changes told to EventBridge, as SageMaker tells them.

Events are told in the order in which they happen, by one thread, since a request must not wait for another
service. Where no EventBridge answers, an event is lost and the log says so: nothing here depends on them.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from dataclasses import dataclass
from typing import Any, Protocol

from sagelocal import aws

SOURCE = "aws.sagemaker"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One state change."""

    detail_type: str
    """As in SageMaker's documentation: `SageMaker Model Package State Change`."""
    resource: str
    """The ARN of what changed."""
    detail: dict[str, Any]


class Events(Protocol):
    """Takes events and returns at once."""

    def tell(self, event: Event) -> None:
        """Tell an event."""


class EventBridge:
    """Events on the account's default bus."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """Queue an event; the first one starts the thread that sends them."""
        self._waiting.put(event)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="events", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            event = self._waiting.get()
            try:
                self._send(event)
            except Exception as error:  # noqa: BLE001  (no event may end the thread that sends the others)
                _log.warning(
                    "EventBridge did not take %r of %s: %s", event.detail_type, event.resource, error
                )

    def _send(self, event: Event) -> None:
        entry = {
            "Source": SOURCE,
            "DetailType": event.detail_type,
            "Resources": [event.resource],
            "Detail": json.dumps(event.detail),
        }
        answer = aws.client("events").put_events(Entries=[entry])
        for refused in answer["Entries"]:
            if "ErrorCode" in refused:
                raise RuntimeError(f"{refused['ErrorCode']}: {refused.get('ErrorMessage', '')}")
