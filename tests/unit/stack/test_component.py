"""How Airflow's programs are started: as `airflow` would start them, with a collector that looks seldom."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

from sagewind.stack import component

REPORTING = """
import atexit, gc, sys
from sagewind.stack import component
atexit.register(lambda: print(sys.argv, gc.get_threshold()))
component.main()
"""


def test_airflow_runs_with_what_it_is_given() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPORTING, "version"], capture_output=True, text=True, check=True
    )
    *_, version, told = done.stdout.splitlines()  # it may log something first
    assert version == metadata.version("apache-airflow-core")
    assert told == f"['airflow', 'version'] {component.THRESHOLDS}"


def test_what_airflow_refuses_is_refused() -> None:
    command = [sys.executable, "-m", "sagewind.stack.component", "no-such-part"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no-such-part" in done.stderr
