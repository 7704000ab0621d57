"""The command: on the tutorial's own code, on a spec, on folders."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from sagewind import load
from sagewind.lint import LintError, cli, dags, lint_path
from sagewind.testing.lint import assert_clean

SPEC = """
name: iris
image: {version: 1.9-0}
source: {directory: code}
data: {file: iris.csv, target: species}
hyperparameters:
  %s: {default: 10}
metrics:
  accuracy:
    regex: accuracy=([0-9.]+)
"""

SCRIPT = """
import argparse, os, joblib

def model_fn(model_dir): ...

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int)
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    print(f"accuracy={x:.3f}")
    joblib.dump(m, os.path.join(os.environ["SM_MODEL_DIR"], "m"))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(SCRIPT)
    (tmp_path / "iris.csv").write_text("a,species\n")
    (tmp_path / "iris.yaml").write_text(SPEC % "n-estimators")
    return tmp_path


def test_the_tutorial_has_two_bugs_and_a_greedy_metric_and_nothing_else(tutorial: Path) -> None:
    found = [(f.rule, f.place.file.name, f.place.line) for f in lint_path(tutorial)]
    lines = (tutorial / "session.py").read_text().splitlines()

    def line(text: str) -> int:
        return next(number for number, content in enumerate(lines, start=1) if text in content)

    assert found == [
        ("metric-greedy", "session.py", line("Accuracy=(.*)")),
        ("hyperparameter-unknown", "session.py", line("min_leaf_nodes")),
        ("hyperparameter-spelling", "session.py", line("n_estimators")),
    ]


def test_the_tutorial_in_markdown_has_the_lines_of_the_markdown(tutorial: Path) -> None:
    text = Path(__file__).with_name("tutorial.txt").read_text()
    (tutorial / "session.py").rename(tutorial / "session.txt")
    (tutorial / "session.md").write_text(text)
    lines = text.splitlines()
    found = [lines[finding.place.line - 1] for finding in lint_path(tutorial)]
    assert [("Accuracy" in line, "nodes" in line, "n_est" in line) for line in found] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_a_notebook_is_read_cell_by_cell(tutorial: Path) -> None:
    session = (tutorial / "session.py").rename(tutorial / "session.txt")
    source = ["%matplotlib inline\n", *session.read_text().splitlines(keepends=True)]
    (tutorial / "n.ipynb").write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
    assert len(lint_path(tutorial)) == 3


CALLS = [
    # how the estimator is made and fitted, and what is found
    ("e = SKLearn({given})\ne.fit({'train': 's3://b/k'})", []),
    ("e = SKLearn({given})\ne.fit({'test': 's3://b/k'})", ["channel-missing", "channel-unread"]),
    ("e = SKLearn({given})\ne.fit({'train': 's3://b/k'})\ne.fit({'test': 's3://b/k'})", []),
    ("e = SKLearn({given})\ne.fit({'train': 's3://b/k'})\ne = other\ne.fit({'test': 's3://b/k'})", []),
    ("SKLearn({given}, hyperparameters=dict(n_estimators=3))", ["hyperparameter-spelling"]),
    ("SKLearn({given}, hyperparameters=dict(common, depth=3))", []),
    ("SKLearn({given}, hyperparameters=dict(**common, depth=3))", []),
]


@pytest.mark.parametrize(("text", "rules"), CALLS)
def test_what_is_known_of_a_call_of_the_sdk(project: Path, text: str, rules: list[str]) -> None:
    given = "entry_point='train.py', source_dir='code', framework_version='1.2-1'"
    (project / "session.py").write_text(text.replace("{given}", given))
    assert sorted(each.rule for each in lint_path(project / "session.py")) == rules


def test_a_spec_is_clean_or_says_the_line(project: Path) -> None:
    assert lint_path(project) == ()
    (project / "iris.yaml").write_text(SPEC % "n_estimators")
    (finding,) = lint_path(project / "iris.yaml")
    assert (finding.rule, finding.place.line) == ("hyperparameter-spelling", 7)


def test_a_broken_spec_is_a_finding(project: Path) -> None:
    (project / "iris.yaml").write_text((SPEC % "n-estimators").replace("target", "goal"))
    (finding,) = lint_path(project)
    assert (finding.rule, finding.place.line) == ("spec-invalid", 5)


@pytest.mark.parametrize("text", ["name: iris\n", "- a list\n", ""])
def test_whatever_lies_among_the_models_is_held_to_be_a_spec(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "dags" / "models"
    folder.mkdir(parents=True)
    (folder / "iris.yaml").write_text(text)
    (finding,) = lint_path(tmp_path)
    assert (finding.rule, finding.place.file) == ("spec-invalid", folder / "iris.yaml")


def test_a_model_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "dags" / "models"
    folder.mkdir(parents=True)
    (folder / "a.yaml").symlink_to("nowhere")
    (folder / "b.yml").write_text("name: b\n")
    found = {finding.place.file.name: finding.what for finding in lint_path(tmp_path)}
    assert found == {
        "a.yaml": "cannot be read: No such file or directory",
        "b.yml": "its name ends in '.yml'; allowed is '.yaml'",
    }


def test_a_spec_that_leaves_out_what_has_a_default_is_one_too(project: Path) -> None:
    text = (SPEC % "n-estimators").replace("source: {directory: code}\n", "").replace("target", "goal")
    (project / "iris.yaml").write_text(text)
    (finding,) = lint_path(project)
    assert (finding.rule, finding.place.line) == ("spec-invalid", 4)


def test_the_dag_import_check_raises_errors(project: Path) -> None:
    assert dags.check(load.load(project / "iris.yaml")) == ()
    (project / "iris.yaml").write_text(SPEC % "n_estimators")
    with pytest.raises(LintError, match="n_estimators"):
        dags.check(load.load(project / "iris.yaml"))


def test_the_pytest_helper(project: Path, tutorial: Path) -> None:
    assert_clean(project)
    with pytest.raises(AssertionError, match="metric-greedy"):
        assert_clean(tutorial, allow={"hyperparameter-unknown", "hyperparameter-spelling"})
    assert_clean(tutorial, allow={"hyperparameter-unknown", "hyperparameter-spelling"}, strict=False)


def test_the_command_prints_and_ends_with_a_status(
    project: Path, capsys: pytest.CaptureFixture[str], tutorial: Path
) -> None:
    assert cli([str(project)]) == 0
    assert cli([str(tutorial), "--format", "json"]) == 1
    output = capsys.readouterr().out
    assert len(json.loads(output[output.index("[") :])) == 3
    assert cli([str(tutorial), "--format", "github"]) == 1
    assert capsys.readouterr().out.startswith("::warning file=")
    assert cli([str(project / "nowhere")]) == 2


def test_files_that_are_not_ours_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("print('python 2' % (: ")
    (tmp_path / "compose.yaml").write_text(dedent("services: {}\n"))
    assert lint_path(tmp_path) == ()


@pytest.mark.parametrize(
    "text", ['"sagemaker entry_point', '{"sagemaker": "entry_point"}', '["sagemaker entry_point"]']
)
def test_what_is_no_notebook_is_a_finding(tmp_path: Path, text: str) -> None:
    (tmp_path / "n.ipynb").write_text(text)
    (finding,) = lint_path(tmp_path)
    assert (finding.rule, finding.place.file) == ("script-syntax", tmp_path / "n.ipynb")
    assert "is no notebook" in finding.what
