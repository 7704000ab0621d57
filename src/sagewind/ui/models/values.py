"""What the Models page shows, as values: what was found, and what it means. Nothing here asks anybody.

Each fact is found by itself and may be `Unanswered`, which its cell then says; the others are shown as ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sagewind import gate
from sagewind.approvals import APPROVED, PENDING, contenders, history, reigning, timeline
from sagewind.registry import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sagewind import spec
    from sagewind.approvals import Approval
    from sagewind.chronicle import Chronicle, Day
    from sagewind.cost import Bill
    from sagewind.registry import Version


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """Whoever was asked did not answer: `what` in two words, `why` in a line."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Champion:
    """Who serves: a version of the registry, or, for a DAG without one, the newest verified model."""

    name: str
    number: int | None
    since: datetime | None
    by: str
    metrics: Mapping[str, float]
    artifact: str
    """The S3 address of its `model.tar.gz`: by it one sees what an endpoint serves."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The champion, None while there is none, and the newer versions that wait for an answer."""

    champion: Champion | None
    waiting: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A described endpoint and what its config serves."""

    name: str
    status: str
    config: str
    model: str
    artifact: str
    instances: str
    """Such as `1 of ml.m5.large`."""
    changed: datetime
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A scored interval; `model` is a version's ARN or a model's name."""

    ds: str
    rows: int
    model: str
    at: datetime | None
    address: str

    @property
    def version(self) -> str:
        """Return the number at the end of a version's ARN; a model's whole name."""
        return self.model.rpartition("/")[2] if self.model.startswith("arn:") else self.model


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a DAG in Airflow."""

    dag_id: str
    run_id: str
    state: str
    kind: str
    start: datetime | None
    end: datetime | None
    logical: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a run asks of a person now."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    subject: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Dag:
    """A DAG as Airflow has it, with its newest runs, the newest first."""

    dag_id: str
    paused: bool
    runs: tuple[Run, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def newest(self) -> Run | None:
        """Return the run that was made last; None when there was none yet."""
        return self.runs[0] if self.runs else None


@dataclass(frozen=True, kw_only=True)
class Airflow:
    """The DAGs of a model, None where Airflow has none of the name."""

    training: Dag | None = None
    scoring: Dag | None = None

    @property
    def questions(self) -> tuple[Question, ...]:
        """Return what is asked of a person now."""
        return self.training.questions if self.training else ()


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A model in the list: its spec, and what was found of it."""

    model: spec.Model
    standing: Standing | Unanswered
    endpoint: Endpoint | Unanswered | None
    scored: tuple[Partition, ...] | Unanswered
    """The newest first."""
    watched: Chronicle | Unanswered
    cost: Bill | Unanswered
    airflow: Airflow | Unanswered

    @property
    def champion(self) -> Champion | None:
        """Return the champion, None also while nobody answers."""
        return None if isinstance(self.standing, Unanswered) else self.standing.champion

    @property
    def checks(self) -> tuple[gate.Check, ...]:
        """Hold the champion's metrics against the gate's thresholds."""
        rules = gate.thresholds(self.model.gate)
        if self.champion is None or not rules:
            return ()
        return gate.decide(self.champion.metrics, thresholds=rules).checks

    @property
    def last_day(self) -> Day | None:
        """Return the day that was watched last."""
        return (
            None if isinstance(self.watched, Unanswered) or not self.watched.days else self.watched.days[-1]
        )

    @property
    def last_drift(self) -> Day | None:
        """Return the last day on which something had drifted."""
        if isinstance(self.watched, Unanswered):
            return None
        return next((day for day in reversed(self.watched.days) if day.drifted), None)

    @property
    def serves(self) -> str:
        """Say what the endpoint serves: `champion`, `other`, or nothing when that is not known."""
        if not isinstance(self.endpoint, Endpoint) or self.champion is None or not self.endpoint.artifact:
            return ""
        return "champion" if self.endpoint.artifact == self.champion.artifact else "other"

    @property
    def budget(self) -> Decimal | None:
        """Return what the model's jobs may cost in a month."""
        month = self.model.budget.month
        return None if month is None else Decimal(str(month))

    @property
    def questions(self) -> tuple[Question, ...]:
        """Return what is asked of a person now."""
        return () if isinstance(self.airflow, Unanswered) else self.airflow.questions

    @property
    def unanswered(self) -> bool:
        """Whether anything is not known now."""
        parts = (self.standing, self.endpoint, self.scored, self.watched, self.cost, self.airflow)
        return any(isinstance(part, Unanswered) for part in parts)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A spec that cannot be used, and why."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A version as the pages show it."""

    version: Version
    approvals: tuple[Approval, ...]
    champion: bool

    @property
    def metrics(self) -> dict[str, float]:
        """Return the metrics that it was registered with."""
        return metrics(self.version)

    @property
    def parameters(self) -> dict[str, str]:
        """Return the hyperparameters that it was trained with."""
        return _named(self.version, "hp:")

    def fact(self, name: str) -> str:
        """Return what it was registered with: `job`, `code`, `data`, `environment`; empty when unknown."""
        return self.version.properties.get(f"{PREFIX}{name}", "")


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One model's own page."""

    summary: Summary
    versions: tuple[Version, ...] | Unanswered = ()
    """The newest first, without the oldest of many."""
    more: bool = False
    """Whether there are older ones."""
    runs: tuple[Run, ...] = field(default=())

    @property
    def shown(self) -> tuple[Shown, ...]:
        """Return the versions as they are shown; none while nobody answers."""
        known = () if isinstance(self.versions, Unanswered) else self.versions
        return show(known)


def show(versions: Iterable[Version]) -> tuple[Shown, ...]:
    """Return versions as they are shown, the newest first, with who of them is the champion."""
    known = tuple(versions)
    champion = reigning(known)
    return tuple(Shown(version=each, approvals=history(each), champion=each is champion) for each in known)


def standing(versions: Iterable[Version]) -> Standing:
    """Find the champion among versions, the newest first, looking no further than it must.

    Versions older than the champion have no part in since when it reigns: only its own approval and what was
    said of newer ones decide that.
    """
    seen = tuple(contenders(versions))
    champion = reigning(seen)
    oldest = champion.number if champion else 0
    waiting = tuple(each.number for each in seen if each.status == PENDING and each.number > oldest)
    if champion is None:
        return Standing(champion=None, waiting=waiting)
    reigns = timeline(seen)
    approvals = [each for each in history(champion) if each.status == APPROVED]
    return Standing(
        champion=Champion(
            name=f"version {champion.number}",
            number=champion.number,
            since=reigns[-1].start if reigns else None,
            by=approvals[-1].by if approvals else "",
            metrics=metrics(champion),
            artifact=champion.model_data,
        ),
        waiting=waiting,
    )


def metrics(version: Version) -> dict[str, float]:
    """Return the metrics that a version was registered with; what is no number is left out."""
    found: dict[str, float] = {}
    for name, text in _named(version, "metric:").items():
        try:
            found[name] = float(text)
        except ValueError:
            continue
    return found


def _named(version: Version, kind: str) -> dict[str, str]:
    start = PREFIX + kind
    return {
        key.removeprefix(start): value
        for key, value in sorted(version.properties.items())
        if key.startswith(start)
    }
