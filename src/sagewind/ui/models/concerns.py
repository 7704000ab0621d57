"""What of a model somebody should look at: the badges of the Models page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewind.ui.models.values import Endpoint, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.ui.models.values import Question, Summary

_BROKEN_ENDPOINT = ("Failed", "UpdateRollbackFailed")


@dataclass(frozen=True, kw_only=True)
class Concern:
    """One of them; `grave` when something is wrong, not only awaited."""

    text: str
    grave: bool = False
    question: Question | None = None
    """What a person can answer."""


def of(shown: Summary) -> tuple[Concern, ...]:
    """Return what is of concern; of what nobody answered nothing is said."""
    found = (_approvals, _endpoint, _quality, _runs, _budget)
    return tuple(concern for look in found for concern in look(shown))


def _approvals(shown: Summary) -> Iterator[Concern]:
    if shown.questions:
        yield Concern(text="waits for approval", question=shown.questions[0])


def _endpoint(shown: Summary) -> Iterator[Concern]:
    if isinstance(shown.endpoint, Endpoint) and shown.endpoint.status in _BROKEN_ENDPOINT:
        yield Concern(text=f"endpoint {shown.endpoint.status}", grave=True)
    if shown.serves == "other":
        yield Concern(text="endpoint serves another")


def _quality(shown: Summary) -> Iterator[Concern]:
    if any(not check.passed for check in shown.checks):
        yield Concern(text="below the gate", grave=True)
    if shown.last_day is not None and shown.last_day.drifted:
        yield Concern(text="drift")


def _runs(shown: Summary) -> Iterator[Concern]:
    if isinstance(shown.airflow, Unanswered):
        return
    for what, dag in (("training", shown.airflow.training), ("scoring", shown.airflow.scoring)):
        if dag and dag.newest and dag.newest.state == "failed":
            yield Concern(text=f"last {what} failed", grave=True)


def _budget(shown: Summary) -> Iterator[Concern]:
    if shown.budget is None or isinstance(shown.cost, Unanswered):
        return
    if shown.cost.total > shown.budget:
        yield Concern(text="over budget", grave=True)
