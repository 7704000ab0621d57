"""After a day was scored: whether rows, predictions or their quality have moved away from training's.

Looked at are the day's rows and predictions, what the endpoint was asked on that day (where the spec has it
captured), and days whose truth has come. Each has its report under `<model>/monitor/ds=<day>/`.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sagewind import aws, capture, drift, load, profile
from sagewind.objects import Address, Objects
from sagewind.partition import SCORES
from sagewind.steps import alarms, told, truth
from sagewind.steps.judge import plain
from sagewind.steps.rows import PREDICTION, Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sagewind import spec
    from sagewind.profile import Profile

_REPORT = "drift.json"
_LISTED = 5


def watch(
    spec_file: Path | str, *, prepared: dict[str, Any], clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Compare the day with the champion's baseline, measure what has its truth, and tell CloudWatch.

    `prepared` is what `interval.prepare` returned. Returns the `drifted` columns, `violations` of quality,
    whether anything was `found`, and whether that is `news`: a champion's drift in the same columns is told
    once, on the first day, and not again on the days after. `marks` is for `told.leave`, when
    the event is out; until then it is news again. `unread` has the first requests that the endpoint was sent
    and that are no rows of the model's features. `report` is where `drift.json` is; beside it is Model
    Monitor's `constraint_violations.json`.
    """
    model = load.load(spec_file)
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    base = Address(Address.parse(prepared["partition"]["root"]).bucket, model.name)
    day = prepared["partition"]["ds"][:10]
    found, unread = _compared(model, objects, base, prepared)
    measured = truth.measure(model, objects, base, day=day, evaluated=prepared["evaluation"])
    untold = truth.untold(objects, base, measured)
    violations = [f"{each.day}: {said}" for each in untold for said in each.violations]
    facts = {"version": prepared["version"], "drifted": list(found.drifted)}
    home = base / "monitor" / f"ds={prepared['partition']['ds']}"
    is_news = found.found and not _know(objects, home, facts)
    objects.write_json(home / _REPORT, found.to_json() | facts)
    objects.write_json(home / "constraint_violations.json", found.to_violations())
    latest = max((each for each in measured if each.metrics), key=lambda each: each.day, default=None)
    counts = {alarms.DRIFT: len(found.drifted), alarms.QUALITY: len(violations)}
    cloudwatch = clients("cloudwatch")
    names = alarms.ensure(cloudwatch, model)
    alarms.measure(cloudwatch, model, counts | (dict(latest.metrics) if latest else {}))
    return {
        "found": found.found or bool(violations),
        "news": is_news or bool(violations),
        "drifted": list(found.drifted),
        "violations": violations,
        "measured": [each.to_json() for each in measured if each.is_new],
        "alarms": list(names),
        "unread": list(unread[:_LISTED]),
        "report": str(home / _REPORT),
        "marks": {
            **({str(home / told.DRIFT): facts} if is_news else {}),
            **{str(truth.mark(base, each)): {"key": each.key} for each in untold},
        },
    }


def _compared(
    model: spec.Model, objects: Objects, base: Address, prepared: dict[str, Any]
) -> tuple[drift.Drift, tuple[str, ...]]:
    """Compare the scored rows, and what the endpoint was asked; the violations of both are the outcome.

    With it go the requests to the endpoint that could not be read.
    """
    where = Address.parse(prepared["statistics"])
    baseline = profile.from_statistics(objects.read_json(where), source=str(where))
    names = tuple(prepared["partition"]["features"])
    found = drift.compare(_scored(objects, prepared, names, baseline), baseline, _limits(model))
    if not model.endpoint.capture_percent:
        return found, ()
    asked = _asked(model, objects, base, prepared["partition"]["ds"][:10], names)
    if not asked.columns[PREDICTION]:
        return found, asked.unread
    live = drift.compare(_profile(asked.columns, baseline), baseline, _limits(model))
    home = base / "monitor" / f"ds={prepared['partition']['ds']}"
    objects.write_json(home / "endpoint_drift.json", live.to_json() | {"unread": len(asked.unread)})
    violations = (*found.violations, *live.violations)
    return drift.Drift(rows=found.rows, shifts=found.shifts, violations=violations), asked.unread


def _scored(objects: Objects, prepared: dict[str, Any], names: Sequence[str], baseline: Profile) -> Profile:
    """Profile the day's rows, with the predictions where the baseline has them."""
    facts = prepared["partition"]
    columns = Rows.parse(objects.read(Address.parse(prepared["source"])), prepared["source"]).columns(names)
    if PREDICTION in baseline.features and PREDICTION not in names:
        scores = Address.parse(facts["root"]) / f"ds={facts['ds']}" / SCORES
        answers = Rows.parse(objects.read(scores), str(scores)).columns((PREDICTION,))[PREDICTION]
        columns[PREDICTION] = [plain(each) for each in answers]
    return _profile(columns, baseline)


def _asked(
    model: spec.Model, objects: Objects, base: Address, day: str, names: Sequence[str]
) -> capture.Captured:
    """Return what the endpoint was asked and answered on a day (UTC), by column."""
    start = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    hours = capture.prefixes(
        base / "capture", model.endpoint_name, "AllTraffic", start, start + dt.timedelta(days=1)
    )
    files = (
        (str(entry.address), objects.read(entry.address).decode())
        for hour in hours
        for entry in objects.list(hour)
    )
    found = capture.read(files, names, PREDICTION)
    answers = [plain(each) for each in found.columns[PREDICTION]]
    return capture.Captured(columns={**found.columns, PREDICTION: answers}, unread=found.unread)


def _profile(columns: Mapping[str, Sequence[str]], baseline: Profile) -> Profile:
    text = [n for n, each in baseline.features.items() if isinstance(each, profile.Categorical)]
    kept = {name: each for name, each in columns.items() if name != PREDICTION or name in baseline.features}
    return profile.profile(kept, text=text)


def _limits(model: spec.Model) -> drift.Limits:
    wanted = model.monitor
    return drift.Limits(psi=wanted.psi, js=wanted.js, alpha=wanted.alpha, min_rows=wanted.min_rows)


def _know(objects: Objects, home: Address, facts: Mapping[str, Any]) -> bool:
    """Whether the same was told of the same champion: on this day, or the last before it that was watched.

    What was told before gets a mark on this day as well, so that the next looks no further back.
    """
    if _is_told(objects, home, facts):
        return True
    before = _before(objects, home)
    if before is None or not _is_told(objects, before, facts):
        return False
    objects.write_json(home / told.DRIFT, facts)
    return True


def _is_told(objects: Objects, home: Address, facts: Mapping[str, Any]) -> bool:
    said = told.read(objects, home / told.DRIFT)
    return said.get("version") == facts["version"] and set(facts["drifted"]) <= set(said["drifted"])


def _before(objects: Objects, home: Address) -> Address | None:
    """Return the last watched day before this one, however long ago; None: this is the first."""
    found = None
    for entry in objects.list(Address(home.bucket, home.key.removesuffix(home.name))):
        day = Address(home.bucket, entry.address.key.rpartition("/")[0])
        if day.key >= home.key:
            break
        if entry.address.name == _REPORT:
            found = day
    return found
