"""A scaffolded model is a spec that loads and lints clean; nothing that is there is written over."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sagewind import load, plan, scaffold, spec_schema
from sagewind.errors import SagewindError
from sagewind.spec import Hyperparameter
from sagewind.testing.lint import assert_clean
from sagewind.testing.scripts import assert_passes, train_and_evaluate


def test_a_new_model_loads_lints_and_plans(tmp_path):
    written = scaffold.scaffold(tmp_path, "new-model")
    spec = tmp_path / "dags" / "models" / "new-model.yaml"
    assert spec in written
    assert (tmp_path / "tests" / "models" / "test_new_model.py").is_file()
    model = load.load(spec, environ={})
    assert_clean(spec)
    assert len(list(plan.plan(model, "us-east-1"))) > 10
    for path in written:
        assert "@NAME@" not in path.read_text()


def with_data_of_its_own(project):
    """Begin a model, and give it another table, as somebody does who makes it their own; return its spec."""
    scaffold.scaffold(project, "fruit")
    table = project / "dags" / "data" / "fruit.csv"
    rows = [
        f"f{number:03},{100 + number},{7 + number % 3},{12 + 9 * (number % 2)},{('plum', 'fig')[number % 2]}"
        for number in range(100)
    ]
    table.write_text("\n".join(["fruit_id,mass,diameter,sugar,sort", *rows, ""]))
    spec = project / "dags" / "models" / "fruit.yaml"
    text = spec.read_text()
    whole, columns = text[: text.index("schema:")], text[text.index("hyperparameters:") :]
    for old, new in (
        ("target: kind", "target: sort"),
        ("id_column: id", "id_column: fruit_id"),
        ("target: {default: kind", "target: {default: sort"),
        ("id: {default: id", "id: {default: fruit_id"),
    ):
        assert old in whole + columns
        whole, columns = whole.replace(old, new), columns.replace(old, new)
    spec.write_text(whole + columns)
    assert_clean(spec)
    return spec


def outcome(project, name):
    """Run the tests that came with a model; return whether they pass, and what they say."""
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/models/test_{name}.py"]
    done = subprocess.run(
        [sys.executable, *command], cwd=project, capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout


def test_the_tests_of_a_model_are_of_the_columns_that_its_spec_names(tmp_path):
    with_data_of_its_own(tmp_path)
    passes, says = outcome(tmp_path, "fruit")
    assert passes, says


def test_the_tests_of_a_model_hold_it_against_all_thresholds_that_its_spec_has(tmp_path):
    spec = with_data_of_its_own(tmp_path)
    at_least = "    accuracy: {at_least: 0.8}\n"
    spec.write_text(spec.read_text().replace(at_least, f"{at_least}    macro_f1: {{at_most: 0.1}}\n"))
    passes, says = outcome(tmp_path, "fruit")
    assert not passes
    assert "macro_f1" in says
    assert "<= 0.1" in says


TOLD = """
import json, os, sys
given = {key: value for key, value in os.environ.items() if key.startswith("SM_HP")}
with open(os.path.join(os.environ["SM_MODEL_DIR"], "told.json"), "w") as file:
    json.dump({"words": sys.argv[1:], **given}, file)
"""


def test_hyperparameters_reach_a_script_that_is_tested_as_the_toolkit_passes_them(tmp_path):
    scaffold.scaffold(tmp_path / "project", "sorter")
    (tmp_path / "project" / "sm_code" / "sorter" / "train.py").write_text(TOLD)
    (tmp_path / "project" / "sm_code" / "sorter" / "evaluate.py").write_text("")
    model = load.load(tmp_path / "project" / "dags" / "models" / "sorter.yaml", environ={})
    values = {"n": "1", "Warm-start": "true", "rate": "1e-3", "kind": "flat"}
    chosen = {name: Hyperparameter(name=name, default=value) for name, value in values.items()}
    train_and_evaluate(dataclasses.replace(model, hyperparameters=chosen), tmp_path)
    told = json.loads((tmp_path / "model" / "told.json").read_text())
    assert told["words"] == ["--Warm-start", "True", "--kind", "flat", "-n", "1", "--rate", "0.001"]
    assert json.loads(told["SM_HPS"]) == {"n": 1, "Warm-start": True, "rate": 0.001, "kind": "flat"}
    assert (told["SM_HP_WARM-START"], told["SM_HP_KIND"], told["SM_HP_N"]) == ("true", "flat", "1")


def test_what_a_script_that_fails_says_is_shown_whatever_its_encoding(tmp_path):
    scaffold.scaffold(tmp_path / "project", "sorter")
    script = "import sys\nsys.stderr.buffer.write(b'no caf\\xe9')\nsys.exit(1)"
    (tmp_path / "project" / "sm_code" / "sorter" / "train.py").write_text(script)
    model = load.load(tmp_path / "project" / "dags" / "models" / "sorter.yaml", environ={})
    with pytest.raises(AssertionError, match="no caf"):
        train_and_evaluate(model, tmp_path)


def test_a_package_that_only_the_image_has_is_to_be_installed_where_the_tests_run(tmp_path):
    scaffold.scaffold(tmp_path / "project", "sorter")
    (tmp_path / "project" / "sm_code" / "sorter" / "train.py").write_text("import no_such_package.part")
    model = load.load(tmp_path / "project" / "dags" / "models" / "sorter.yaml", environ={})
    with pytest.raises(AssertionError) as caught:
        train_and_evaluate(model, tmp_path)
    assert f"run on {sys.executable}, which lacks 'no_such_package': install it there" in str(caught.value)


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_the_tests_of_a_model_show_what_a_script_that_fails_says(tmp_path, script):
    scaffold.scaffold(tmp_path, "sorter")
    code = tmp_path / "sm_code" / "sorter" / script
    parsing = "args = parser.parse_args()"
    assert parsing in code.read_text()
    code.write_text(code.read_text().replace(parsing, "raise SystemExit('no ' + 'luck')"))
    passes, says = outcome(tmp_path, "sorter")
    assert not passes
    assert f"{script} ended with 1" in says
    assert "no luck" in says
    assert "subprocess.py" not in says


@pytest.mark.parametrize("section", ["source", "evaluation"])
def test_scripts_that_are_not_here_are_not_run(tmp_path, section):
    scaffold.scaffold(tmp_path, "sorter")
    model = load.load(tmp_path / "dags" / "models" / "sorter.yaml")
    away = {"source": {"directory": "s3://mine/sourcedir.tar.gz"}, "evaluation": {"entry_point": ""}}
    elsewhere = dataclasses.replace(getattr(model, section), **away[section])
    with pytest.raises(SagewindError, match="expected a folder and a script"):
        assert_passes(dataclasses.replace(model, **{section: elsewhere}), tmp_path)


def test_what_is_there_is_not_written_over(tmp_path):
    scaffold.scaffold(tmp_path, "mine")
    spec = tmp_path / "dags" / "models" / "mine.yaml"
    spec.write_text("changed")
    with pytest.raises(scaffold.ScaffoldError, match="exists already; nothing was written"):
        scaffold.scaffold(tmp_path, "mine")
    assert spec.read_text() == "changed"


def test_an_empty_folder_becomes_a_project_once(tmp_path):
    written = scaffold.project(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in written} == {
        "dags/from_specs.py",
        "dags/janitor.py",
        "dags/rollback.py",
        "plugins/sagewind_plugin.py",
        "docs/reference/model-spec.schema.json",
        ".gitignore",
    }
    ours = Path(__file__).parents[2]
    for same in ("plugins/sagewind_plugin.py", "dags/janitor.py", "dags/rollback.py"):
        assert (tmp_path / same).read_text() == (ours / same).read_text()
    assert (tmp_path / "docs" / "reference" / "model-spec.schema.json").read_text() == spec_schema.text()
    (tmp_path / ".gitignore").write_text("mine")
    (tmp_path / "dags" / "from_specs.py").unlink()
    assert scaffold.project(tmp_path) == [tmp_path / "dags" / "from_specs.py"]
    assert (tmp_path / ".gitignore").read_text() == "mine"


@pytest.mark.parametrize("name", ["../out", "a b", "", "-x", "x" * 33])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(scaffold.ScaffoldError, match="letters, digits and inner hyphens"):
        scaffold.scaffold(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["janitor", "rollback"])
def test_a_model_is_not_called_as_a_dag_that_every_project_has(tmp_path, name):
    with pytest.raises(scaffold.ScaffoldError, match=f"name is '{name}'; allowed is what no DAG has"):
        scaffold.scaffold(tmp_path, name)
