"""The stack with the one model, for all weeks."""

import pytest
from tests.chaos.starting import started
from tests.seasons import world


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    project = world.project(tmp_path_factory.mktemp("project"))
    with started(project, tmp_path_factory.mktemp("seasons") / "home") as stack:
        yield stack
