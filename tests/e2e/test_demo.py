"""The demo, and the same DAG with other hyperparameters, by the real scheduler."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal.container import images
from sagelocal.container.environments import Environments
from sagelocal.settings import Settings
from sagewind.load import load

if TYPE_CHECKING:
    from tests.e2e.conftest import Running

PROJECT = Path(__file__).parents[2]
DAGS = [
    *("diabetes", "diabetes_score"),
    *("iris", "iris_score"),
    *("janitor", "rollback"),
    *("wine", "wine_score"),
]
TASKS = ["upload", "train", "model", "endpoint", "transform", "verify", "report"]


def trained(stack: Running, trees: int) -> dict[str, Any]:
    """Train with this many trees; return the run's report."""
    run_id = stack.airflow.trigger("iris", {"n-estimators": trees})
    assert stack.await_run("iris", run_id) == "success"
    report: dict[str, Any] = stack.airflow.result("iris", run_id, "report")
    return report


def accuracy_by_hand(folder: Path, trees: int) -> float:
    """Run the training script as its own first lines say, in the image's environment."""
    spec = load(PROJECT / "dags/models/iris.yaml")
    source = PROJECT / "sm_code/iris"
    parameters = {name: each.default for name, each in spec.hyperparameters.items()} | {"n-estimators": trees}
    made = Environments(Settings().cache_dir / "envs").ensure(
        images.resolve(f"sagemaker-scikit-learn:{spec.image.version}-cpu-py3"),
        (source / "requirements.txt").read_text(),
        source,
    )
    places = {
        "train-dir": PROJECT / "dags/data",
        "model-dir": folder / "model",
        "output-data-dir": folder / "output",
    }
    arguments = [f"--{name}={value}" for name, value in (parameters | places).items()]
    done = subprocess.run(
        [made.python, source / "train.py", *arguments], capture_output=True, text=True, check=True
    )
    found = re.search(r"Accuracy=([0-9.]+);", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def size(stack: Running, address: str) -> int:
    bucket, key = address.removeprefix("s3://").split("/", 1)
    s3 = stack.client("s3")
    length: int = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    return length


def test_airflow_knows_exactly_these_dags(stack: Running) -> None:
    assert stack.airflow.import_errors() == {}
    assert stack.airflow.dag_ids() == DAGS


def test_the_dag_has_every_step_of_the_tutorial(stack: Running) -> None:
    assert stack.airflow.task_order("iris") == TASKS


def test_the_demo_uses_the_running_stack_and_leaves_it(stack: Running) -> None:
    done = stack.run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    for told in (
        r"using the stack that runs in",
        r"train +success",
        r"accuracy +0\.\d+",
        r"model +s3://\S+/model\.tar\.gz",
        r"scores +s3://\S+\.out",
        r"rows +(\d+) in, \1 out",
    ):
        assert re.search(told, done.stdout), (told, done.stdout)
    assert len(re.findall(r"[✔✘]$", done.stdout, flags=re.MULTILINE)) == 5  # predictions beside the truth
    assert stack.run("status").returncode == 0


def test_the_tutorial_asks_the_endpoint(stack: Running) -> None:
    pages = [(PROJECT / f"docs/tutorial/{language}.md").read_text() for language in ("en", "es")]
    block = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
    (script,) = {script for page in pages for script in block.findall(page)}  # one for both languages
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | stack.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == """b'["setosa", "virginica"]'\n"""


def test_hyperparameters_of_the_form_reach_the_model(stack: Running, tmp_path: Path) -> None:
    small, large = trained(stack, 1), trained(stack, 100)
    assert small["hyperparameters"]["n-estimators"] == "1"
    assert large["hyperparameters"]["n-estimators"] == "100"
    assert small["accuracy"] == accuracy_by_hand(tmp_path, 1)
    assert size(stack, large["model_artifact"]) > 5 * size(stack, small["model_artifact"])


def test_a_value_that_the_form_forbids_is_refused_with_the_reason(stack: Running) -> None:
    done = stack.run("demo", "--param", "n-estimators=0")
    assert done.returncode == 1
    assert "less than the minimum" in done.stderr
