"""The documentation's links lead somewhere, its commands exist, its specs load, and all keys are told."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

import sagelocal.__main__
from sagewind import load, sections, sources, spec
from sagewind.cli.main import parser as sagewind_parser

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
PARSERS = {"sagewind": sagewind_parser(), "sagelocal": sagelocal.__main__.parser()}
SHELLS = {"console", "sh", "bash"}


def blocks(page: Path, *languages: str) -> list[str]:
    """Return what stands between a page's fences of these languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language in languages]


def commands(page: Path) -> list[list[str]]:
    """Return the words of every command of ours in a page's shell blocks."""
    text = "".join(blocks(page, *SHELLS)).replace("\\\n", " ")
    lines = re.findall(r"^(?:\$ |eval \"\$\()?((?:sagewind|sagelocal) .*)$", text, re.MULTILINE)
    return [shlex.split(re.sub(r'\)"$| &$', "", line), comments=True) for line in lines]


def laid_over(model: str, text: str, folder: Path) -> spec.Model:
    """Load a spec of `dags/models` with these sections in the place of its own."""
    models = ROOT / "dags/models"
    values = yaml.safe_load((models / f"{model}.yaml").read_text())
    for section, keys in yaml.safe_load(text).items():
        values[section] = {**values.get(section, {}), **keys} if isinstance(keys, dict) else keys
    values["source"]["directory"] = str(models / values["source"]["directory"])
    values["data"]["file"] = str(models.parent / "data" / f"{model}.csv")
    file = folder / f"{model}.yaml"
    file.write_text(yaml.safe_dump(values))
    return load.load(file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_targets_of_make_exist(page):
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE))

    assert {target for target in named if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_as_the_programs_take_them(page, capsys):
    for program, *words in commands(page):
        try:
            PARSERS[program].parse_args(words)
        except SystemExit:
            pytest.fail(f"{program} {' '.join(words)}: {capsys.readouterr().err}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_a_sentence_exist(page):
    named = re.findall(r"`(sagewind|sagelocal) ([a-z][a-z-]*)", page.read_text())

    assert [each for each in named if not _knows(*each)] == []


def _knows(program: str, command: str) -> bool:
    (choices,) = [each.choices for each in PARSERS[program]._subparsers._group_actions]
    return command in choices


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_can_be_read(page):
    for text in blocks(page, "python"):
        compile(text, str(page), "exec")
    for text in blocks(page, "json"):
        json.loads(text)


@pytest.mark.parametrize("left", [".sagewind", ".sagelocal", ".venv-sdk2", "build", "dist", "plugins.zip"])
def test_what_the_pages_have_a_reader_make_is_ignored_and_cleaned_up(left):
    (cleaned,) = re.findall(r"^clean:.*\n\trm -rf (.*)$", MAKEFILE, re.MULTILINE)
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]

    assert left in cleaned.split()
    assert any(fnmatch.fnmatch(left, pattern) for pattern in ignored)


@pytest.mark.parametrize("page", ["README.md", "README.es.md"])
def test_the_readmes_account_is_one_that_a_spec_may_have(page, tmp_path):
    (account,) = blocks(ROOT / page, "yaml")

    role = laid_over("iris", account, tmp_path).account.role

    assert role == "arn:aws:iam::123456789012:role/sagemaker-iris"


def test_the_sections_of_the_page_about_models_are_a_specs(tmp_path):
    told, dynamodb, landing = blocks(ROOT / "docs/howto/models.md", "yaml")

    eager = laid_over("diabetes", told, tmp_path)
    assert (eager.data.starts_training, eager.score.on_promotion, eager.deadline.minutes) == (True, True, 90)
    assert laid_over("diabetes", dynamodb, tmp_path).data.dynamodb.attributes == {"bmi": "measures.bmi"}
    assert laid_over("diabetes", landing, tmp_path).score.landing.prefix == "s3://my-streams/visits/"


@pytest.mark.parametrize("module", [spec, sections, sources], ids=lambda module: module.__name__)
def test_every_key_of_a_spec_is_documented(module):
    text = "".join((ROOT / "docs" / page).read_text() for page in ("concepts.md", "howto/models.md"))
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", text))))
    kinds = [each for each in vars(module).values() if dataclasses.is_dataclass(each)]
    own = [kind for kind in kinds if kind.__module__ == module.__name__]
    keys = {field.name for kind in own for field in dataclasses.fields(kind)} - {"path"}

    assert keys - told == set()
