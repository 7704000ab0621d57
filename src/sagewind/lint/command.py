"""`sagewind lint PATH…`: findings on standard output, exit status 1 when one of them is an error."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagewind.lint.finding import Severity
from sagewind.lint.paths import lint_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewind.lint.finding import Finding


def cli(argv: Sequence[str] | None = None) -> int:
    """Run the linter on the paths of `argv`; return 0 (clean), 1 (findings) or 2 (a path does not exist)."""
    parser = argparse.ArgumentParser(
        prog="sagewind lint",
        description="Check what specs and SDK calls declare against what the training scripts do,"
        " and the requests of operators against the API.",
    )
    arguments(parser)
    return report(parser.parse_args(argv))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the linter's arguments."""
    parser.add_argument(
        "paths", nargs="*", type=Path, default=[Path()], help="specs, Python files, notebooks, folders (.)"
    )
    parser.add_argument("--format", choices=("text", "json", "github"), default="text")
    parser.add_argument("--strict", action="store_true", help="warnings too make the exit status 1")


def report(options: argparse.Namespace) -> int:
    """Print the findings that the arguments ask for; return the exit status, as `cli` does."""
    try:
        findings = tuple(dict.fromkeys(f for path in options.paths for f in lint_path(path)))
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    _print(findings, options.format)
    failing = [f for f in findings if options.strict or f.severity is Severity.ERROR]
    return 1 if failing else 0


def _print(findings: tuple[Finding, ...], form: str) -> None:
    out = sys.stdout
    if form == "json":
        json.dump([finding.as_dict() for finding in findings], out, indent=2)
        out.write("\n")
        return
    for finding in findings:
        out.write(f"{_github(finding) if form == 'github' else finding}\n")
    if form == "text":
        errors = sum(finding.severity is Severity.ERROR for finding in findings)
        out.write(f"{errors} error(s), {len(findings) - errors} warning(s)\n")


def _github(finding: Finding) -> str:
    """Return a workflow command: https://docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    text = f"{finding.what}; {finding.mend}".replace("%", "%25").replace("\n", "%0A")
    place = f"file={finding.place.file},line={finding.place.line},title={finding.rule}"
    return f"::{finding.severity} {place}::{text}"
