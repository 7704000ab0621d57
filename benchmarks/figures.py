"""What a benchmark measures: samples of contenders in columns, taken in interleaved rounds.

Absolute figures move with the machine's load; so each round measures every contender, and what is compared is
the median over the rounds of the ratio within one round.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the figures are held to: in `column`, `contender` over `reference` is `sign` `bound`."""

    contender: str
    reference: str
    column: str
    sign: str
    """`≥` or `≤`."""
    bound: float
    says: str = ""

    def met(self, ratio: float) -> bool:
        """Tell whether a ratio meets it."""
        return ratio >= self.bound if self.sign == "≥" else ratio <= self.bound


@dataclass(kw_only=True)
class Figures:
    """The samples of one table."""

    key: str
    title: str
    unit: str
    reference: str
    """The contender that ratios are to."""
    notes: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Contender → why it was not measured."""
    is_plotted: bool = True

    def add(self, contender: str, column: str, value: float) -> None:
        """Add the sample of a round."""
        self.samples.setdefault(contender, {}).setdefault(column, []).append(value)

    @property
    def columns(self) -> list[str]:
        """Return the columns in the order in which they came."""
        return list(dict.fromkeys(column for row in self.samples.values() for column in row))

    def median(self, contender: str, column: str) -> float | None:
        """Return the median of a cell, or None when it has no sample."""
        values = self.samples.get(contender, {}).get(column)
        return statistics.median(values) if values else None

    def ratio(self, contender: str, reference: str, column: str) -> float | None:
        """Return the median of the rounds' ratios, or None when one of the cells is empty."""
        ours = self.samples.get(contender, {}).get(column, [])
        theirs = self.samples.get(reference, {}).get(column, [])
        pairs = [one / other for one, other in zip(ours, theirs, strict=False) if other]
        return statistics.median(pairs) if pairs else None
