"""How good the scores were, once the truth is known: it comes days later, for days that are scored already.

`s3://<bucket>/<model>/truth/ds=<day>/rows.csv` has a header with the id and the target (a table without ids
has `row`, the number of the row on that day). Each time an interval is watched, the days before it are looked
through; what was measured is read, and measured, again only when its truth or its scores have changed.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind import evaluation, naming
from sagewind.partition import SCORES as SCORES_FILE
from sagewind.partition import SUCCESS
from sagewind.scores import SCORES
from sagewind.steps import told
from sagewind.steps.judge import plain
from sagewind.steps.rows import ROW, Rows, RowsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sagewind import spec
    from sagewind.objects import Address, Entry, Objects

_TRUTH = "rows.csv"
_REPORT = "quality.json"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The quality of one day's scores; `violations` are the gate's thresholds that do not hold."""

    day: str
    rows: int
    waiting: int
    """Scored rows whose truth has not come."""
    metrics: Mapping[str, float]
    violations: tuple[str, ...]
    key: str
    """A hash of the truth and the scores that it was measured from."""
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
        RowsError: a truth lacks a column, is of other rows, or is no number where a regression needs one.

    """
    days = tuple(_days(model, objects, base, day))
    if not days:
        return ()
    where = type(base).parse(evaluated)
    kind = evaluation.parse(objects.read(where).decode(), source=evaluated).problem
    return tuple(_measured(model, objects, each, is_class=kind.is_classification) for each in days)


def untold(objects: Objects, base: Address, measured: Iterable[Measured]) -> tuple[Measured, ...]:
    """Return those whose violations no event has told; new truth or new scores are told anew."""
    bad = [each for each in measured if each.violations]
    return tuple(e for e in bad if told.read(objects, mark(base, e)).get("key") != e.key)


def mark(base: Address, measured: Measured) -> Address:
    """Return where it is written down that a day's violations were told."""
    return base / "monitor" / f"ds={measured.day}" / told.QUALITY


@dataclass(frozen=True, kw_only=True)
class _Day:
    """A scored day whose truth has come: its objects, and where its report is, or is to be."""

    day: str
    truth: Entry
    scores: Entry
    report: Address
    is_reported: bool

    @property
    def etags(self) -> list[str]:
        """Tell what it is measured from, without reading it."""
        return [self.truth.etag, self.scores.etag]


def _days(model: spec.Model, objects: Objects, base: Address, day: str) -> Iterator[_Day]:
    """Yield the days with truth and scores, at most `truth_days` back: three listings, however many days."""
    last = dt.date.fromisoformat(day)
    first = last - dt.timedelta(days=model.monitor.truth_days)
    found = {
        kind: {
            _place(entry): entry
            for entry in objects.list(base / f"{kind}/", after=f"ds={first}")
            if _place(entry)[0] <= last.isoformat()
        }
        for kind in ("truth", "scores", "monitor")
    }
    for (name, file), truth in found["truth"].items():
        scores = found["scores"].get((name, SCORES_FILE))
        if file == _TRUTH and scores is not None and (name, SUCCESS) in found["scores"]:
            yield _Day(
                day=name,
                truth=truth,
                scores=scores,
                report=base / "monitor" / f"ds={name}" / _REPORT,
                is_reported=(name, _REPORT) in found["monitor"],
            )


def _place(entry: Entry) -> tuple[str, str]:
    """Return the partition and the name of an object `…/ds=<partition>/<name>`."""
    return entry.address.key.rpartition("/")[0].rpartition("ds=")[2], entry.address.name


def _measured(model: spec.Model, objects: Objects, day: _Day, *, is_class: bool) -> Measured:
    known = objects.read_json(day.report) if day.is_reported else {}
    if known.get("etags") == day.etags:
        return _known(known)
    contents = objects.read(day.truth.address), objects.read(day.scores.address)
    key = naming.digest(naming.content_hash(content) for content in contents)[:16]
    made = _known(known) if known.get("key") == key else _new(model, day, contents, key, is_class=is_class)
    objects.write_json(day.report, {**made.to_json(), "etags": day.etags})
    return made


def _known(report: Mapping[str, Any]) -> Measured:
    said = {name: value for name, value in report.items() if name != "etags"}
    return Measured(**{**said, "violations": tuple(said["violations"]), "is_new": False})


def _new(
    model: spec.Model, day: _Day, contents: tuple[bytes, bytes], key: str, *, is_class: bool
) -> Measured:
    """Measure the scores of the rows whose truth is there."""
    answers = Rows.parse(contents[1], str(day.scores.address)).cells
    labelled = _labelled(model, Rows.parse(contents[0], str(day.truth.address)), answers, is_class=is_class)
    pairs = [(labelled[name], plain(answer)) for name, answer in answers if name in labelled]
    labels, predictions = [each[0] for each in pairs], [each[1] for each in pairs]
    enough = len(pairs) >= model.monitor.min_rows
    metrics = {s.name: s.of(labels, predictions) for s in SCORES.values() if enough and s.numeric != is_class}
    return Measured(
        day=day.day,
        rows=len(pairs),
        waiting=len(answers) - len(pairs),
        metrics=metrics,
        violations=tuple(_violations(model, metrics)),
        key=key,
        is_new=True,
    )


def _labelled(
    model: spec.Model, truth: Rows, answers: Sequence[tuple[str, ...]], *, is_class: bool
) -> dict[str, str]:
    """Return the truth of each row whose target is not empty: of others it has yet to come.

    Raises:
        RowsError: it is of none of the rows that were scored, or no number where a number is needed.

    """
    ids = model.data.id_column or ROW
    told = {name: plain(label) for name, label in truth.pick((ids, model.data.target)) if label.strip()}
    if told and answers and told.keys().isdisjoint(name for name, _ in answers):
        one, other = next(iter(told)), answers[0][0]
        raise RowsError(
            f"{truth.name}: no row with its {ids} was scored that day; it has {one!r}, the scores {other!r}"
        )
    for name, label in () if is_class else told.items():
        if not _is_number(label):
            said = f"the {model.data.target} of {ids} {name!r} is {label!r}; a number is needed"
            raise RowsError(f"{truth.name}: {said}")
    return told


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


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
