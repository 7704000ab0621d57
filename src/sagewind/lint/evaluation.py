"""The gate's metrics against the script that measures: what it never writes fails the gate, after the job."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from sagewind.lint import script
from sagewind.lint.finding import Finding, Severity, syntax

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each metric that the evaluation script does not name, or for no Python in it.

    A name may be put together when the script runs; so it is an error only where a near one is written.
    """
    if subject.evaluation is None:
        return
    try:
        parsed = script.read(subject.evaluation)
    except SyntaxError as error:
        yield syntax(error, subject.evaluation)
        return
    sources = [module.path.read_text(encoding="utf-8", errors="replace") for module in parsed.modules]
    written = {text for text, _ in parsed.texts()}
    for name, declared in subject.judged.items():
        if any(name in source for source in sources):
            continue
        near = difflib.get_close_matches(name, written, n=1)
        yield Finding(
            rule="gate-metric",
            place=declared.place,
            what=f"the gate asks for the metric {name!r}, which {subject.evaluation.name} never names",
            mend=f"did you mean {near[0]!r}?" if near else f"have {subject.evaluation.name} write it",
            severity=Severity.ERROR if near else Severity.WARNING,
        )
