"""How the tests are shared out when several processes run them (`pytest -n 2`), and what is told meanwhile.

A file's tests go to one process, since they share their services; all that need a whole stack, too: two
stacks on one machine would only slow each other down. These last the longest, so they begin first.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# Some tests import it as a module before one asks for it as a plugin.
pytest.register_assert_rewrite("sagelocal.testing")

STACK = ("tests/e2e/", "tests/browser/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Give xdist what hands out the tests."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415  (not where the tests run in one process)

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return STACK[0] if nodeid.startswith(STACK) else nodeid.partition("::")[0]

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of a whole stack first in each of several processes."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith(STACK))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name what failed at once: a run that is cut off would never tell."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        sys.stderr.write(f"\nFAILED {report.nodeid} ({report.when})\n{report.longreprtext}\n")
