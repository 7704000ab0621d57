"""What an evaluation job leaves: metrics in SageMaker's model-quality shape, and one prediction per row.

The same two files come from our evaluation scripts and from Model Monitor's model-quality jobs, so both
are read here and nowhere else. Nothing is guessed: a value that is not a finite number is no metric.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED_COLUMNS = ("id", "label", "prediction")


class EvaluationError(SagewindError):
    """An evaluation file is not what it should be; the message names the file and the row or key."""


class Problem(Enum):
    """The kind of model, by the section of SageMaker's model-quality JSON that holds its metrics."""

    MULTICLASS = "multiclass_classification_metrics"
    BINARY = "binary_classification_metrics"
    REGRESSION = "regression_metrics"

    @property
    def is_classification(self) -> bool:
        """Whether predictions are classes."""
        return self is not Problem.REGRESSION


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The metrics of one model on one held-out data set.

    `metrics` holds finite numbers only, `deviations` the standard deviation of those that tell it; `rejected`
    the names whose value was there and was no finite number (with that value), so that a gate can say so.
    `confusion` is truth → prediction → count, empty for a regression.
    """

    problem: Problem
    rows: int | None
    metrics: Mapping[str, float]
    deviations: Mapping[str, float] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def parse(text: str, *, source: str) -> Evaluation:
    """Read an `evaluation.json` (Model Monitor's model-quality statistics; `source` names it in errors).

    Raises:
        EvaluationError: it is not JSON, or has not exactly one of the known sections.

    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise EvaluationError(f"{source}: expected JSON: {error}") from error
    sections = [p for p in Problem if isinstance(document, dict) and isinstance(document.get(p.value), dict)]
    if len(sections) != 1:
        wanted = ", ".join(p.value for p in Problem)
        found = sorted(document) if isinstance(document, dict) else type(document).__name__
        raise EvaluationError(f"{source}: expected exactly one of {wanted}; got {found}")
    section = document[sections[0].value]
    values = {name: _value(each) for name, each in section.items() if name != "confusion_matrix"}
    return Evaluation(
        problem=sections[0],
        rows=(document.get("dataset") or {}).get("item_count"),
        metrics={name: float(value) for name, value in values.items() if _is_finite(value)},
        deviations={
            name: float(each["standard_deviation"])
            for name, each in section.items()
            if isinstance(each, dict) and _is_finite(each.get("standard_deviation"))
        },
        rejected={n: repr(v) for n, v in values.items() if not _is_finite(v) and not isinstance(v, dict)},
        confusion=section.get("confusion_matrix") or {},
    )


def _value(entry: Any) -> Any:
    """Return the number of `{"value": …, "standard_deviation": …}`, or a bare value as it is."""
    return entry["value"] if isinstance(entry, dict) and "value" in entry else entry


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Predictions on held-out rows, in the order of the file: ids, truth and prediction as text."""

    source: str
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    predictions: tuple[str, ...]


def parse_predictions(text: str, *, source: str) -> Predictions:
    """Read a predictions CSV with a header that has at least `id`, `label` and `prediction`.

    Raises:
        EvaluationError: a column or a value is missing, there is no row, or an id occurs twice.

    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names = reader.fieldnames or ()
    missing = [name for name in REQUIRED_COLUMNS if name not in names]
    if missing:
        raise EvaluationError(f"{source}: no column {', '.join(missing)}; got {list(names)}")
    rows: dict[str, tuple[str, str]] = {}
    for row in reader:
        key, label, prediction = (row[name] for name in REQUIRED_COLUMNS)
        if not key or not label or not prediction:
            raise EvaluationError(
                f"{source} line {reader.line_num}: id, label and prediction must not be empty"
            )
        if key in rows:
            raise EvaluationError(f"{source} line {reader.line_num}: id {key!r} occurs twice")
        rows[key] = (label, prediction)
    if not rows:
        raise EvaluationError(f"{source}: no rows")
    labels, predictions = zip(*rows.values(), strict=True)
    return Predictions(source=source, ids=tuple(rows), labels=labels, predictions=predictions)
