"""The model card of one version: a self-contained page and the same facts as JSON.

It is made from what the run left (evaluation, predictions, importance, data profile, lineage) and says
what it does not know. The page loads nothing from anywhere, runs no script, and escapes every value; the
charts are inline SVG.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sagewind import charts
from sagewind.errors import SagewindError
from sagewind.profile import Numeric, buckets, to_statistics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sagewind.evaluation import Evaluation, Predictions
    from sagewind.gate import Decision
    from sagewind.profile import Feature, Profile


_FEW_ROWS = 100
_FEW_OF_A_CLASS = 20


class CardError(SagewindError):
    """A file that the card is made from is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """By how much `metric` falls when a column's values are shuffled, for each column."""

    metric: str
    features: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything that a model card tells; what is None or empty is said to be unknown."""

    model: str
    version: str
    created: str
    """ISO 8601; given, not taken from the clock, so that a card made again is the same."""
    description: str = ""
    evaluation: Evaluation
    predictions: Predictions | None = None
    decision: Decision | None = None
    importance: Importance | None = None
    data: Profile | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    lineage: Mapping[str, str] = field(default_factory=dict)
    """Job, code, data and environment hashes, commit, S3 addresses."""
    intended_use: str = ""
    limits: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain JSON values, without the predictions of single rows."""
        return {
            "model": self.model,
            "version": self.version,
            "created": self.created,
            "description": self.description,
            "problem": self.evaluation.problem.value,
            "rows_evaluated": self.evaluation.rows,
            "metrics": dict(self.evaluation.metrics),
            "metrics_deviation": dict(self.evaluation.deviations),
            "metrics_rejected": dict(self.evaluation.rejected),
            "confusion_matrix": {k: dict(v) for k, v in self.evaluation.confusion.items()},
            "gate": self.decision.to_json() if self.decision else None,
            "feature_importance": asdict(self.importance) if self.importance else None,
            "data": _summary(self.data) if self.data else None,
            "parameters": dict(self.parameters),
            "lineage": dict(self.lineage),
            "intended_use": self.intended_use,
            "limits": list(self.limits),
            "limits_measured": self.measured_limits(),
        }

    def to_json_text(self) -> str:
        """Return the JSON as text with sorted keys."""
        return json.dumps(self.to_json(), indent=2, sort_keys=True, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """Return the page."""
        shown = {
            **vars(self),
            "evaluation": asdict(self.evaluation),
            "measured_limits": self.measured_limits(),
        }
        return (
            _environment()
            .get_template("card.html.j2")
            .render(
                card=shown,
                decision=self.decision,
                columns=[_column(each) for each in self.data.features.values()] if self.data else [],
                rows=self.data.rows if self.data else 0,
                rough=_rough,
                measured_limits=self.measured_limits(),
                classes=list(_classes(self.evaluation.confusion)),
                charts={name: _markup(svg) for name, svg in self._charts().items()},
            )
        )

    def measured_limits(self) -> list[str]:
        """Return what the numbers themselves say of how far the model can be trusted."""
        rows = self.evaluation.rows
        said = []
        if rows is not None and rows < _FEW_ROWS:
            said.append(f"Measured on {rows} held-out rows only: the metrics are rough.")
        rare = [f"{name} ({sum(row.values())})" for name, row in self.evaluation.confusion.items()]
        few = [r for r, row in zip(rare, self.evaluation.confusion.values(), strict=True) if _is_rare(row)]
        if few:
            said.append(f"Fewer than {_FEW_OF_A_CLASS} held-out rows of: {', '.join(sorted(few))}.")
        if self.data is None:
            return said
        gaps = [each for each in self.data.features.values() if each.missing]
        if gaps:
            told = ", ".join(f"{each.name} ({100 * (1 - each.completeness):.1f} %)" for each in gaps)
            said.append(f"Values were missing in training: {told}.")
        said.append("Nothing is known of rows outside the ranges and values of the training data above.")
        return said

    def _charts(self) -> dict[str, str]:
        """Return the charts that there is data for."""
        found: dict[str, str] = {}
        if self.evaluation.confusion:
            found["confusion"] = charts.matrix(self.evaluation.confusion, title="Confusion matrix")
        if self.predictions is not None and not self.evaluation.problem.is_classification:
            truth, predicted = _numbers(self.predictions)
            found["residuals"] = charts.residuals(truth, predicted, title="Prediction against truth")
            errors = [p - t for t, p in zip(truth, predicted, strict=True)]
            found["spread"] = charts.spread(errors, title="Residuals", says="prediction minus truth")
        if self.importance:
            found["importance"] = charts.bars(self.importance.features, title="Feature importance")
        return found


def page(model: str, version: int) -> str:
    """Return where Airflow's UI shows a version with its card: a path on the API server."""
    return f"/sagewind/models/{quote(model, safe='')}/versions/{version}"


def parse_importance(text: str, *, source: str) -> Importance:
    """Read an `importance.json`: `{"metric": "r2", "features": {name: {"mean": …}}}`.

    Raises:
        CardError: it has not that shape.

    """
    try:
        document = json.loads(text)
        found = {str(n): float(each["mean"]) for n, each in document["features"].items()}
        metric = str(document.get("metric", "the metric"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CardError(f"{source}: no feature importance: {error!r}") from error
    if not all(map(math.isfinite, found.values())):
        raise CardError(f"{source}: feature importance must be finite numbers; got {found}")
    return Importance(metric=metric, features=found)


def _rough(value: float) -> str:
    """Return two digits, without an exponent for what is large."""
    return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"  # noqa: PLR2004


def _is_rare(row: Mapping[str, int]) -> bool:
    return sum(row.values()) < _FEW_OF_A_CLASS


def _classes(confusion: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, Any]]:
    """Yield each class: its rows, the share of them that was found, the share of answers that were right."""
    for name in sorted({*confusion, *(each for row in confusion.values() for each in row)}):
        rows = sum(confusion.get(name, {}).values())
        said = sum(row.get(name, 0) for row in confusion.values())
        right = confusion.get(name, {}).get(name, 0)
        yield {
            "name": name,
            "rows": rows,
            "recall": f"{right / rows:.3f}" if rows else "-",
            "precision": f"{right / said:.3f}" if said else "-",
        }


def _summary(data: Profile) -> dict[str, Any]:
    """Return the statistics without the sketches: these are for drift, and hold values of single rows."""
    found = to_statistics(data)
    for each in found["features"]:
        if "numerical_statistics" in each:
            del each["numerical_statistics"]["distribution"]["kll"]["sketch"]
    return found


def _numbers(predictions: Predictions) -> tuple[list[float], list[float]]:
    try:
        return [float(x) for x in predictions.labels], [float(x) for x in predictions.predictions]
    except ValueError as error:
        where = predictions.source
        raise CardError(f"{where}: predictions of a regression must be numbers: {error}") from error


def _column(feature: Feature) -> dict[str, Any]:
    """Return what the page's table of columns shows of one."""
    shown: dict[str, Any] = {"name": feature.name, "missing": 1 - feature.completeness}
    if isinstance(feature, Numeric):
        counts = [each["count"] for each in buckets(feature)]
        low, high = float(feature.values[0]), float(feature.values[-1])
        return shown | {
            "kind": "whole number" if feature.integral else "number",
            "range": f"{low:.4g} to {high:.4g}",
            "middle": f"{feature.mean:.4g} ± {feature.deviation:.3g}",
            "chart": _markup(charts.histogram(counts, title=f"Distribution of {feature.name}")),
        }
    top = list(feature.counts.items())
    counts = [float(count) for _, count in top[:20]]
    return shown | {
        "kind": "text",
        "range": f"{len(top)} different",
        "middle": ", ".join(f"{value} ({count})" for value, count in top[:3]),
        "chart": _markup(charts.histogram(counts, title=f"Counts of {feature.name}")),
    }


def _markup(svg: str) -> Markup:
    """Mark a chart as safe: `charts` escaped every text in it."""
    return Markup(svg)  # noqa: S704


@cache
def _environment() -> Environment:
    """Make the template environment: everything is escaped, and a missing value is an error."""
    return Environment(
        loader=PackageLoader("sagewind"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
