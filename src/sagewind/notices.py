"""A notifier that needs no account anywhere: one line in the log of the process that it runs in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

_log = logging.getLogger(__name__)


class LogNotifier(BaseNotifier):
    """Writes `message` as a warning; a template of the task's context.

    :param message: what to say.
    """

    template_fields = ("message",)

    def __init__(self, message: str = "{{ ti }} needs attention", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.message = message

    def notify(self, context: Context) -> None:
        """Write the line."""
        del context
        _log.warning("%s", self.message)

    async def async_notify(self, context: Context) -> None:
        """Write the line."""
        self.notify(context)
