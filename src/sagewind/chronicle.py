"""A model's life as it can be read afterwards: its champions, the drift that was found, how good it was.

Made of what is kept anyway: approvals in the registry, and the reports under `<model>/monitor/ds=…/`.
"""

from __future__ import annotations

import datetime as dt
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind.approvals import timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sagewind.approvals import Reign
    from sagewind.objects import Address, Objects
    from sagewind.registry import Version


@dataclass(frozen=True, kw_only=True)
class Day:
    """What was found on one day; `metrics` are empty while its truth has not come."""

    day: dt.date
    version: int
    """Who scored it, as watched last."""
    drifted: tuple[str, ...]
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Chronicle:
    """The champions of a model, the earliest first, and its days in order."""

    model: str
    reigns: tuple[Reign, ...]
    days: tuple[Day, ...]

    def lines(self) -> Iterator[str]:
        """Yield what happened, a line each: a champion's beginning, and the first day of a drift."""
        events = [
            (
                reign.start,
                reign.start.isoformat(timespec="minutes"),
                f"version {reign.champion}" if reign.champion else "nobody",
            )
            for reign in self.reigns
        ]
        drifting: tuple[str, ...] = ()
        for each in self.days:
            if each.drifted and not set(each.drifted) <= set(drifting):
                found = f"drift of {', '.join(each.drifted)} (scored by version {each.version})"
                midnight = dt.datetime.combine(each.day, dt.time(), dt.UTC)
                events.append((midnight, each.day.isoformat(), found))
            drifting = each.drifted
        for _, moment, what in sorted(events, key=operator.itemgetter(0)):
            yield f"{moment:<23} {what}"


def read(
    model: str, versions: Iterable[Version], objects: Objects, base: Address, *, newest: int | None = None
) -> Chronicle:
    """Read a model's chronicle; `base` is `s3://<bucket>/<model>`.

    With `newest` only so many watched days are read, the last ones.
    """
    found: dict[str, dict[str, Address]] = {}
    for entry in objects.list(base / "monitor/"):
        name = entry.address.name.removesuffix(".json")
        if name in ("drift", "quality"):
            day = entry.address.key.rpartition("/")[0].rpartition("ds=")[2][:10]
            found.setdefault(day, {})[name] = entry.address
    watched = sorted(day for day, files in found.items() if "drift" in files)
    first = 0 if newest is None else max(0, len(watched) - newest)
    told = {
        day: {name: objects.read_json(file) for name, file in found[day].items()} for day in watched[first:]
    }
    days = tuple(_day(day, reports) for day, reports in told.items())
    return Chronicle(model=model, reigns=timeline(versions), days=days)


def _day(day: str, told: dict[str, Any]) -> Day:
    drift = told["drift"]
    return Day(
        day=dt.date.fromisoformat(day),
        version=int(drift.get("version", 0)),
        drifted=tuple(drift.get("drifted", ())),
        metrics=told.get("quality", {}).get("metrics", {}),
    )
