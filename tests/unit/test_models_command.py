"""The spec that a command is about is that of the model's name, and no other's."""

from argparse import Namespace
from pathlib import Path

import pytest

from sagewind import load
from sagewind.cli import models
from sagewind.cli.call import Call
from sagewind.lint.paths import lint_path
from sagewind.stack.home import Home

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(tmp_path):
    """A command about `copied`, whose spec is that of iris under another file's name."""
    folder = tmp_path / "dags" / "models"
    folder.mkdir(parents=True)
    text = (ROOT / "dags" / "models" / "iris.yaml").read_text().replace("../..", str(ROOT))
    (folder / "copied.yaml").write_text(text.replace("../data", str(ROOT / "dags" / "data")))
    home = Home(project=tmp_path, root=tmp_path / ".sagewind")
    return Call(home=home, arguments=Namespace(model="copied"), environ={})


def test_a_copied_spec_that_kept_its_name_is_not_taken_for_the_other_model(call):
    with pytest.raises(load.LoadError, match="name is 'iris'; allowed is the file's, 'copied'"):
        models.model(call)
    [found] = lint_path(models.spec_file(call))
    assert str(found).endswith(
        "copied.yaml:3: warning [name-not-file] name is 'iris', and the file is copied.yaml; give both one "
        "name: DAGs that are made of specs, and commands, go by the file's"
    )


def test_a_spec_of_another_ending_is_named(call):
    spec = models.spec_file(call)
    other = spec.with_suffix(".yml")
    other.write_text(spec.read_text().replace("name: iris", "name: copied"))
    spec.unlink()
    with pytest.raises(
        load.LoadError, match=r"copied\.yml: a spec's file ends in \.yaml; rename it to copied"
    ):
        models.model(call)
    assert [each.rule for each in lint_path(other)] == ["spec-invalid"]
