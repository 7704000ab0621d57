"""A backfill of fifty days of scoring, as a user makes it, by the real scheduler."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from conftest import Running

DAYS = 50
FIRST, LAST = "2026-01-01", "2026-02-19"  # both are scored
SECONDS = 1800  # a bound for slow machines, no measure


def test_fifty_days_are_scored_and_the_scheduler_lives(stack: Running) -> None:
    trained = stack.airflow.trigger("iris", {})
    assert stack.await_run("iris", trained) == "success"  # scoring takes the deployed model
    created = subprocess.run(
        [
            sys.executable, "-m", "airflow", "backfill", "create",
            "--dag-id", "iris_score", "--from-date", FIRST, "--to-date", LAST,
        ],
        env=stack.variables, cwd=stack.home.root, check=False, timeout=SECONDS,
        capture_output=True, text=True,
    )  # fmt: skip
    assert created.returncode == 0, created.stderr
    states = await_all(stack)
    assert states == ["success"] * DAYS
    health = httpx.get(f"{stack.memory.address('airflow')}/api/v2/monitor/health", trust_env=False).json()
    assert health["scheduler"]["status"] == "healthy"


def await_all(stack: Running) -> list[str]:
    deadline = time.monotonic() + SECONDS
    while True:
        states = stack.airflow.run_states("iris_score", kind="backfill")
        if len(states) == DAYS and all(state in {"success", "failed"} for state in states):
            return states
        assert time.monotonic() < deadline, states
        time.sleep(1)
