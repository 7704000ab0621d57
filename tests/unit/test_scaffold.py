"""A scaffolded model is a spec that loads and lints clean; nothing that is there is written over."""

import pytest

from sagewind import load, plan, scaffold
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


@pytest.mark.parametrize("name", ["../out", "a b", "", "-x", "x" * 33])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(scaffold.ScaffoldError, match="letters, digits and inner hyphens"):
        scaffold.scaffold(tmp_path, name)
    assert list(tmp_path.iterdir()) == []
