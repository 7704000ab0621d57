"""The Models page as HTML: a style and a small script, named by their hashes, and every value escaped."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from markupsafe import Markup

from sagewind import chronicle_picture
from sagewind.approvals import timeline
from sagewind.ui import page
from sagewind.ui.kinds import KINDS
from sagewind.ui.links import PREFIX, is_local, url
from sagewind.ui.models import concerns
from sagewind.ui.models.values import Broken, Champion, Detail, Shown, Summary, Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jinja2.runtime import Context

    from sagewind import spec

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STATES = {
    "good": ("success", "InService", "Approved", "Completed"),
    "bad": ("failed", "Failed", "Rejected", "UpdateRollbackFailed", "RollingBack", "upstream_failed"),
    "warn": (
        "PendingManualApproval",
        "OutOfService",
        "queued",
        "Creating",
        "Updating",
        "Deleting",
        "running",
    ),
}
_STATUSES = {"PendingManualApproval": "not answered"}


@dataclass(frozen=True, kw_only=True)
class Links:
    """Addresses on this server; `root` is where Airflow is, without a slash at the end."""

    root: str
    environ: Mapping[str, str]

    @property
    def models(self) -> str:
        """Return the list's."""
        return f"{self.root}{PREFIX}/models"

    @property
    def leaves(self) -> bool:
        """Whether a job's page is in the AWS console."""
        return not is_local(self.environ)

    def model(self, name: str) -> str:
        """Return a model's page's."""
        return f"{self.models}/{_safe(name)}"

    def version(self, name: str, number: int) -> str:
        """Return a version's page's."""
        return f"{self.model(name)}/versions/{number}"

    def card(self, name: str, number: int) -> str:
        """Return a model card's."""
        return f"{self.version(name, number)}/card"

    def job(self, name: str) -> str:
        """Return a training job's."""
        found = url(KINDS["training-job"], name, self.environ)
        return found if self.leaves else self.root + found

    def dag(self, dag_id: str) -> str:
        """Return the DAG's grid's."""
        return f"{self.root}/dags/{_safe(dag_id)}"

    def run(self, dag_id: str, run_id: str) -> str:
        """Return a run's."""
        return f"{self.dag(dag_id)}/runs/{_safe(run_id)}"

    def question(self, asked: Any) -> str:
        """Return where a question is answered."""
        mapped = "" if asked.map_index < 0 else f"/mapped/{asked.map_index}"
        task = f"{self.run(asked.dag_id, asked.run_id)}/tasks/{_safe(asked.task_id)}{mapped}"
        return f"{task}/required_actions"


def _safe(part: str) -> str:
    return quote(part, safe="")


def overview(
    summaries: Sequence[Summary],
    broken: Sequence[Broken],
    *,
    links: Links,
    now: datetime,
    unread: Unanswered | None = None,
) -> str:
    """Return the list of models."""
    told = _told(summaries, broken)
    return _page("list", "Models", links, now, summaries=summaries, broken=broken, told=told, unread=unread)


def model(detail: Detail, *, base: str, links: Links, now: datetime) -> str:
    """Return one model's page; `base` is where its files are."""
    shown = detail.summary
    days = () if isinstance(shown.watched, Unanswered) else shown.watched.days
    return _page(
        "model",
        shown.model.name,
        links,
        now,
        detail=detail,
        base=base,
        picture=_picture(detail),
        watched_metrics=_metrics(shown.model),
        served=_served(detail),
        spent=_spent(shown),
        drifted={day.day.isoformat(): day.drifted for day in days},
    )


def version(owner: spec.Model, shown: Shown, *, links: Links, now: datetime) -> str:
    """Return one version's page, with its card in a frame."""
    title = f"{owner.name} version {shown.version.number}"
    return _page("version", title, links, now, model=owner, each=shown)


def headers() -> dict[str, str]:
    """Return the headers of every page: nothing but its own style, script, and card may be loaded or run."""
    styles = " ".join(_hash(each) for each in (_file("models.css"), chronicle_picture.STYLE))
    rules = {
        "default-src": "'none'",
        "style-src": styles,
        "script-src": _hash(_file("models.js")),
        "frame-src": "'self'",
        "frame-ancestors": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    policy = "; ".join(f"{name} {value}" for name, value in rules.items())
    return {**page.HEADERS, "Content-Security-Policy": policy}


def card_headers() -> dict[str, str]:
    """Return the headers of a model card, which comes from S3: it runs nothing and belongs to no origin."""
    policy = (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
        "base-uri 'none'; form-action 'none'"
    )
    return {**page.HEADERS, "Content-Security-Policy": policy}


def _told(summaries: Sequence[Summary], broken: Sequence[Broken]) -> str:
    """Say the whole list in a line."""
    count = len(summaries) + len(broken)
    concerned = sum(bool(concerns.of(each)) for each in summaries) + len(broken)
    asked = sum(len(each.questions) for each in summaries)
    parts = [f"{count} model" if count == 1 else f"{count} models"]
    parts.append(f"{concerned} to look at" if concerned else "nothing to look at")
    if asked:
        parts.append("1 open approval" if asked == 1 else f"{asked} open approvals")
    bills = [each.cost for each in summaries if not isinstance(each.cost, Unanswered)]
    if bills:
        spent = sum((bill.total for bill in bills), Decimal(0))
        parts.append(f"{_money(spent, bills[0].currency)} for jobs and endpoints this month")
    return ", ".join(parts) + "."


def _metrics(owner: spec.Model) -> tuple[str, ...]:
    """Return what the versions are compared by: the gate's metrics."""
    challenge = owner.gate.challenge
    return tuple(dict.fromkeys((*owner.gate.thresholds, *((challenge.metric,) if challenge else ()))))


def _picture(detail: Detail) -> Markup | None:
    watched, metrics = detail.summary.watched, _metrics(detail.summary.model)
    if isinstance(watched, Unanswered) or not watched.days:
        return None
    known = () if isinstance(detail.versions, Unanswered) else detail.versions
    whole = dataclasses.replace(watched, reigns=timeline(known))
    metric = metrics[0] if metrics else ""
    limits = chronicle_picture.limits(detail.summary.model, metric)
    svg = chronicle_picture.picture(whole, metric=metric, limits=limits)
    return Markup(svg)  # noqa: S704 - `chronicle_picture` escaped every text in it


def _served(detail: Detail) -> str:
    """Say which version the endpoint serves, by the artifact of its model."""
    endpoint, shown = detail.summary.endpoint, detail.summary
    artifact = "" if isinstance(endpoint, Unanswered) or endpoint is None else endpoint.artifact
    number = next((each.version.number for each in detail.shown if each.version.model_data == artifact), 0)
    champion = shown.champion
    if shown.serves == "champion" and isinstance(champion, Champion):
        return f"{champion.name}, the champion"
    if number and artifact:
        return f"version {number}, which is not the champion"
    return "a model that is no version here" if artifact else "not known"


def _spent(shown: Summary) -> list[tuple[str, int, Decimal]]:
    """Return kind, number of jobs and amount."""
    if isinstance(shown.cost, Unanswered):
        return []
    kinds: dict[str, tuple[int, Decimal]] = {}
    for used, amount in shown.cost.lines:
        jobs, total = kinds.get(used.kind, (0, Decimal(0)))
        kinds[used.kind] = (jobs + 1, total + (amount or Decimal(0)))
    return [(kind, *told) for kind, told in sorted(kinds.items())]


def _page(name: str, title: str, links: Links, now: datetime, **values: Any) -> str:
    template = _environment().get_template(f"pages/{name}.html.j2")
    return template.render(
        title=title,
        links=links,
        now=now,
        style=Markup(_file("models.css")),  # noqa: S704 - ours
        script=Markup(_file("models.js")),  # noqa: S704 - ours
        **values,
    )


@cache
def _file(name: str) -> str:
    return resources.files("sagewind").joinpath("templates", "pages", name).read_text(encoding="utf-8")


@cache
def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> Environment:
    """Make the template environment: everything is escaped, and a missing value is an error."""
    made = Environment(
        loader=PackageLoader("sagewind"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["unanswered"] = lambda part: isinstance(part, Unanswered)
    made.filters |= {
        "ago": _ago,
        "concerns": concerns.of,
        "utc": lambda at: f"{at:%Y-%m-%d %H:%M}",
        "money": _money,
        "sign": lambda text: text.replace(">=", "≥").replace("<=", "≤"),
        "state": _state,
        "status": lambda status: _STATUSES.get(status, status),
        "thousands": lambda number: f"{number:,}",
    }
    return made


@pass_context
def _ago(context: Context, at: datetime) -> str:
    """Say how long before the page's `now` something was, in the largest unit that it fills."""
    seconds = (context["now"] - at).total_seconds()
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        count = int(seconds // unit)
        if count > 0:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount:.2f} {currency}"


def _state(state: str) -> str:
    """Return the class of a state: good, bad, warn or quiet."""
    return next((name for name, states in _STATES.items() if state in states), "quiet")
