"""The DAG import check: a broken contract between spec and script shows as an import error in Airflow.

    model = load(HERE / "models" / "iris.yaml")
    dags.check(model)

It reads two small files and takes milliseconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sagewind.lint import check as rules
from sagewind.lint import declared

if TYPE_CHECKING:
    from sagewind import spec
    from sagewind.lint.finding import Finding


def check(model: spec.Model) -> tuple[Finding, ...]:
    """Return the warnings about a loaded spec.

    Raises:
        LintError: there are errors.

    """
    if model.path is None:
        raise ValueError(
            f"the spec {model.name!r} was not loaded from a file; load it with sagewind.load.load"
        )
    findings = rules.lint(declared.subject(model, Path(model.path)))
    rules.demand_clean(findings)
    return findings
