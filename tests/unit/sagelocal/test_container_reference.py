"""The page about containers is what the code says, and the environments command lists and prunes."""

import json
import os
from pathlib import Path

import pytest

from sagelocal import __main__ as program
from sagelocal.container import environments, reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "containers.md"


def test_the_page_is_made_from_the_code():
    assert PAGE.read_text() == reference.markdown(), (
        "python -m sagelocal.container.reference > docs/reference/containers.md"
    )


def make(root, key, description, used):
    (root / key).mkdir(parents=True)
    mark = root / key / environments.MARK
    mark.write_text(json.dumps({"description": description, "made": 0}))
    os.utime(mark, (used, used))


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGELOCAL_CACHE_DIR", str(tmp_path))
    make(tmp_path / "envs", "old", "an image", 1_000_000)
    make(tmp_path / "envs", "new", "another image", 4_000_000_000)
    (tmp_path / "envs" / "half").mkdir()  # being made
    return tmp_path / "envs"


def test_environments_are_listed_the_longest_unused_first(data, capsys):
    assert program.main(["envs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["old", "new"]
    assert lines[1].endswith("another image")


def test_only_what_is_unused_for_long_is_pruned(data, capsys):
    assert program.main(["envs", "prune", "--unused-days", "10"]) == 0
    assert capsys.readouterr().out == "removed old\n"
    assert sorted(path.name for path in data.iterdir() if path.is_dir()) == ["half", "new"]
