"""The stack of the end-to-end tests, and a browser that is logged in to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser import devtools
from tests.e2e.conftest import launch, stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Running

__all__ = ["launch", "stack"]


@pytest.fixture(scope="module")
def page(stack: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[devtools.Page]:
    """A tab of somebody who is logged in."""
    address = stack.memory.address("airflow")
    with devtools.Browser(tmp_path_factory.mktemp("chromium")) as browser, browser.page() as page:
        devtools.log_in(page, address, stack.airflow.token)
        yield page


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures are kept."""
    return devtools.pictures(tmp_path)
