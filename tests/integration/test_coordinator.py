"""The stack's coordinator: a task is over when its process is, whatever its sockets said before."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LATE = """
import os, time, uuid
import httpx
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance
from sagewind.coordinator import PromptCoordinator

def silent_before_its_end():
    os.closerange(0, 256)
    time.sleep(0.5)
    os._exit(0)

def api(request):
    if not request.url.path.endswith("/run"):
        return httpx.Response(204)
    named = dict.fromkeys(("dag_id", "run_id"), "iris")
    moments = dict.fromkeys(("logical_date", "run_after", "start_date"), "2026-11-02T03:00:00Z")
    empty = dict.fromkeys(("data_interval_start", "data_interval_end", "end_date", "partition_key"))
    run = named | moments | empty | {"run_type": "manual", "state": "running", "consumed_asset_events": []}
    return httpx.Response(200, json={"dag_run": run, "task_reschedule_count": 0, "max_tries": 0,
                                     "should_retry": False, "variables": [], "connections": []})

named = dict.fromkeys(("task_id", "dag_id", "run_id", "hostname"), "iris")
numbered = dict.fromkeys(("id", "dag_version_id"), uuid.uuid4())
counted = dict.fromkeys(("try_number", "pool_slots", "priority_weight"), 1)
result = PromptCoordinator().execute_task(
    what=TaskInstance(queue="default", **named, **numbered, **counted),
    dag_rel_path="iris.py",
    bundle_info={"name": "dags"},
    client=Client(base_url="http://airflow", token="", transport=httpx.MockTransport(api)),
    subprocess_logs_to_stdout=False,
    target=silent_before_its_end,
)
print("ended:", result.exit_code)
"""
MUCH_LATER = "3600"
"""Seconds to the supervisor's next look."""


def test_a_task_is_over_as_soon_as_its_process_is(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LATE],
        env={
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": MUCH_LATER,
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": MUCH_LATER,
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "ended: 0" in ran.stdout.splitlines(), ran.stderr
