"""The stack with the chaos DAGs, once for all tests."""

from pathlib import Path

import pytest
from tests.chaos.starting import started

PROJECT = Path(__file__).parent / "project"


@pytest.fixture(scope="session")
def chaos(tmp_path_factory):
    with started(PROJECT, tmp_path_factory.mktemp("chaos") / "home") as stack:
        yield stack
