"""What the documentation has a reader run, run as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/howto/boto3.md"


def test_boto3_alone_trains_deploys_asks_scores_and_deletes(serve):
    service = serve(AWS_ENDPOINT_URL="")
    variables = _told(service.data_dir)
    script = "\n".join(python_blocks(PAGE))

    done = subprocess.run(
        [sys.executable, "-W", "error", "-"],
        input=script,
        env=_without_aws() | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    trained, asked, scored = done.stdout.splitlines()
    assert trained.startswith("Completed 0.9")
    assert asked == "['setosa']"
    assert scored == "['setosa', 'virginica']"
    sagemaker = service.client("sagemaker")
    assert not sagemaker.list_endpoints()["Endpoints"]
    assert not sagemaker.list_models()["Models"]


@pytest.mark.parametrize(
    ("page", "seen"),
    [
        ("operators.md", "print(SageMakerTrainingOperator.template_fields)"),  # one import changed
        ("models.md", "print(sorted(dag.task_ids))"),  # groups in a DAG written by hand
    ],
)
def test_a_dag_file_begins_as_the_page_shows(page, seen, tmp_path):
    """Saved beside the specs, and read from elsewhere, as Airflow does."""
    mine = tmp_path / "dags" / "mine.py"
    mine.parent.mkdir()
    (mine.parent / "models").symlink_to(ROOT / "dags" / "models")
    mine.write_text("\n".join([*python_blocks(ROOT / "docs/howto" / page), seen]))

    done = subprocess.run(
        [sys.executable, str(mine)],
        env=_without_aws() | {"AIRFLOW_HOME": str(tmp_path)},
        cwd=mine.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert {"operators.md": "'config'", "models.md": "'gate.judge'"}[page] in done.stdout


def python_blocks(page: Path) -> list[str]:
    """Return the Python that stands on a page."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def _told(data_dir: Path) -> dict[str, str]:
    """Return what `python -m sagelocal env` says for a running service."""
    command = [sys.executable, "-m", "sagelocal", "env", "--json", "--data", str(data_dir)]
    told = subprocess.run(command, env=_without_aws(), capture_output=True, text=True, check=True).stdout
    return dict(json.loads(told))


def _without_aws() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGELOCAL_"))}
