"""The stack's executor: a task that has ended wakes its scheduler, which naps for no longer than told."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LOOK = """
import threading
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState
from sagewind.executor import PromptLocalExecutor

executor = PromptLocalExecutor(parallelism=1)
executor.start()
key = TaskInstanceKey("iris", "train", "monday", 1)
executor.running.add(key)
executor.nap = {nap}
report = threading.Timer({after}, executor.result_queue.put, [(key, TaskInstanceState.SUCCESS, None)])
report.start()
executor.heartbeat()
print("told:", *(state for state, _ in executor.get_event_buffer().values()))
report.join()
executor.end()
"""
"""One look of the scheduler, by an executor whose task ends `after` seconds."""


@pytest.mark.parametrize(("nap", "after", "told"), [(60, 0.2, "told: success"), (0.01, 2, "told:")])
def test_a_task_that_ends_wakes_the_scheduler_and_one_that_does_not_leaves_it_alone(
    nap: float, after: float, told: str, tmp_path: Path
) -> None:
    looked = subprocess.run(
        [sys.executable, "-c", LOOK.format(nap=nap, after=after)],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert [line.strip() for line in looked.stdout.splitlines() if line.startswith("told:")] == [told]
