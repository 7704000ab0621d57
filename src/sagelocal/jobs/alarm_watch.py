"""CloudWatch alarms, asked in the background, so that who looks at them never waits for another service."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from sagelocal import aws

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EVERY_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""A CloudWatch that has not answered for so long speaks against the deployment."""
_ALARM = "ALARM"

_log = logging.getLogger(__name__)


class AlarmWatch:
    """Knows how the alarms of one deployment stood a moment ago."""

    def __init__(
        self, names: Sequence[str], connect: Callable[[], Any] = lambda: aws.client("cloudwatch")
    ) -> None:
        self._names = list(names)
        self._connect = connect
        self._client: Any = None
        self._asked = 0.0
        self._answered = time.monotonic()
        self._thread: threading.Thread | None = None
        self._trouble = ""
        self.asked_once = not self._names
        """Whether an answer came, ever."""

    def trouble(self) -> str:
        """Return why the deployment is to be taken back; empty when nothing is. Never waits."""
        busy = self._thread is not None and self._thread.is_alive()
        if self._names and not busy and time.monotonic() - self._asked > EVERY_SECONDS:
            self._asked = time.monotonic()
            self._thread = threading.Thread(target=self._ask, name="alarms", daemon=True)
            self._thread.start()
        if self._names and time.monotonic() - self._answered > PATIENCE_SECONDS:
            return f"CloudWatch does not tell how the alarms {', '.join(self._names)} stand"
        return self._trouble

    def _ask(self) -> None:
        try:
            self._client = self._client or self._connect()
            answer = self._client.describe_alarms(
                AlarmNames=self._names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
        except Exception as error:  # noqa: BLE001  (whatever boto3 raises: it is asked again)
            _log.warning("the alarms %s cannot be asked: %s", ", ".join(self._names), error)
            return
        self._trouble = judge(self._names, answer.get("MetricAlarms", []) + answer.get("CompositeAlarms", []))
        self.asked_once = True
        self._answered = time.monotonic()


def judge(names: Sequence[str], found: Sequence[dict[str, Any]]) -> str:
    """Return what speaks against a deployment: alarms that are in ALARM, or that do not exist."""
    states = {each["AlarmName"]: each["StateValue"] for each in found}
    if rung := [name for name in names if states.get(name) == _ALARM]:
        return f"the following CloudWatch alarms are in the {_ALARM} state: {', '.join(rung)}"
    if absent := [name for name in names if name not in states]:
        return f"the following CloudWatch alarms do not exist: {', '.join(absent)}"
    return ""
