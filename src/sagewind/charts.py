"""Small charts as inline SVG, drawn by hand: a page of a few charts needs no plotting library.

Every text goes through `escape`; colours are CSS variables of the page, so that the charts follow light
and dark. Each chart has a title that screen readers say.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROW = 22
_LABEL = 160
_BAR = 300
_CELL = 62
_PLOT = 320
_BUCKETS = 20
_MOST_POINTS = 1000


def bars(values: Mapping[str, float], *, title: str, most: int = 20) -> str:
    """Return horizontal bars, the longest first, at most `most`; negative values point left of zero."""
    shown = sorted(values.items(), key=lambda each: -abs(each[1]))[:most]
    low, high = min([0.0, *(v for _, v in shown)]), max([0.0, *(v for _, v in shown)])
    scale = _BAR / ((high - low) or 1)
    zero = _LABEL + 8 - low * scale
    parts = []
    for place, (name, value) in enumerate(shown):
        y = place * _ROW
        x, width = (zero, value * scale) if value >= 0 else (zero + value * scale, -value * scale)
        parts += [
            _text(_LABEL, y + 15, _short(name), anchor="end"),
            f'<rect x="{x:.1f}" y="{y + 3}" width="{max(width, 1):.1f}" height="{_ROW - 6}" class="bar"/>',
            _text(max(x + width, zero) + 6, y + 15, f"{value:.4g}"),
        ]
    return _svg(parts, _LABEL + _BAR + 80, max(1, len(shown)) * _ROW, title)


def matrix(counts: Mapping[str, Mapping[str, int]], *, title: str) -> str:
    """Return a confusion matrix: truth in rows, prediction in columns, darker for more of its row."""
    names = sorted({*counts, *(name for row in counts.values() for name in row)})
    left, top = 110, 46
    parts = [_text(left, 14, "prediction →"), _text(left - 8, top - 8, "truth ↓", anchor="end")]
    for place, name in enumerate(names):
        parts.append(_text(left + place * _CELL + _CELL / 2, top - 8, _short(name, 10), anchor="middle"))
        parts.append(_text(left - 8, top + place * _CELL + _CELL / 2 + 4, _short(name, 14), anchor="end"))
        parts += _matrix_row(counts.get(name, {}), names, left, top + place * _CELL)
    side = len(names) * _CELL
    return _svg(parts, left + side + 10, top + side + 10, title)


def _matrix_row(row: Mapping[str, int], names: Sequence[str], left: float, y: float) -> list[str]:
    total = sum(row.values()) or 1
    parts = []
    for place, name in enumerate(names):
        count = int(row.get(name, 0))
        x, share = left + place * _CELL, count / total
        parts.append(
            f'<rect x="{x}" y="{y}" width="{_CELL - 2}" height="{_CELL - 2}" class="cell" '
            f'fill-opacity="{0.06 + 0.8 * share:.3f}"/>'
        )
        parts.append(_text(x + _CELL / 2 - 1, y + _CELL / 2 + 4, str(count), anchor="middle"))
    return parts


def residuals(truth: Sequence[float], predicted: Sequence[float], *, title: str) -> str:
    """Return prediction against truth, and the line where they are equal; at most 1000 points."""
    step = max(1, math.ceil(len(truth) / _MOST_POINTS))
    points = list(zip(truth, predicted, strict=True))[::step]
    both = [value for point in points for value in point]
    marks = ticks(min(both, default=0.0), max(both, default=1.0))
    low, scale = marks[0], _PLOT / (marks[-1] - marks[0])
    left, bottom = 64, _PLOT + 10

    def x(value: float) -> float:
        return left + (value - low) * scale

    def y(value: float) -> float:
        return bottom - (value - low) * scale

    parts = []
    for mark in marks:
        parts += [
            f'<path d="M{x(mark):.1f} 10V{bottom}M{left} {y(mark):.1f}H{left + _PLOT}" class="grid"/>',
            _text(x(mark), bottom + 17, f"{mark:g}", anchor="middle"),
            _text(left - 7, y(mark) + 4, f"{mark:g}", anchor="end"),
        ]
    parts += [
        f'<line x1="{left}" y1="{bottom}" x2="{left + _PLOT}" y2="10" class="line"/>',
        _text(left + _PLOT / 2, bottom + 36, "truth", anchor="middle"),
        f'<g transform="translate(14 {10 + _PLOT / 2}) rotate(-90)">',
        _text(0, 0, "prediction", anchor="middle") + "</g>",
    ]
    parts += [f'<circle cx="{x(t):.1f}" cy="{y(p):.1f}" r="2.5"/>' for t, p in points]
    return _svg(parts, left + _PLOT + 20, bottom + 42, title)


def spread(values: Sequence[float], *, title: str, says: str) -> str:
    """Return a histogram of values that should lie around zero, with a line there; `says` names the axis."""
    marks = ticks(min([0.0, *values]), max([0.0, *values]))
    low, high = marks[0], marks[-1]
    counts = [0] * _BUCKETS
    for value in values:
        counts[min(_BUCKETS - 1, int((value - low) / (high - low) * _BUCKETS))] += 1
    left, bottom, wide, tall = 40, 170, _PLOT / _BUCKETS, 150 / (max(counts) or 1)
    scale = _PLOT / (high - low)
    parts = [
        f'<rect x="{left + place * wide + 1:.1f}" y="{bottom - count * tall:.1f}" width="{wide - 2:.1f}" '
        f'height="{count * tall:.1f}" class="bar"/>'
        for place, count in enumerate(counts)
    ]
    zero = left - low * scale
    parts += [
        f'<path d="M{left} {bottom}H{left + _PLOT}" class="line"/>',
        f'<path d="M{zero:.1f} 10V{bottom}" class="line"/>',
        _text(left - 7, 24, str(max(counts)), anchor="end"),
        _text(left - 7, bottom, "0", anchor="end"),
        _text(left + _PLOT / 2, bottom + 36, says, anchor="middle"),
    ]
    parts += [_text(left + (m - low) * scale, bottom + 17, f"{m:g}", anchor="middle") for m in marks]
    return _svg(parts, left + _PLOT + 20, bottom + 42, title)


def ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return round numbers, evenly apart, from at or below `low` to at or above `high`: two at least."""
    wide = (high - low) or abs(high) or 1.0
    power = 10 ** math.floor(math.log10(wide / most))
    step = next(power * each for each in (1, 2, 2.5, 5, 10, 20) if wide / (power * each) <= most)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [float(f"{step * place:.12g}") for place in range(first, max(last, first + 1) + 1)]


def histogram(buckets: Sequence[float], *, title: str) -> str:
    """Return a small histogram of counts, for one row of a table."""
    top = max(buckets, default=0.0) or 1
    width = 100 / max(1, len(buckets))
    parts = [
        f'<rect x="{place * width:.1f}" y="{24 - 24 * count / top:.1f}" width="{max(1.0, width - 1):.1f}" '
        f'height="{24 * count / top:.1f}" class="bar"/>'
        for place, count in enumerate(buckets)
    ]
    return _svg(parts, 100, 24, title)


def _svg(parts: Sequence[str], width: float, height: float, title: str) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _short(text: str, longest: int = 22) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
