"""Has the data moved? Each column of a batch against the baseline that training left.

Numeric columns by the population stability index (how much) and the Kolmogorov-Smirnov test (is it
chance); text columns by the Jensen-Shannon distance and the chi-squared test, with a binomial test of what is
too rare for that. A column has drifted when both its measure and its test say so: a measure alone cries wolf
on small batches, a test alone on large ones. The significance level is divided by the number of columns, so
that more columns do not mean more false alarms.

The outcome is also given as Model Monitor's `constraint_violations.json`, with its checks of type,
completeness, and columns that are missing or new. Predictions are compared like any other column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from sagewind.profile import OTHER, Categorical, Numeric, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewind.profile import Feature, Floats

_FLOOR = 1e-4
"""The least share of a bin, so that an empty one does not make the index infinite."""
_FEW = 5
_SURE = 1e-6
"""How improbable it is that a baseline does not list a value that is compared by its name."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a column has drifted; a PSI over 0.2 is usually called large, `alpha` is for all columns."""

    psi: float = 0.2
    js: float = 0.1
    alpha: float = 0.001
    bins: int = 10
    min_rows: int = 20
    """Batches with fewer values of a column say nothing about it."""
    completeness: float = 0.05
    """How much the share of values present may fall, when that is no chance by `alpha`."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """One column's comparison: `measure` (PSI or JS distance) against `limit`, and the test's p-value."""

    name: str
    kind: str
    """`numeric` or `categorical`."""
    measure: float
    limit: float
    statistic: float
    """The KS distance, or chi-squared."""
    p_value: float
    drifted: bool
    rows: int


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One entry of `constraint_violations.json`."""

    feature: str
    check: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A batch against its baseline."""

    rows: int
    shifts: tuple[Shift, ...]
    violations: tuple[Violation, ...]

    @property
    def found(self) -> bool:
        """Whether any column drifted, in its distribution or its schema."""
        return bool(self.violations)

    @property
    def drifted(self) -> tuple[str, ...]:
        """The columns that have a violation, each once."""
        return tuple(dict.fromkeys(each.feature for each in self.violations))

    def to_violations(self) -> dict[str, Any]:
        """Return Model Monitor's `constraint_violations.json`."""
        return {
            "violations": [
                {"feature_name": v.feature, "constraint_check_type": v.check, "description": v.description}
                for v in self.violations
            ]
        }

    def to_json(self) -> dict[str, Any]:
        """Return every column's numbers as plain JSON values."""
        return {"rows": self.rows, "found": self.found, "columns": [vars(each) for each in self.shifts]}


def compare(batch: Profile, baseline: Profile, limits: Limits | None = None) -> Drift:
    """Compare a batch with the baseline, column by column."""
    limits = limits or Limits()
    common = [name for name in baseline.features if name in batch.features]
    alpha = limits.alpha / max(1, len(common))
    shifts: list[Shift] = []
    violations = _columns_violated(batch, baseline)
    for name in common:
        now, then = batch.features[name], baseline.features[name]
        violations += _schema_violated(now, then, limits, alpha)
        shift = _shift(now, then, limits, alpha)
        if shift is not None:
            shifts.append(shift)
            violations += _distribution_violated(shift)
    return Drift(rows=batch.rows, shifts=tuple(shifts), violations=tuple(violations))


def _columns_violated(batch: Profile, baseline: Profile) -> list[Violation]:
    gone = [name for name in baseline.features if name not in batch.features]
    extra = [name for name in batch.features if name not in baseline.features]
    return [
        *(_violation(name, "missing_column_check", "not in the batch") for name in gone),
        *(_violation(name, "extra_column_check", "not in the baseline") for name in extra),
    ]


def _violation(feature: str, check: str, description: str) -> Violation:
    return Violation(feature=feature, check=check, description=description)


def _schema_violated(now: Feature, then: Feature, limits: Limits, alpha: float) -> list[Violation]:
    found = []
    if then.completeness - now.completeness > limits.completeness and more_missing(now, then) < alpha:
        text = f"{now.completeness:.1%} of the rows have a value; the baseline has {then.completeness:.1%}"
        found.append(_violation(now.name, "completeness_check", text))
    if now.present and isinstance(then, Numeric) and isinstance(now, Categorical):
        odd = ", ".join(sorted(now.counts)[:3])
        text = f"the baseline is numeric; the batch is not: {odd}"
        found.append(_violation(now.name, "data_type_check", text))
    return found


def _distribution_violated(shift: Shift) -> list[Violation]:
    if not shift.drifted:
        return []
    measure, test = ("PSI", "KS") if shift.kind == "numeric" else ("JS distance", "chi-squared")
    text = (
        f"{measure} {shift.measure:.4g} exceeds {shift.limit:g}; {test} {shift.statistic:.4g}, "
        f"p = {shift.p_value:.3g}, {shift.rows} rows"
    )
    return [_violation(shift.name, "baseline_drift_check", text)]


def _shift(now: Feature, then: Feature, limits: Limits, alpha: float) -> Shift | None:
    """Compare one column; None where there is too little of it or the kinds differ."""
    if min(now.present, then.present) < limits.min_rows:
        return None
    if isinstance(now, Numeric) and isinstance(then, Numeric):
        measure, limit = psi(now, then, limits.bins), limits.psi
        statistic, p_value = kolmogorov_smirnov(now, then)
        kind = "numeric"
    elif isinstance(then, Categorical):
        new, old = _aligned(_as_counts(now), then)
        measure, limit = jensen_shannon(new, old), limits.js
        statistic, spread = chi_squared(new, old)
        p_value = min(1.0, 2 * min(spread, burst(new, old)))  # of two tests
        kind = "categorical"
    else:
        return None
    return Shift(
        name=now.name,
        kind=kind,
        measure=measure,
        limit=limit,
        statistic=statistic,
        p_value=p_value,
        drifted=measure > limit and p_value < alpha,
        rows=now.present,
    )


def _as_counts(feature: Feature) -> dict[str, int]:
    """Return the counts of a text column, or of a column of numbers whose baseline is text."""
    if isinstance(feature, Categorical):
        return dict(feature.counts)
    pairs = zip(feature.values, feature.weights, strict=True)
    counts: dict[str, int] = {}
    for value, weight in pairs:
        counts[f"{value:g}"] = counts.get(f"{value:g}", 0) + int(weight)
    return counts


def _aligned(now: dict[str, int], then: Categorical) -> tuple[Floats, Floats]:
    """Return both counts over the same categories; the last is `other` where the baseline is cut.

    Of a baseline that is cut only such values are compared that it would list whatever chance does, given how
    often they occur in both: those that it lists by chance are too frequent in it, and those that it does not
    list too rare. A value that is not listed occurs in it at most as often as the rarest that is.
    """
    if not then.is_cut:
        return _over(sorted(now.keys() | then.counts.keys()), now, then.counts)
    listed = {name: count for name, count in then.counts.items() if name != OTHER}
    names = sorted((now.keys() | listed.keys()) - {OTHER})
    least = min(listed.values(), default=sum(then.counts.values()))
    new, old = _over(names, now, dict.fromkeys(names, least) | listed)
    rows, before = sum(now.values()), sum(then.counts.values())
    unlisted = special.betainc(new + old - least, least + 1, rows / (rows + before))  # a binomial tail
    sure = (new + old > least) & (unlisted < _SURE)
    new, old = new[sure], old[sure]
    return np.append(new, rows - new.sum()), np.append(old, max(0.0, before - old.sum()))


def _over(names: list[str], now: Mapping[str, int], then: Mapping[str, int]) -> tuple[Floats, Floats]:
    new, old = ([float(counts.get(name, 0)) for name in names] for counts in (now, then))
    return np.array(new), np.array(old)


def more_missing(now: Feature, then: Feature) -> float:
    """Return how probable it is that as many values are missing by chance: a binomial test, one-sided.

    The baseline's share is taken as (missing + 1) / (rows + 2), so that it is never nothing (Laplace's rule).
    """
    share = (then.missing + 1) / (then.present + then.missing + 2)
    return float(special.betainc(now.missing, now.present + 1, share)) if now.missing else 1.0


def psi(now: Numeric, then: Numeric, bins: int = 10) -> float:
    """Return the population stability index over the baseline's quantile bins (natural logarithm)."""
    cumulative = np.cumsum(then.weights) / then.weights.sum()
    places = np.searchsorted(cumulative, np.linspace(0, 1, bins + 1)[1:-1])
    inner = np.unique(then.values[np.minimum(places, len(then.values) - 1)])
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    new, old = (_shares(each, edges) for each in (now, then))
    return float(np.sum((new - old) * np.log(new / old)))


def _shares(feature: Numeric, edges: Floats) -> Floats:
    """Return each bin's share; a value on an edge belongs to the bin below it, so that ties stay together."""
    places = np.searchsorted(edges, feature.values, side="left") - 1
    counts = np.bincount(np.maximum(places, 0), weights=feature.weights, minlength=len(edges) - 1)
    shares: Floats = np.maximum(counts / feature.weights.sum(), _FLOOR)
    return shares


def kolmogorov_smirnov(now: Numeric, then: Numeric) -> tuple[float, float]:
    """Return the largest distance of the two distribution functions and its asymptotic p-value."""
    points = np.union1d(now.values, then.values)
    distance = float(np.max(np.abs(_ecdf(now, points) - _ecdf(then, points))))
    effective = now.present * then.present / (now.present + then.present)
    return distance, float(special.kolmogorov(np.sqrt(effective) * distance))


def _ecdf(feature: Numeric, points: Floats) -> Floats:
    cumulative = np.concatenate([[0.0], np.cumsum(feature.weights)])
    reached: Floats = cumulative[np.searchsorted(feature.values, points, side="right")]
    shares: Floats = reached / feature.weights.sum()
    return shares


def jensen_shannon(now: Floats, then: Floats) -> float:
    """Return the Jensen-Shannon distance of two counts over the same categories, from 0 to 1."""
    new, old = now / now.sum(), then / then.sum()
    middle = (new + old) / 2
    divergence = (special.rel_entr(new, middle).sum() + special.rel_entr(old, middle).sum()) / 2
    return float(np.sqrt(max(0.0, divergence / np.log(2))))


def chi_squared(now: Floats, then: Floats) -> tuple[float, float]:
    """Return Pearson's statistic of the 2 x k table of two counts, and its p-value.

    Categories of which fewer than five are expected are taken together with their neighbours until five are,
    as the test's approximation asks.
    """
    table = _pooled(np.stack([now, then]))
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(special.chdtrc(max(1, table.shape[1] - 1), statistic))


def _pooled(table: Floats) -> Floats:
    """Return a table in which at least five are expected in every cell, if there are as many rows."""
    table = table[:, table.sum(axis=0) > 0]
    few = _expected(table)
    rare = few < _FEW
    # Each group is the rare ones of a stretch of ten, of which those on its border take less than five.
    stretch = (np.cumsum(few[rare]) // (2 * _FEW)).astype(int)
    groups = int(few[rare].sum() // (2 * _FEW))
    pooled = [table[:, rare][:, np.minimum(stretch, max(0, groups - 1)) == i] for i in range(max(1, groups))]
    table = np.concatenate([table[:, ~rare], *(group.sum(axis=1, keepdims=True) for group in pooled)], axis=1)
    few = _expected(table)
    if few[-1] >= _FEW or table.shape[1] == 1:
        return table
    # What is rare even together is put to the rarest of the others.
    beside = int(np.argmin(few[:-1]))
    table[:, beside] += table[:, -1]
    return table[:, :-1]


def _expected(table: Floats) -> Floats:
    """Return how many of each category are expected in the smaller of the two."""
    few: Floats = table.sum(axis=0) * np.min(table.sum(axis=1)) / table.sum()
    return few


def burst(now: Floats, then: Floats) -> float:
    """Return how probable it is that chance makes some rare category as frequent as it is in the batch.

    A binomial test of each category that `chi_squared` does not look at alone, given how often it occurs in
    both; multiplied by how many these are (Bonferroni's rule).
    """
    table = np.stack([now, then])
    rare = (_expected(table) < _FEW) & (table.sum(axis=0) > 0)
    there = rare & (now > 0)
    chances = special.betainc(now[there], then[there] + 1, now.sum() / table.sum())
    return min(1.0, float(rare.sum() * chances.min())) if len(chances) else 1.0
