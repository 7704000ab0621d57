"""The contract between what is declared and what the training script does, checked before it costs.

Nothing is run and nothing is called: scripts are read as syntax trees. A SageMaker job that was given a
hyperparameter which its script never sees ends well, and with the wrong model; that is what this finds.
"""

from sagewind.lint.check import demand_clean, lint
from sagewind.lint.command import cli
from sagewind.lint.finding import Finding, LintError, Place, Severity
from sagewind.lint.paths import lint_path, subjects
from sagewind.lint.subject import Declared, Metric, Request, Subject

__all__ = [
    "Declared",
    "Finding",
    "LintError",
    "Metric",
    "Place",
    "Request",
    "Severity",
    "Subject",
    "cli",
    "demand_clean",
    "lint",
    "lint_path",
    "subjects",
]
