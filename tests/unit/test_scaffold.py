"""A scaffolded model is a spec that loads and lints clean; nothing that is there is written over."""

from pathlib import Path

import pytest

from sagewind import load, plan, scaffold, spec_schema
from sagewind.testing.lint import assert_clean


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
        "plugins/sagewind_plugin.py",
        "docs/reference/model-spec.schema.json",
        ".gitignore",
    }
    ours = Path(__file__).parents[2] / "plugins" / "sagewind_plugin.py"
    assert (tmp_path / "plugins" / "sagewind_plugin.py").read_text() == ours.read_text()
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
