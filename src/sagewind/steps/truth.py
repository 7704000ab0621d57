"""How good the scores were, once the truth is known: it comes days later, for days that are scored already.

`s3://<bucket>/<model>/truth/ds=<day>/rows.csv` has a header with the id and the target (a table without ids
has `row`, the number of the row on that day). Each time an interval is watched, the days before it are looked
through; what was measured is measured again only when its truth or its scores have changed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind import evaluation, naming
from sagewind.partition import SCORES as SCORES_FILE
from sagewind.partition import SUCCESS
from sagewind.scores import SCORES
from sagewind.steps.judge import plain
from sagewind.steps.rows import ROW, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sagewind import spec
    from sagewind.objects import Address, Objects

_TRUTH = "rows.csv"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The quality of one day's scores; `violations` are the gate's thresholds that do not hold."""

    day: str
    rows: int
    waiting: int
    """Scored rows whose truth has not come."""
    metrics: Mapping[str, float]
    violations: tuple[str, ...]
    is_new: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**vars(self), "metrics": dict(self.metrics), "violations": list(self.violations)}


def measure(
    model: spec.Model, objects: Objects, base: Address, *, day: str, evaluated: str
) -> tuple[Measured, ...]:
    """Measure the days up to `day` whose truth has come, and write each one's `quality.json`.

    `evaluated` is the champion's evaluation, which says what kind of model it is.

    Raises:
        RowsError: a truth lacks a column.
        ScoreError: a truth of a regression is no number.

    """
    days = tuple(_days(model, objects, base, day))
    if not days:
        return ()
    where = type(base).parse(evaluated)
    kind = evaluation.parse(objects.read(where).decode(), source=evaluated).problem
    return tuple(_measured(model, objects, base, each, is_class=kind.is_classification) for each in days)


def _days(model: spec.Model, objects: Objects, base: Address, day: str) -> Iterator[str]:
    """Yield the days with truth and scores, at most `truth_days` back."""
    last = dt.date.fromisoformat(day)
    first = last - dt.timedelta(days=model.monitor.truth_days)
    for entry in objects.list(base / "truth/"):
        name = entry.address.key.rpartition("/")[0].rpartition("ds=")[2]
        told = first.isoformat() <= name <= last.isoformat()
        scored = base / "scores" / f"ds={name}" / SUCCESS
        if told and entry.address.name == _TRUTH and objects.head(scored) is not None:
            yield name


def _measured(model: spec.Model, objects: Objects, base: Address, day: str, *, is_class: bool) -> Measured:
    truth, scores = base / "truth" / f"ds={day}" / _TRUTH, base / "scores" / f"ds={day}" / SCORES_FILE
    contents = objects.read(truth), objects.read(scores)
    key = naming.digest(naming.content_hash(content) for content in contents)[:16]
    report = base / "monitor" / f"ds={day}" / "quality.json"
    if objects.head(report) is not None:
        known = objects.read_json(report)
        if known.pop("key") == key:
            return Measured(**{**known, "violations": tuple(known["violations"]), "is_new": False})
    ids = model.data.id_column or ROW
    told = {row[0]: row[1] for row in Rows.parse(contents[0], str(truth)).pick((ids, model.data.target))}
    answers = Rows.parse(contents[1], str(scores)).cells
    pairs = [(told[name], answer) for name, answer in answers if name in told]
    labels, predictions = [plain(each[0]) for each in pairs], [plain(each[1]) for each in pairs]
    enough = len(pairs) >= model.monitor.min_rows
    metrics = {s.name: s.of(labels, predictions) for s in SCORES.values() if enough and s.numeric != is_class}
    made = Measured(
        day=day,
        rows=len(pairs),
        waiting=len(answers) - len(pairs),
        metrics=metrics,
        violations=tuple(_violations(model, metrics)),
        is_new=True,
    )
    objects.write_json(report, {**made.to_json(), "key": key})
    return made


def _violations(model: spec.Model, metrics: Mapping[str, float]) -> Iterator[str]:
    """Yield which thresholds of the gate the day's scores do not keep."""
    for each in model.gate.thresholds.values():
        value = metrics.get(each.name)
        if value is None:
            continue
        if each.at_least is not None and value < each.at_least:
            yield f"{each.name} {value:.4g} is below {each.at_least:g}"
        if each.at_most is not None and value > each.at_most:
            yield f"{each.name} {value:.4g} is above {each.at_most:g}"
