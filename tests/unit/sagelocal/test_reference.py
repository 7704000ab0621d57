"""The pages about the command line and about faults say what the code says."""

import re
from pathlib import Path

from sagelocal import faults, reference

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_about_the_command_line_is_up_to_date():
    assert (DOCS / "reference" / "cli.md").read_text() == reference.page(), (
        "python -m sagelocal.reference > docs/reference/cli.md"
    )


def test_the_plan_that_the_page_about_faults_shows_can_be_read():
    blocks = re.findall(r"```json\n(.*?)```", (DOCS / "howto" / "faults.md").read_text(), re.DOTALL)
    kinds = {each.fault for block in blocks for each in faults.parse(block)}
    assert kinds == set(faults.KINDS)


def test_the_page_about_faults_has_every_kind_with_its_members_and_effect():
    text = (DOCS / "howto" / "faults.md").read_text()
    for name, kind in faults.KINDS.items():
        members = ", ".join(f"`{each}`" for each in kind.members)
        assert f"| `{name}` | {members} | {kind.effect} |" in text
