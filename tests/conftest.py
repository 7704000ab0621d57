"""How the tests are shared out when several processes run them (`pytest -n 2`).

The files of one group go to one process: a file's tests share their services, and the end-to-end tests one
machine, on which two stacks would only slow each other down. These last the longest, so they begin first.
"""

from __future__ import annotations

from pathlib import Path

import pytest

# Some tests import it as a module before one asks for it as a plugin.
pytest.register_assert_rewrite("sagelocal.testing")

TESTS = Path(__file__).parent
STACK = "e2e"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put each test into its group."""
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path)))
    items.sort(key=lambda item: _group(item.path) != STACK)


def _group(path: Path) -> str:
    place = path.relative_to(TESTS)
    return STACK if place.parts[0] == STACK else place.with_suffix("").as_posix()
