"""SIGKILL for each part of the stack, at each moment of each kind of work: the work is done once."""

from __future__ import annotations

import pytest
from tests.chaos import scenario, table, work

TARGETS = ("worker", "triggerer", "scheduler", "sagelocal", "supervisor")


@pytest.mark.airflow
@pytest.mark.parametrize("moment", table.MOMENTS)
@pytest.mark.parametrize("target", TARGETS)
def test_one_jobs_work_is_done_and_nothing_is_left(chaos, target, moment):
    cases = scenario.play(chaos, target, moment, tuple(work.KINDS))
    table.record(target, moment, cases)
    assert [case for case in cases if not case.right] == []
