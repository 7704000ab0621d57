"""The link from the task that registered a version to its model card.

The worker asks for it when the task has ended, and keeps it as an XCom; the API server never imports this.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom


class CardLink(BaseOperatorLink):
    """The button *Model card* among a task's details."""

    name = "Model card"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page that the task told; empty when it told none, because it failed."""
        del operator
        told = XCom.get_value(ti_key=ti_key, key="return_value")
        return str(told["page"]) if isinstance(told, dict) and "page" in told else ""
