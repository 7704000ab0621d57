"""Every operator, sensor and trigger of the Amazon provider, as tasks of one DAG on the real service.

Green when the work succeeds; red when it fails, is stopped or is refused, where the provider says so: the
table is in `outcomes`.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.amazon.aws.operators import sagemaker as operators
from airflow.providers.amazon.aws.sensors import sagemaker as sensors
from airflow.providers.amazon.aws.triggers import sagemaker as triggers
from tests.integration import pipeline_definitions as pipelines
from tests.integration import training_jobs as jobs
from tests.integration import whole_dags
from tests.integration.conftest import start
from tests.integration.operators.outcomes import BASES, ROWS, Requests

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_SECONDS = 0.2

DAG_FILE = """
import json, os
from pathlib import Path

from airflow.providers.amazon.aws.operators import sagemaker as operators
from airflow.providers.amazon.aws.sensors import sagemaker as sensors
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("outcomes", schedule=None) as dag:
    after = EmptyOperator(task_id="after", trigger_rule="all_done")
    tasks = Path(os.environ.get("TASKS", Path(__file__).with_name("tasks.json")))
    for task_id, (of, arguments) in json.loads(tasks.read_text()).items():
        made = getattr(sensors if of.endswith("Sensor") else operators, of)(
            task_id=task_id, retries=0, **arguments
        )
        if "if_task_ids" in arguments:
            made >> after

if __name__ == "__main__":
    from airflow.utils.db import initdb
    initdb()
    run = dag.test()
    states = {each.task_id: each.state for each in run.get_task_instances()}
    Path(os.environ["TOLD"]).write_text(json.dumps(states))
"""


def classes(module):
    return {
        name
        for name, value in inspect.getmembers(module, inspect.isclass)
        if value.__module__ == module.__name__ and name.startswith("SageMaker")
    } - BASES


def test_every_class_has_a_row():
    assert classes(operators) | classes(sensors) == {row.of for row in ROWS}
    assert classes(triggers) == {row.waits for row in ROWS if row.deferrable}
    both = {"blocking", "trigger"}
    ways = {row.of: set() for row in ROWS}
    for row in ROWS:
        ways[row.of].add("trigger" if row.deferrable else row.waits)
    deferrable = {name for name in classes(operators) if "deferrable" in _arguments(name)}
    assert {name for name, found in ways.items() if found == both} == deferrable


def _arguments(name):
    return inspect.signature(getattr(operators, name).__init__).parameters


@pytest.fixture(scope="module")
def service(tmp_path_factory, emulator):
    """Give a service with room for all that waits to be stopped."""
    running = start(
        tmp_path_factory.mktemp("outcomes") / "data",
        "--on-exit",
        "stop",
        **emulator.client_environment,
        SAGELOCAL_MAX_RUNNING_JOBS="20",
    )
    yield running
    running.end()


@pytest.fixture(scope="module")
def states(request, service, tmp_path_factory) -> dict[str, str]:
    """Run the tasks of the selected rows; return how they ended."""
    items = [each for each in request.session.items if each.path == request.path]
    chosen = [each.callspec.params["row"] for each in items if hasattr(each, "callspec")]
    s3 = service.client("s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=jobs.BUCKET)
    requests = Requests(service.client, jobs.unique("o"))
    tasks = {
        f"{row.name}.{ends}": (row.of, requests.arguments(row, ends)) for row in chosen for ends in row.ends
    }
    with stopping(service.client("sagemaker"), requests.long):
        return run(service, tasks, tmp_path_factory.mktemp("dag"))


def run(service, tasks: dict[str, Any], folder) -> dict[str, str]:
    (folder / "outcomes.py").write_text(DAG_FILE)
    (folder / "tasks.json").write_text(json.dumps(tasks))
    file = folder / "outcomes.py"
    told, _ = whole_dags.run(file, folder, service, TASKS=str(folder / "tasks.json"))
    return dict(told)


@contextlib.contextmanager
def stopping(sagemaker, long: set[tuple[str, str]]) -> Iterator[None]:
    """Stop what is to be stopped, each once it runs."""
    over = threading.Event()

    def watch():
        left = set(long)
        while left and not over.wait(LOOK_SECONDS):
            left -= {each for each in left if stop(sagemaker, *each)}

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    over.set()
    thread.join()


def stop(sagemaker, method: str, name: str) -> bool:
    """Stop a job, or a pipeline's execution, if it runs; tell whether it did."""
    if method == "pipeline":
        for each in sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]:
            arn = each["PipelineExecutionArn"]
            if "Metadata" in pipelines.steps_of(sagemaker, arn).get("Long", {}):
                sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="t" * 32)
                return True
        return False
    noun = "".join(word.capitalize() for word in method.split("_"))
    try:
        described = getattr(sagemaker, f"describe_{method}")(**{f"{noun}Name": name})
    except sagemaker.exceptions.ClientError:
        return False  # the task that makes it has not begun
    runs = {
        "training_job": described.get("SecondaryStatus") == "Training",
        "processing_job": "ProcessingStartTime" in described,
        "transform_job": "TransformStartTime" in described,
        "hyper_parameter_tuning_job": True,
    }
    if runs[method]:
        getattr(sagemaker, f"stop_{method}")(**{f"{noun}Name": name})
    return runs[method]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_task_has_the_colour_of_its_work(states, row):
    found = {ends: states[f"{row.name}.{ends}"] for ends in row.ends}
    assert found == row.ends
