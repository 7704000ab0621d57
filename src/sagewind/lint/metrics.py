r"""Metric definitions against what the script prints.

SageMaker searches the expression in each line of the log and reads the first group as a number:
https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html
"""

from __future__ import annotations

import ast
import difflib
import re
from typing import TYPE_CHECKING

from sagewind.lint import printed
from sagewind.lint.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.printed import Line
    from sagewind.lint.script import Script
    from sagewind.lint.subject import Metric, Subject

TALKATIVE = frozenset(
    {
        "autogluon",
        "catboost",
        "fastai",
        "fasttext",
        "flaml",
        "gluonts",
        "h2o",
        "ignite",
        "keras",
        "lightgbm",
        "lightning",
        "ngboost",
        "optuna",
        "pycaret",
        "pytorch_lightning",
        "pytorch_tabnet",
        "sentence_transformers",
        "skorch",
        "spacy",
        "subprocess",
        "tensorflow",
        "transformers",
        "ultralytics",
        "xgboost",
    }
)
"""Libraries that print metrics themselves, and `subprocess`, whose children do."""

NUMBER = "([-+0-9.eE]+)"
_GREEDY = re.compile(r"\(\.[*+]\??\)(?:\$|\\n)?$")
_AFTER = " loss=0.5"
_NAME_ENDS = re.compile(r"[\w\])}*+?]")
"""How a name ends in an expression: with a letter, a set, a group or a repetition; never with `=` or `:`."""


def check(subject: Subject, script: Script) -> Iterator[Finding]:
    """Yield a finding for each metric that will be missing, or is not the number that was meant."""
    if not subject.trains:
        return
    lines = printed.read(script)
    for metric in subject.metrics:
        try:
            pattern = re.compile(metric.regex)
        except re.error as error:
            what = f"metric {metric.name!r}: {metric.regex!r} is no regular expression ({error})"
            yield _finding("metric-regex", metric, what, f"write it as 'name={NUMBER}'")
            continue
        if pattern.groups == 0:
            what = f"metric {metric.name!r}: {metric.regex!r} has no group, and SageMaker reads the first one"
            yield _finding("metric-group", metric, what, f"put the number in a group: {NUMBER}")
            continue
        yield from _against(metric, pattern, lines, script)


def _against(
    metric: Metric, pattern: re.Pattern[str], lines: tuple[Line, ...], script: Script
) -> Iterator[Finding]:
    hits = [line for line in lines if not line.opaque and _search(pattern, line)]
    if not hits:
        if not script.imports & TALKATIVE:
            yield _unmatched(metric, pattern, lines, may_print=_may_print(script))
        if _GREEDY.search(metric.regex):
            yield _greedy(metric, "it captures the rest of the line, whatever that is")
        return
    findings = [_judge(metric, pattern, line) for line in hits]
    if all(findings) and findings[0] is not None:
        yield findings[0]


def _search(pattern: re.Pattern[str], line: Line) -> re.Match[str] | None:
    return pattern.search(line.sample()[0]) or pattern.search(line.sample(whole=True)[0])


def _judge(metric: Metric, pattern: re.Pattern[str], line: Line) -> Finding | None:
    """Return what is wrong with the group of a metric on a line that it matches."""
    problem: Finding | None = None
    for whole in (False, True):
        text, values = line.sample(whole=whole)
        match = pattern.search(text)
        captured = (match[1] or "").strip() if match else ""
        if match is None:
            continue
        if not _is_number(captured):
            problem = _greedy(
                metric, f"on {str(line)!r} ({line.place}) it captures {captured!r}, which is no number"
            )
        elif values and not {captured, f"{captured}%"} & {*values} and not _literal(captured, line):
            problem = _finding(
                "metric-partial",
                metric,
                f"metric {metric.name!r}: {metric.regex!r} takes {captured} of {text!r} ({line.place})",
                f"take the whole number: {NUMBER}",
            )
        else:
            longer = pattern.search(text + _AFTER)
            if longer is None or (longer[1] or "").strip() == captured:
                return None
            return _greedy(
                metric, f"it also captures whatever comes to follow the number on the line ({line.place})"
            )
    return problem


def _literal(captured: str, line: Line) -> bool:
    return any(isinstance(part, str) and captured in part for part in line.parts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _greedy(metric: Metric, why: str) -> Finding:
    better = re.sub(r"\(\.[*+]\??\)", lambda _: NUMBER, metric.regex)
    mend = f"write {better!r}" if better != metric.regex else f"capture only the number: {NUMBER}"
    what = f"metric {metric.name!r}: {metric.regex!r} is greedy: {why}"
    return _finding("metric-greedy", metric, what, mend, Severity.WARNING)


def _may_print(script: Script) -> bool:
    """Tell whether other lines may come of a library that is told to be verbose, or of another program."""
    nodes = [node for module in script.modules for node in module.nodes]
    told = [node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == "verbose"]
    is_verbose = any(not isinstance(value, ast.Constant) or value.value for value in told)
    return is_verbose or not script.names.isdisjoint({"system", "popen", "run_path", "run_module"})


def _unmatched(
    metric: Metric, pattern: re.Pattern[str], lines: tuple[Line, ...], *, may_print: bool
) -> Finding:
    known = [line for line in lines if not line.opaque]
    unclear = next((line for line in known if _may_name(pattern, line)), None)
    if unclear is not None:
        what = (
            f"metric {metric.name!r}: whether {metric.regex!r} matches {str(unclear)!r} ({unclear.place})"
            " cannot be told, since the name on that line is computed"
        )
        mend = "see that the line comes out so, or print the metric with its name in the text"
        return _finding("metric-unmatched", metric, what, mend, Severity.WARNING)
    nearest = max(known, key=lambda line: _likeness(metric.regex, line), default=None)
    what = f"metric {metric.name!r}: {metric.regex!r} matches nothing that the script prints"
    mend = "print the metric on a line of its own"
    if nearest is not None:
        mend = f"the nearest line is {str(nearest)!r} ({nearest.place}): make the two agree"
    certain = len(known) == len(lines) and not may_print
    severity = Severity.ERROR if certain else Severity.WARNING
    return _finding("metric-unmatched", metric, what, mend, severity)


def _may_name(pattern: re.Pattern[str], line: Line) -> bool:
    """Tell whether a hole of the line may hold what the expression begins with, so that the rest matches."""
    rests = [rest.sample(whole=whole)[0] for rest in line.after_names() for whole in (False, True)]
    ends = list(_ends(pattern)) if rests else []
    return any(end.match(rest) for end in ends for rest in rests)


def _ends(pattern: re.Pattern[str]) -> Iterator[re.Pattern[str]]:
    """Yield an expression without its first name, or more of what stands before its first group."""
    text = pattern.pattern
    for cut in range(1, len(text)):
        if not _NAME_ENDS.match(text[cut - 1]):
            continue
        try:
            end = re.compile(text[cut:], pattern.flags)
        except re.error:
            continue
        if end.groups == pattern.groups:
            yield end


def _likeness(regex: str, line: Line) -> float:
    return difflib.SequenceMatcher(None, regex.lower(), str(line).lower()).ratio()


def _finding(rule: str, metric: Metric, what: str, mend: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(rule=rule, place=metric.place, what=what, mend=mend, severity=severity)
