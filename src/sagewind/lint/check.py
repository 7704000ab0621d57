"""All rules over one subject, in one readable list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewind.lint import (
    artifacts,
    channels,
    evaluation,
    hyperparameters,
    metrics,
    names,
    requirements,
    script,
    serving,
    shapes,
)
from sagewind.lint.finding import Finding, LintError, Severity, syntax

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sagewind.lint.subject import Subject

ON_SCRIPT = (hyperparameters.check, channels.check, metrics.check, serving.check, artifacts.check)
ON_DECLARATIONS = (requirements.check, names.check, shapes.check, evaluation.check)


def lint(subject: Subject) -> tuple[Finding, ...]:
    """Return every finding about `subject`, in the order of files and lines."""
    return tuple(sorted(_findings(subject), key=lambda finding: (finding.place, finding.rule)))


def demand_clean(findings: Iterable[Finding]) -> None:
    """Raise when one of `findings` is an error; warnings pass.

    Raises:
        LintError: with every error, one a line.

    """
    errors = tuple(finding for finding in findings if finding.severity is Severity.ERROR)
    if errors:
        raise LintError(errors)


def _findings(subject: Subject) -> Iterator[Finding]:
    for on_declarations in ON_DECLARATIONS:
        yield from on_declarations(subject)
    if subject.script is None:
        return
    try:
        parsed = script.read(subject.script)
    except OSError:
        yield Finding(
            rule="script-missing",
            place=subject.place,
            what=f"entry point {subject.entry_point!r} is not in {str(subject.source_dir)!r}",
            mend="correct source_dir or entry_point",
            # A folder that is not there may be relative to wherever the call is run.
            severity=Severity.ERROR
            if subject.source_dir and subject.source_dir.is_dir()
            else Severity.WARNING,
        )
        return
    except SyntaxError as error:
        yield syntax(error, subject.script)
        return
    for on_script in ON_SCRIPT:
        yield from on_script(subject, parsed)
