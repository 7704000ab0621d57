"""What a table looks like: the statistics that training leaves as a baseline, in Model Monitor's own files.

`statistics.json` and `constraints.json` have the shape that Amazon SageMaker Model Monitor reads and
writes, so a baseline of ours feeds a monitoring schedule on AWS, and one of AWS's feeds the drift check
here. A numeric column keeps a sketch (its values, or every 2^n-th of them, each then counting for 2^n), a
text column its counts.

Source: SageMaker developer guide, "Schema for Statistics" and "Schema for Constraints".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewind.columns import NULLS
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SKETCH_SIZE = 2048
MOST_CATEGORIES = 5000
"""How many values of a text column the files list, `other` among them."""
OTHER = "other"
BUCKETS = 10


class ProfileError(SagewindError):
    """A table or a baseline cannot be profiled; the message names the column or the file."""


@dataclass(frozen=True, kw_only=True)
class Numeric:
    """A numeric column: weighted sorted values (`weights` sums to the number of values present)."""

    name: str
    present: int
    missing: int
    values: Floats
    weights: Floats
    integral: bool
    mean: float
    deviation: float

    @property
    def completeness(self) -> float:
        """The share of rows that have a value."""
        return self.present / max(1, self.present + self.missing)


@dataclass(frozen=True, kw_only=True)
class Categorical:
    """A text column: how often each value occurs, the most frequent first.

    One that was read from a file may be cut: it lists the most frequent of its `distinct` values, and how
    often all others occur together as `other`.
    """

    name: str
    present: int
    missing: int
    counts: Mapping[str, int]
    distinct: int

    @property
    def is_cut(self) -> bool:
        """Whether values are together under `other`, with one of that name if there is one."""
        return OTHER in self.counts and self.distinct > len(self.counts)

    @property
    def completeness(self) -> float:
        """The share of rows that have a value."""
        return self.present / max(1, self.present + self.missing)


Feature = Numeric | Categorical


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The columns of one table, in its order."""

    rows: int
    features: Mapping[str, Feature]


def profile(columns: Mapping[str, Sequence[str]], *, text: Sequence[str] = ()) -> Profile:
    """Profile columns of cells as text; a column is numeric when every cell is a finite number or missing.

    `text` names columns of numbers that are no quantities (a class coded 0, 1, 2).

    Raises:
        ProfileError: there is no column, or columns of different lengths.

    """
    lengths = {len(cells) for cells in columns.values()}
    if len(lengths) != 1:
        raise ProfileError(f"profile: expected columns of one length; got lengths {sorted(lengths)}")
    features = {name: _feature(name, cells, name in text) for name, cells in columns.items()}
    return Profile(rows=lengths.pop(), features=features)


def _feature(name: str, cells: Sequence[str], is_text: bool) -> Feature:
    present = [cell.strip() for cell in cells if cell.strip() not in NULLS]
    missing = len(cells) - len(present)
    numbers = None if is_text else _numbers(present)
    if numbers is None:
        counts = _counts(present)
        return Categorical(
            name=name, present=len(present), missing=missing, counts=counts, distinct=len(counts)
        )
    values, weights = _sketch(numbers)
    return Numeric(
        name=name,
        present=len(present),
        missing=missing,
        values=values,
        weights=weights,
        integral=bool(np.all(numbers == np.floor(numbers))),
        mean=float(numbers.mean()),
        deviation=float(numbers.std()),
    )


def _numbers(cells: Sequence[str]) -> Floats | None:
    """Return the cells as finite numbers, or None when one is not (or there is none)."""
    try:
        numbers = np.array([float(cell) for cell in cells], dtype=np.float64)
    except ValueError:
        return None
    return numbers if len(numbers) and bool(np.isfinite(numbers).all()) else None


def _counts(cells: Sequence[str]) -> dict[str, int]:
    names, times = np.unique(np.asarray(cells, dtype=str), return_counts=True)
    order = np.argsort(-times, kind="stable")
    return {str(names[i]): int(times[i]) for i in order}


def _listed(feature: Categorical) -> dict[str, int]:
    """Return the counts as the files have them: what is beyond the most frequent values is `other`."""
    if len(feature.counts) <= MOST_CATEGORIES:
        return dict(feature.counts)
    listed = dict(list(feature.counts.items())[: MOST_CATEGORIES - 1])
    rest = sum(feature.counts.values()) - sum(listed.values())
    return listed | {OTHER: listed.get(OTHER, 0) + rest}


def _sketch(numbers: Floats) -> tuple[Floats, Floats]:
    """Return at most `SKETCH_SIZE` order statistics, each standing for 2^level values."""
    ordered = np.sort(numbers)
    level = max(0, math.ceil(math.log2(len(ordered) / SKETCH_SIZE)))
    step = 1 << level
    values = ordered[step // 2 :: step]
    return values, np.full(len(values), float(step))


def to_statistics(made: Profile) -> dict[str, Any]:
    """Return the `statistics.json` of a profile."""
    return {
        "version": 0.0,
        "dataset": {"item_count": made.rows},
        "features": [_statistics(feature) for feature in made.features.values()],
    }


def _statistics(feature: Feature) -> dict[str, Any]:
    common = {"num_present": feature.present, "num_missing": feature.missing}
    if isinstance(feature, Categorical):
        counted = [{"value": value, "count": count} for value, count in _listed(feature).items()]
        text = {
            "common": common,
            "distinct_count": feature.distinct,
            "distribution": {"categorical": {"buckets": counted}},
        }
        return {"name": feature.name, "inferred_type": "String", "string_statistics": text}
    low, high = float(feature.values[0]), float(feature.values[-1])
    level = int(math.log2(feature.weights[0]))
    sketch = {
        "parameters": {"c": 0.64, "k": float(SKETCH_SIZE)},
        "data": [*([[]] * level), feature.values.tolist()],
    }
    number = {
        "common": common,
        "mean": feature.mean,
        "sum": feature.mean * feature.present,
        "std_dev": feature.deviation,
        "min": low,
        "max": high,
        "distribution": {"kll": {"buckets": buckets(feature), "sketch": sketch}},
    }
    kind = "Integral" if feature.integral else "Fractional"
    return {"name": feature.name, "inferred_type": kind, "numerical_statistics": number}


def buckets(feature: Numeric) -> list[dict[str, float]]:
    """Return the counts of a numeric column in ten equal buckets between its least and its largest value."""
    low, high = float(feature.values[0]), float(feature.values[-1])
    edges = np.linspace(low, high, BUCKETS + 1)
    if low == high:
        return [{"lower_bound": low, "upper_bound": high, "count": float(feature.present)}]
    counts, _ = np.histogram(feature.values, edges, weights=feature.weights)
    return [
        {"lower_bound": float(edges[i]), "upper_bound": float(edges[i + 1]), "count": float(count)}
        for i, count in enumerate(counts)
    ]


def to_constraints(made: Profile, *, threshold: float = 0.1) -> dict[str, Any]:
    """Return the `constraints.json` of a profile; `threshold` is Model Monitor's comparison threshold."""
    distribution = {
        "perform_comparison": "Enabled",
        "comparison_threshold": threshold,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": threshold,
        "categorical_drift_method": "LInfinity",
    }
    return {
        "version": 0.0,
        "features": [_constraints(feature) for feature in made.features.values()],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": distribution,
        },
    }


def _constraints(feature: Feature) -> dict[str, Any]:
    common = {"name": feature.name, "completeness": feature.completeness}
    if isinstance(feature, Categorical):
        domain = {"domains": sorted(_listed(feature))}
        return {**common, "inferred_type": "String", "string_constraints": domain}
    rule = {"is_non_negative": bool(feature.values[0] >= 0)}
    return {
        **common,
        "inferred_type": "Integral" if feature.integral else "Fractional",
        "num_constraints": rule,
    }


def from_statistics(document: Any, *, source: str) -> Profile:
    """Read a `statistics.json`, ours or Model Monitor's.

    Raises:
        ProfileError: it lacks what a comparison needs; the message names the column.

    """
    try:
        features = {each["name"]: _read(each, source) for each in document["features"]}
        return Profile(rows=int(document["dataset"]["item_count"]), features=features)
    except (KeyError, TypeError, IndexError) as error:
        raise ProfileError(f"{source}: no statistics in Model Monitor's shape: {error!r}") from error


def _read(each: dict[str, Any], source: str) -> Feature:
    name = str(each["name"])
    if "string_statistics" in each:
        text = each["string_statistics"]
        buckets = text["distribution"]["categorical"]["buckets"]
        common = text["common"]
        counts = {str(bucket["value"]): int(bucket["count"]) for bucket in buckets}
        return Categorical(
            name=name,
            present=common["num_present"],
            missing=common["num_missing"],
            counts=counts,
            distinct=int(text["distinct_count"]),
        )
    if "numerical_statistics" not in each:
        raise ProfileError(f"{source}: column {name!r} has neither numerical nor string statistics")
    number = each["numerical_statistics"]
    levels = number["distribution"]["kll"]["sketch"]["data"]
    values = np.array([value for level in levels for value in level], dtype=np.float64)
    weights = np.array([2.0**i for i, level in enumerate(levels) for _ in level], dtype=np.float64)
    if not len(values):
        raise ProfileError(f"{source}: column {name!r} has an empty sketch")
    order = np.argsort(values, kind="stable")
    return Numeric(
        name=name,
        present=number["common"]["num_present"],
        missing=number["common"]["num_missing"],
        values=values[order],
        weights=weights[order],
        integral=each.get("inferred_type") == "Integral",
        mean=float(number["mean"]),
        deviation=float(number["std_dev"]),
    )
