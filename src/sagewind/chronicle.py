"""A model's life as it can be read afterwards: its champions, the drift that was found, how good it was.

Made of what is kept anyway: approvals in the registry, and the reports under `<model>/monitor/ds=…/`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from sagewind.approvals import timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
                reign.start.isoformat(timespec="minutes"),
                f"version {reign.champion}" if reign.champion else "nobody",
            )
            for reign in self.reigns
        ]
        drifting: tuple[str, ...] = ()
        for each in self.days:
            if each.drifted and not set(each.drifted) <= set(drifting):
                found = f"drift of {', '.join(each.drifted)} (scored by version {each.version})"
                events.append((each.day.isoformat(), found))
            drifting = each.drifted
        for moment, what in sorted(events):
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


_LEFT, _WIDTH, _TOP, _LANE, _PLOT, _GAP = 96, 860, 34, 30, 120, 26
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#444}.a{fill:#2f5f97}.b{fill:#5a86b8}.t{fill:#fff}"
    ".d{fill:#c2452d}.q{fill:none;stroke:#2f7d4f;stroke-width:1.8}.g{stroke:#8884;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}}"
)


def picture(chronicle: Chronicle, *, metric: str) -> str:
    """Return the chronicle as an SVG file: champions, the metric of each day, and its drifted columns.

    Raises:
        ValueError: there is no day to draw.

    """
    if not chronicle.days:
        raise ValueError(f"model {chronicle.model}: no day has been watched yet")
    first = chronicle.days[0].day
    count = (chronicle.days[-1].day - first).days + 1
    step = _WIDTH / count

    def at(day: dt.date) -> float:
        return _LEFT + min(count, max(0, (day - first).days)) * step

    parts = [_text(_LEFT, 16, f"{chronicle.model}: champion, {metric} of each day, and drifted columns")]
    parts += _mondays(first, count, step)
    parts += _champions(chronicle.reigns, at, _LEFT + _WIDTH)
    top = _TOP + _LANE + _GAP
    parts += _quality(chronicle.days, metric, at, step, top)
    parts += _drift(chronicle.days, at, step, top + _PLOT + _GAP)
    height = top + _PLOT + _GAP + _LANE + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" role="img">'
        f"<title>{escape(chronicle.model)}: champions, quality and drift</title><style>{STYLE}</style>"
        f"{''.join(parts)}</svg>\n"
    )


def _mondays(first: dt.date, count: int, step: float) -> list[str]:
    bottom = _TOP + _LANE + _GAP + _PLOT + _GAP + _LANE + 6
    parts = []
    for place in range(count):
        day = first + dt.timedelta(days=place)
        if day.weekday() == 0:
            x = _LEFT + place * step
            parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{bottom}" class="g"/>')
            parts.append(_text(x + 2, bottom + 12, f"{day:%d %b}"))
    return parts


def _champions(reigns: Sequence[Reign], at: Any, right: float) -> list[str]:
    parts = [_text(_LEFT - 8, _TOP + 19, "champion", anchor="end")]
    ends = [*(at(each.start.date()) for each in reigns[1:]), right]
    for place, (reign, end) in enumerate(zip(reigns, ends, strict=True)):
        x = at(reign.start.date())
        if reign.champion is None or end <= x:
            continue
        shade = "ab"[place % 2]
        parts.append(
            f'<rect x="{x:.1f}" y="{_TOP}" width="{end - x:.1f}" height="{_LANE}" class="{shade}"/>'
            f'<text x="{(x + end) / 2:.1f}" y="{_TOP + 19}" text-anchor="middle" class="t">'
            f"{reign.champion}</text>"
        )
    return parts


def _quality(days: Sequence[Day], metric: str, at: Any, step: float, top: float) -> list[str]:
    known = [(at(each.day) + step / 2, each.metrics[metric]) for each in days if metric in each.metrics]
    parts = [_text(_LEFT - 8, top + _PLOT / 2, metric, anchor="end")]
    if not known:
        return parts
    low, high = min(value for _, value in known), max(value for _, value in known)
    scale = _PLOT / ((high - low) or 1)
    points = " ".join(f"{x:.1f},{top + _PLOT - (value - low) * scale:.1f}" for x, value in known)
    return [
        *parts,
        _text(_LEFT - 8, top + 10, f"{high:.4g}", anchor="end"),
        _text(_LEFT - 8, top + _PLOT, f"{low:.4g}", anchor="end"),
        f'<polyline points="{points}" class="q"/>',
    ]


def _drift(days: Sequence[Day], at: Any, step: float, top: float) -> list[str]:
    most = max((len(each.drifted) for each in days), default=0) or 1
    parts = [_text(_LEFT - 8, top + 19, "drifted", anchor="end")]
    for each in days:
        height = _LANE * len(each.drifted) / most
        if height:
            parts.append(
                f'<rect x="{at(each.day) + 1:.1f}" y="{top + _LANE - height:.1f}" '
                f'width="{max(1, step - 2):.1f}" height="{height:.1f}" class="d">'
                f"<title>{each.day}: {escape(', '.join(each.drifted))}</title></rect>"
            )
    return parts


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
