"""The linter in a project's own tests.

from sagewind.testing.lint import assert_clean

def test_specs():
assert_clean("dags/models")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sagewind.lint import Severity, lint_path

if TYPE_CHECKING:
    from collections.abc import Collection


def assert_clean(path: Path | str, *, allow: Collection[str] = (), strict: bool = True) -> None:
    """Fail when the linter finds something below `path`; `allow` lists rule ids to pass over.

    Raises:
        AssertionError: with every finding, one a line; warnings count unless `strict` is false.

    """
    findings = [
        finding
        for finding in lint_path(Path(path))
        if finding.rule not in allow and (strict or finding.severity is Severity.ERROR)
    ]
    if findings:
        raise AssertionError("\n".join(["sagewind lint:", *map(str, findings)]))
