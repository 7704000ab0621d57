"""The gate before a model is registered: thresholds, and the challenger against the champion.

It fails closed. A metric that is missing, not a number or not finite fails its threshold; a gate without
any rule is an error; a comparison that was asked for and not made fails. The decision carries its
reasons, and renders as Markdown for the screen on which a person approves it.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagewind import sections

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")

_MARK = {True: "✓", False: "✗"}


class GateError(SagewindError):
    """The gate's rules are wrong in themselves."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A bound on one metric; at least one of the two sides is given, and a value on the bound passes."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        """Refuse a threshold that bounds nothing, or nothing possible."""
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        if not bounds or not all(math.isfinite(bound) for bound in bounds):
            raise GateError(
                f"threshold on {self.metric}: expected a finite at_least or at_most; got {bounds}"
            )
        if len(bounds) > 1 and bounds[0] > bounds[1]:
            raise GateError(f"threshold on {self.metric}: at_least {bounds[0]} > at_most {bounds[1]}")

    @property
    def allowed(self) -> str:
        """The bound in words."""
        low = "" if self.at_least is None else f">= {self.at_least:g}"
        high = "" if self.at_most is None else f"<= {self.at_most:g}"
        return " and ".join(part for part in (low, high) if part)


def thresholds(section: sections.Gate) -> list[Threshold]:
    """Return the thresholds of a spec's section `gate`."""
    return [
        Threshold(metric=each.name, at_least=each.at_least, at_most=each.at_most)
        for each in section.thresholds.values()
    ]


class Require(Enum):
    """What a challenger must show against the champion."""

    NOT_WORSE = "not_worse"
    """The whole interval of the improvement lies above minus the margin (non-inferiority)."""
    BETTER = "better"
    """The whole interval of the improvement lies above the margin (superiority)."""


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """The rule for champion against challenger; `margin` is in the metric's unit and not negative."""

    metric: str
    require: Require = Require.NOT_WORSE
    margin: float = 0.0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Refuse a margin or confidence without meaning."""
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise GateError(f"challenge on {self.metric}: margin must be >= 0; got {self.margin}")
        if not 0 < self.confidence < 1:
            raise GateError(
                f"challenge on {self.metric}: confidence must be in (0, 1); got {self.confidence}"
            )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models on the same rows: `low`..`high` is the interval of challenger - champion."""

    metric: str
    maximise: bool
    rows: int
    challenger: float
    champion: float
    low: float
    high: float
    confidence: float

    @property
    def improvement(self) -> tuple[float, float]:
        """The interval of the improvement: positive is better, whichever way the metric points."""
        return (self.low, self.high) if self.maximise else (-self.high, -self.low)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One reason of a decision."""

    name: str
    passed: bool
    observed: str
    allowed: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The gate's answer with its reasons; it passed when every check did."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed; False without any."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[str, ...]:
        """One sentence per failed check."""
        return tuple(f"{c.name}: {c.observed}; required {c.allowed}" for c in self.checks if not c.passed)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"passed": self.passed, "checks": [asdict(check) for check in self.checks]}

    def to_markdown(self) -> str:
        """Return a table of the checks under the verdict; all values escaped."""
        verdict = "**Passed**" if self.passed else "**Failed**"
        rows = [
            "| " + " | ".join([_MARK[c.passed], *map(_escape, (c.name, c.observed, c.allowed))]) + " |"
            for c in self.checks
        ]
        return "\n".join([verdict, "", "| | check | observed | required |", "|---|---|---|---|", *rows])


def decide(
    metrics: Mapping[str, Any],
    *,
    thresholds: Sequence[Threshold] = (),
    challenge: Challenge | None = None,
    comparison: Comparison | None = None,
    has_champion: bool = True,
) -> Decision:
    """Hold a candidate's metrics, and its comparison with the champion, against the rules.

    `comparison` is needed when there is a `challenge` and a champion; `has_champion=False` says that
    there is none yet, which passes the challenge. Anything missing fails.

    Raises:
        GateError: there is no rule at all.

    """
    if not thresholds and challenge is None:
        raise GateError(
            "gate: expected at least one threshold or a challenge; a gate without rules passes nothing"
        )
    checks = [_threshold_check(rule, metrics) for rule in thresholds]
    if challenge is not None:
        checks.append(_challenge_check(challenge, comparison, has_champion=has_champion))
    return Decision(checks=tuple(checks))


def _threshold_check(rule: Threshold, metrics: Mapping[str, Any]) -> Check:
    def check(observed: str, *, passed: bool = False) -> Check:
        return Check(name=rule.metric, passed=passed, observed=observed, allowed=rule.allowed)

    if rule.metric not in metrics:
        return check(f"missing; the evaluation has {', '.join(sorted(metrics)) or 'no metric'}")
    value = metrics[rule.metric]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return check(f"{value!r} is not a finite number")
    above = rule.at_least is None or value >= rule.at_least
    below = rule.at_most is None or value <= rule.at_most
    return check(f"{value:.6g}", passed=above and below)


def _challenge_check(rule: Challenge, made: Comparison | None, *, has_champion: bool) -> Check:
    bound = rule.margin if rule.require is Require.BETTER else -rule.margin
    sign = ">" if rule.require is Require.BETTER else ">="
    allowed = f"improvement of {rule.metric} {sign} {bound:g} at {rule.confidence:.0%} confidence"

    def check(observed: str, *, passed: bool = False) -> Check:
        return Check(name="champion vs challenger", passed=passed, observed=observed, allowed=allowed)

    if not has_champion:
        return check("no champion yet", passed=True)
    if made is None:
        return check("not compared")
    if (made.metric, made.confidence) != (rule.metric, rule.confidence):
        return check(f"compared by {made.metric} at {made.confidence:.0%}")
    low, high = made.improvement
    if not all(map(math.isfinite, (low, high, made.challenger, made.champion))):
        return check("the comparison is not a finite number")
    observed = (
        f"{made.challenger:.6g} against {made.champion:.6g} on {made.rows} rows; "
        f"improvement in [{low:.6g}, {high:.6g}]"
    )
    return check(observed, passed=low > bound if rule.require is Require.BETTER else low >= bound)


def _escape(text: str) -> str:
    """Make a value inert in a Markdown table cell."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
