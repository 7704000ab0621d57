"""The task's log when the triggerer dies: the one that takes over goes on where the other was."""

from __future__ import annotations

import re

import pytest
from tests.chaos import work
from tests.integration import training_jobs as jobs

LINES = 75
SCRIPT = f"""
import time
for number in range({LINES}):
    print(f"line {{number}}", flush=True)
    time.sleep(1)
"""
NOTED = 40
"""A line that is shown when the trigger notes how far it came: from half a minute after the deferral on."""


@pytest.mark.airflow
def test_each_line_is_shown_and_only_those_of_one_poll_may_be_twice(chaos):
    s3 = chaos.client("s3")
    work.bucket(s3)
    run_id = chaos.airflow.trigger(
        "chaos_train", {"config": jobs.request(s3, jobs.unique("log"), {"train.py": SCRIPT})}
    )

    def shown() -> list[int]:
        task = chaos.airflow.tasks("chaos_train", run_id).get("work")
        begun = task is not None and task.try_number > 0
        lines = chaos.airflow.log("chaos_train", run_id, task) if begun else []
        return [int(number) for line in lines for number in re.findall(r"\bline (\d+)\b", line)]

    chaos.wait("the log is noted", lambda: NOTED in shown())
    before = chaos.pid("triggerer")
    assert chaos.kill("triggerer", ("", ""), "")
    chaos.wait("the triggerer is back", lambda: chaos.restarted("triggerer", before))
    assert chaos.ended("chaos_train", run_id) == "success"
    found = shown()
    assert set(found) == set(range(LINES))
    assert len(found) - LINES <= 3  # a poll a second, on a busy machine
