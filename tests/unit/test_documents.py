"""The documentation's links lead somewhere, its `make` targets exist, specs load and have all keys told."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from sagewind import load, sections, sources, spec

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_targets_of_make_exist(page):
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE))

    assert {target for target in named if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)} == set()


def test_the_readmes_account_is_one_that_a_spec_may_have(tmp_path):
    (account,) = re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    models = ROOT / "dags/models"
    with_account = yaml.safe_load((models / "iris.yaml").read_text()) | yaml.safe_load(account)
    with_account["source"]["directory"] = str(models / with_account["source"]["directory"])
    with_account["data"]["file"] = str(models / with_account["data"]["file"])
    file = tmp_path / "iris.yaml"
    file.write_text(yaml.safe_dump(with_account))

    assert load.load(file).account.role == "arn:aws:iam::123456789012:role/sagemaker-iris"


@pytest.mark.parametrize("module", [spec, sections, sources], ids=lambda module: module.__name__)
def test_every_key_of_a_spec_is_documented(module):
    text = "".join((ROOT / "docs" / page).read_text() for page in ("concepts.md", "howto/models.md"))
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", text))))
    kinds = [each for each in vars(module).values() if dataclasses.is_dataclass(each)]
    own = [kind for kind in kinds if kind.__module__ == module.__name__]
    keys = {field.name for kind in own for field in dataclasses.fields(kind)} - {"path"}

    assert keys - told == set()
