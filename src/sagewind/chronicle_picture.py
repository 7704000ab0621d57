"""A model's chronicle as a picture: its champions, how good it was on each day, which columns had drifted.

A self-contained SVG, which follows the reader's light or dark page; each bar and point says what it is when
the pointer rests on it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sagewind.charts import ticks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sagewind import spec
    from sagewind.chronicle import Chronicle, Day

_LEFT, _WIDTH, _RIGHT = 96, 880, 24
_CHAMPIONS, _QUALITY, _DRIFT, _WEEKS = 44, 104, 292, 344
"""Where each lane begins, from the top."""
_LANE, _PLOT, _HEIGHT = 30, 160, 366
_LETTER = 8
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#4a5563}.h{font-size:15px;font-weight:600;fill:#1b2430}"
    ".a{fill:#2f5f97}.b{fill:#5a86b8}.t{fill:#fff;font-weight:600}.d{fill:#c2452d}.f{fill:#c2452d1c}"
    ".q{fill:none;stroke:#1b7a43;stroke-width:1.8}.p{fill:#1b7a43}.g{stroke:#8883;fill:none}"
    ".l{stroke:#c2452d;stroke-width:1.2;stroke-dasharray:5 4;fill:none}"
    "@media(prefers-color-scheme:dark){text{fill:#aab6c3}.h{fill:#e6ebf1}.q{stroke:#6fcf97}.p{fill:#6fcf97}}"
)


def picture(chronicle: Chronicle, *, metric: str, limits: Mapping[str, float] | None = None) -> str:
    """Return the chronicle as an SVG file; `limits` are lines across the metric: what each says, and where.

    Raises:
        ValueError: there is no day to draw.

    """
    if not chronicle.days:
        raise ValueError(f"model {chronicle.model}: no day has been watched yet")
    drawing = _Drawing(chronicle=chronicle, metric=metric, limits=limits or {})
    title = escape(chronicle.model)
    box = f"0 0 {_LEFT + _WIDTH + _RIGHT} {_HEIGHT}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img">'
        f"<title>{title}: champions, quality and drift</title><style>{STYLE}</style>"
        f"{''.join(drawing.parts())}</svg>\n"
    )


def limits(model: spec.Model, metric: str) -> dict[str, float]:
    """Return the gate's bounds of a metric, by what the picture says of them."""
    rule = model.gate.thresholds.get(metric)
    bounds = {"at least": rule.at_least, "at most": rule.at_most} if rule else {}
    return {f"gate: {how} {bound:g}": bound for how, bound in bounds.items() if bound is not None}


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    chronicle: Chronicle
    metric: str
    limits: Mapping[str, float]

    @property
    def first(self) -> dt.date:
        return self.chronicle.days[0].day

    @property
    def count(self) -> int:
        return (self.chronicle.days[-1].day - self.first).days + 1

    def x(self, day: dt.date) -> float:
        """Return where a day begins; days outside begin at the edge."""
        return _LEFT + _WIDTH * min(self.count, max(0, (day - self.first).days)) / self.count

    @property
    def step(self) -> float:
        return _WIDTH / self.count

    def parts(self) -> Iterator[str]:
        last = self.chronicle.days[-1].day
        told = f"{self.chronicle.model}, {self.first:%d %B %Y} to {last:%d %B %Y}"
        yield f'<text x="{_LEFT}" y="22" class="h">{escape(told)}</text>'
        yield from self._weeks()
        yield from self._found()
        yield from self._champions()
        yield from self._quality()
        yield from self._drift()

    def _weeks(self) -> Iterator[str]:
        """Draw a line at each Monday, and write the date where there is room."""
        every = max(1, round(50 / (7 * self.step)))
        mondays = (self.first + dt.timedelta(days=n) for n in range(self.count))
        for number, day in enumerate(each for each in mondays if each.weekday() == 0):
            yield f'<path d="M{self.x(day):.1f} {_CHAMPIONS - 6}V{_WEEKS - 14}" class="g"/>'
            if number % every == 0:
                yield _text(self.x(day), _WEEKS + 4, f"{day:%d %b}")

    def _found(self) -> Iterator[str]:
        """Mark the day on which a drift was found, across all lanes."""
        before: frozenset[str] = frozenset()
        for each in self.chronicle.days:
            drifted = frozenset(each.drifted)
            if drifted and not before:
                yield (
                    f'<rect x="{self.x(each.day):.1f}" y="{_CHAMPIONS - 6}" width="{self.step:.1f}" '
                    f'height="{_WEEKS - _CHAMPIONS - 8}" class="f"/>'
                )
            before = drifted

    def _champions(self) -> Iterator[str]:
        yield _label(_CHAMPIONS + 19, "champion")
        reigns = self.chronicle.reigns
        ends = [*(self.x(each.start.date()) for each in reigns[1:]), float(_LEFT + _WIDTH)]
        shades = itertools.cycle("ab")
        for reign, end in zip(reigns, ends, strict=True):
            x = self.x(reign.start.date())
            if reign.champion is None or end <= x:
                continue
            number, shade = str(reign.champion), next(shades)
            yield (
                f'<rect x="{x:.1f}" y="{_CHAMPIONS}" width="{end - x:.1f}" height="{_LANE}" class="{shade}">'
                f"<title>version {number} from {reign.start:%Y-%m-%d %H:%M}</title></rect>"
            )
            if end - x > _LETTER * (len(number) + 1):
                middle = f'x="{(x + end) / 2:.1f}" y="{_CHAMPIONS + 19}" text-anchor="middle"'
                yield f'<text {middle} class="t">{number}</text>'

    def _quality(self) -> Iterator[str]:
        yield _label(_QUALITY - 12, self.metric)
        known = [
            (each, each.metrics[self.metric]) for each in self.chronicle.days if self.metric in each.metrics
        ]
        if not known:
            yield _text(_LEFT + 8, _QUALITY + _PLOT / 2, "no truth has come yet")
            return
        values = [*(value for _, value in known), *self.limits.values()]
        marks = ticks(min(values), max(values))
        scale = _PLOT / (marks[-1] - marks[0])

        def y(value: float) -> float:
            return _QUALITY + _PLOT - (value - marks[0]) * scale

        for mark in marks:
            yield f'<path d="M{_LEFT} {y(mark):.1f}H{_LEFT + _WIDTH}" class="g"/>'
            yield _label(y(mark) + 4, f"{mark:g}")
        for says, limit in self.limits.items():
            yield f'<path d="M{_LEFT} {y(limit):.1f}H{_LEFT + _WIDTH}" class="l"/>'
            yield _text(_LEFT + 4, y(limit) - 4, says)
        points = [(self.x(day.day) + self.step / 2, y(value), day, value) for day, value in known]
        yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in points)}" class="q"/>'
        yield from (self._point(*point) for point in points)

    def _point(self, x: float, y: float, day: Day, value: float) -> str:
        told = f"{day.day}, version {day.version}: {self.metric} {value:.4g}"
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" class="p"><title>{escape(told)}</title></circle>'

    def _drift(self) -> Iterator[str]:
        yield _label(_DRIFT + 19, "drifted")
        most = max((len(each.drifted) for each in self.chronicle.days), default=0) or 1
        wide = max(1.0, self.step - min(2.0, self.step / 4))
        for each in self.chronicle.days:
            height = _LANE * len(each.drifted) / most
            if height:
                told = escape(f"{each.day}: {', '.join(each.drifted)}")
                yield (
                    f'<rect x="{self.x(each.day):.1f}" y="{_DRIFT + _LANE - height:.1f}" width="{wide:.1f}" '
                    f'height="{height:.1f}" class="d"><title>{told}</title></rect>'
                )


def _label(y: float, text: str) -> str:
    return f'<text x="{_LEFT - 8}" y="{y:.1f}" text-anchor="end">{escape(text)}</text>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
