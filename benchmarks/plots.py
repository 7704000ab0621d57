"""Figures as SVG bars, written by hand: one panel for each column, a bar for each contender."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.figures import Figures

FOLDER = "plots"
_WIDTH, _LABEL, _BAR, _GAP, _HEAD = 760, 300, 16, 4, 26
_OURS, _THEIRS = "#1f77b4", "#b0b7bf"


def write(part: Figures, folder: Path) -> None:
    """Write `<folder>/plots/<key>.svg`."""
    lines: list[str] = []
    top = 8
    for column in part.columns:
        values = [(name, value) for name in part.samples if (value := part.median(name, column)) is not None]
        lines.append(_text(8, top + 16, f"{column} ({part.unit})", weight="bold"))
        top += _HEAD
        longest = max(value for _, value in values) or 1
        for name, value in values:
            lines += _bar(top, name, value, value / longest)
            top += _BAR + _GAP
        top += 10
    (folder / FOLDER).mkdir(exist_ok=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" '
    body = f'font-family="sans-serif" font-size="12"><rect width="{_WIDTH}" height="{top}" fill="white"/>'
    (folder / FOLDER / f"{part.key}.svg").write_text(head + body + "\n" + "\n".join(lines) + "\n</svg>\n")


def _bar(top: int, name: str, value: float, share: float) -> list[str]:
    colour = _OURS if name.startswith("sage") else _THEIRS
    width = max(1.0, share * (_WIDTH - _LABEL - 80))
    return [
        _text(_LABEL - 6, top + 12, name, anchor="end"),
        f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
        _text(_LABEL + width + 5, top + 12, f"{value:,.0f}" if value >= 100 else f"{value:.3g}"),
    ]


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f"<text {place}>{escape(text)}</text>"
