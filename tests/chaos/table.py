"""The table of what was tried, in the documentation: each scenario that runs writes its own row anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.scenario import Case

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
START, END = "<!-- written by make chaos -->", "<!-- until here -->"
MOMENTS = {
    "created": "before the answer to Create",
    "running": "while the job runs",
    "ended": "after the job's end, before the task's",
}


def record(target: str, moment: str, cases: Sequence[Case]) -> None:
    """Write the row of one scenario into the page."""
    before, _, rest = PAGE.read_text().partition(START)
    body, _, after = rest.partition(END)
    head, rule, *rows = [line for line in body.splitlines() if line.startswith("|")]
    label = f"| {target} | {MOMENTS[moment]} |"
    rows = [row for row in rows if not row.startswith(label)]
    rows.append(" ".join([label, *(f"{cell(case)} |" for case in cases)]))
    text = "\n".join(["", head, rule, *sorted(rows, key=_place), ""])
    written = PAGE.with_suffix(".tmp")
    written.write_text(f"{before}{START}{text}{END}{after}")
    written.replace(PAGE)


def _place(row: str) -> tuple[str, int]:
    """Return where a row belongs: by who is killed, then in the order of the moments."""
    target, moment = (part.strip() for part in row.split("|")[1:3])
    return target, list(MOMENTS.values()).index(moment)


def cell(case: Case) -> str:
    """Return what came of one kind of work: how many jobs did it, of how many that were made."""
    if not case.right:
        counts = f"{case.done} of {len(case.found)}, {case.left} left"
        return f"**{counts}, {case.state}, {case.killed} killed**"
    return f"{case.done} of {len(case.found)}" + ("" if case.killed else " (nobody to kill)")
