"""What the gate asks for, and the script that is to measure it."""

import pytest

from sagewind import scaffold
from sagewind.lint import lint_path


@pytest.fixture
def spec(tmp_path):
    scaffold.scaffold(tmp_path, "sorter")
    return tmp_path / "dags" / "models" / "sorter.yaml"


@pytest.fixture
def evaluate(spec):
    return spec.parents[2] / "sm_code" / "sorter" / "evaluate.py"


def found(spec):
    return [(each.rule, str(each.severity)) for each in lint_path(spec)]


def test_what_is_measured_may_be_asked_for(spec):
    assert found(spec) == []


@pytest.mark.parametrize(
    ("name", "severity", "mend"),
    [
        ("macrof1", "error", "did you mean 'macro_f1'?"),
        # it may be put together when the script runs
        ("recall_flat", "warning", "have evaluate.py write it"),
    ],
)
def test_what_is_not_is_found_before_a_job_is_paid_for(spec, name, severity, mend):
    spec.write_text(spec.read_text().replace("    accuracy: {at_least", f"    {name}: {{at_least"))
    [finding] = lint_path(spec)
    assert (finding.rule, str(finding.severity), finding.mend) == ("gate-metric", severity, mend)
    assert finding.place.line == spec.read_text().splitlines().index(f"    {name}: {{at_least: 0.8}}") + 1


def test_a_script_that_is_no_python_is_found_too(spec, evaluate):
    evaluate.write_text(evaluate.read_text() + "\nif:\n")
    [finding] = lint_path(spec)
    assert (finding.rule, finding.place.file.name) == ("script-syntax", "evaluate.py")


def test_what_a_tuning_job_chooses_must_be_an_argument(spec):
    ranges = "{objective: accuracy, ranges: {depth: {minimum: 1, maximum: 5}}}"
    spec.write_text(f"{spec.read_text()}tuning: {ranges}\n")
    [finding] = lint_path(spec)
    assert finding.rule == "hyperparameter-unknown"
    assert "--depth" in finding.what
