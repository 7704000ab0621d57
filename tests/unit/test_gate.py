"""The gate fails closed, and says why in a form that is safe to show."""

import math

import pytest

from sagewind import gate
from sagewind.gate import Challenge, Comparison, GateError, Require, Threshold

AT_LEAST = (Threshold(metric="accuracy", at_least=0.9),)


def comparison(low, high, *, maximise=True, **changes):
    base = {"metric": "accuracy", "rows": 100, "challenger": 0.95, "champion": 0.9, "confidence": 0.95}
    return Comparison(**(base | {"maximise": maximise, "low": low, "high": high} | changes))


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({}, "missing; the evaluation has no metric"),
        ({"f1": 0.99}, "missing; the evaluation has f1"),
        ({"accuracy": math.nan}, "nan is not a finite number"),
        ({"accuracy": math.inf}, "inf is not a finite number"),
        ({"accuracy": "0.99"}, "'0.99' is not a finite number"),
        ({"accuracy": True}, "True is not a finite number"),
        ({"accuracy": None}, "None is not a finite number"),
        ({"accuracy": 0.8999}, "0.8999"),
    ],
)
def test_a_metric_that_is_not_there_or_not_a_number_fails(metrics, reason):
    decision = gate.decide(metrics, thresholds=AT_LEAST)
    assert not decision.passed
    assert decision.failures == (f"accuracy: {reason}; required >= 0.9",)


def test_a_value_on_the_bound_passes():
    both = (Threshold(metric="rmse", at_least=1, at_most=2),)
    assert gate.decide({"rmse": 2.0}, thresholds=both).passed
    assert not gate.decide({"rmse": 2.01}, thresholds=both).passed
    assert not gate.decide({"rmse": 0.99}, thresholds=both).passed


def test_a_gate_without_rules_is_an_error():
    with pytest.raises(GateError, match="without rules passes nothing"):
        gate.decide({"accuracy": 1.0})


@pytest.mark.parametrize(
    "rule",
    [
        lambda: Threshold(metric="accuracy"),
        lambda: Threshold(metric="accuracy", at_least=math.nan),
        lambda: Threshold(metric="accuracy", at_least=2, at_most=1),
        lambda: Challenge(metric="accuracy", margin=-0.1),
        lambda: Challenge(metric="accuracy", confidence=1.0),
    ],
)
def test_rules_without_meaning_are_refused(rule):
    with pytest.raises(GateError, match="accuracy"):
        rule()


@pytest.mark.parametrize(
    ("rule", "made", "passed"),
    [
        # not worse: the interval of the improvement must stay above minus the margin
        (Challenge(metric="accuracy", margin=0.02), comparison(-0.02, 0.05), True),
        (Challenge(metric="accuracy", margin=0.02), comparison(-0.021, 0.05), False),
        # better: above the margin, and strictly
        (Challenge(metric="accuracy", require=Require.BETTER), comparison(0.001, 0.05), True),
        (Challenge(metric="accuracy", require=Require.BETTER), comparison(0.0, 0.05), False),
        # a metric to minimise improves by getting smaller
        (Challenge(metric="accuracy", require=Require.BETTER), comparison(-3, -1, maximise=False), True),
        (Challenge(metric="accuracy", require=Require.BETTER), comparison(1, 3, maximise=False), False),
        # an interval of another metric, another confidence, or no interval decides nothing
        (Challenge(metric="f1"), comparison(0, 1), False),
        (Challenge(metric="accuracy", confidence=0.9), comparison(0, 1), False),
        (Challenge(metric="accuracy"), comparison(math.nan, 1), False),
        (Challenge(metric="accuracy"), None, False),
    ],
)
def test_the_challenger_must_show_what_the_rule_requires(rule, made, passed):
    assert gate.decide({}, challenge=rule, comparison=made).passed is passed


def test_the_first_model_has_nobody_to_beat():
    decision = gate.decide({}, challenge=Challenge(metric="accuracy"), has_champion=False)
    assert decision.passed
    assert decision.checks[0].observed == "no champion yet"


def test_markdown_lists_every_check_and_lets_no_value_become_markup():
    rules = (Threshold(metric="a|b\n<script>", at_least=0.5), *AT_LEAST)
    text = gate.decide({"accuracy": 0.95}, thresholds=rules).to_markdown()
    lines = text.splitlines()
    assert lines[0] == "**Failed**"
    assert len(lines) == 6
    assert r"a\|b \<script\>" in lines[4]
    assert lines[5].startswith("| ✓ | accuracy | 0.95 |")


def test_json_carries_the_reasons():
    assert gate.decide({"accuracy": 1}, thresholds=AT_LEAST).to_json() == {
        "passed": True,
        "checks": [{"name": "accuracy", "passed": True, "observed": "1", "allowed": ">= 0.9"}],
    }
