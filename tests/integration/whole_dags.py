"""Runs a file of DAGs by `dag.test()`, in a process and an Airflow of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Service

SECONDS = 1200
"""A bound for slow machines, no measure."""


def run(
    file: Path, home: Path, service: Service, *, seconds: float = SECONDS, **variables: str
) -> tuple[Any, str]:
    """Run a file with the services' addresses; return what it wrote as JSON to `$TOLD`, and what it said."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "AWS"))}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    environ |= service.addresses | {
        "AWS_ENDPOINT_URL_SAGEMAKER": service.url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": service.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "TOLD": str(home / "told.json"),
    }
    output = home / "output.txt"
    with output.open("wb") as said:
        done = subprocess.run(
            [sys.executable, file],
            env=environ | variables,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=seconds,
        )
    assert done.returncode == 0, output.read_text()[-3000:]
    return json.loads((home / "told.json").read_text()), output.read_text()
