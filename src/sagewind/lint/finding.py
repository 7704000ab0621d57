"""What a rule reports: one finding says where, what, and how to mend it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from pathlib import Path


class Severity(StrEnum):
    """How sure a rule is that the run goes wrong."""

    ERROR = "error"  # the run fails, or silently does something else than was asked for
    WARNING = "warning"  # it works today and surprises somebody tomorrow


@dataclass(frozen=True, kw_only=True, order=True)
class Place:
    """A line of a file; `line` counts from 1, and 1 also stands for the file as a whole."""

    file: Path
    line: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    `rule` is the rule's id (`hyperparameter-spelling`), `what` states the fact with the value met, and
    `mend` the smallest change that puts it right.
    """

    rule: str
    place: Place
    what: str
    mend: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.place}: {self.severity} [{self.rule}] {self.what}; {self.mend}"

    def as_dict(self) -> dict[str, str | int]:
        """Return the finding as plain JSON."""
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "file": str(self.place.file),
            "line": self.place.line,
            "what": self.what,
            "mend": self.mend,
        }


def syntax(error: SyntaxError, file: Path) -> Finding:
    """Return the finding about what Python cannot read: `file`, or the one that the error names."""
    place = Place(file=type(file)(error.filename or file), line=error.lineno or 1)
    mend = f"correct the file (it was read as Python {sys.version_info.major}.{sys.version_info.minor})"
    return Finding(rule="script-syntax", place=place, what=error.msg, mend=mend)


class LintError(SagewindError):
    """The contract between spec and script is broken; the message lists every finding, one a line."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings
