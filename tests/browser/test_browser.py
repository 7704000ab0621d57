"""What a person sees, in a real browser: a DAG's graph, the trigger form, the backfill dialog, the approval.

Pictures of it are kept by `SAGEWIND_PICTURES=docs/pictures make test ARGS=tests/browser`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.browser import devtools

from sagewind.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Running

SECONDS = 400
DIALOG = "[role=dialog]"

pytestmark = devtools.NEEDED


def test_the_graph_shows_each_part_of_a_life(stack: Running, page: devtools.Page, pictures: Path) -> None:
    page.open(f"{stack.memory.address('airflow')}/dags/diabetes")
    page.read("Latest Dag Version")
    page.click("Show Graph")
    page.read("train", "evaluate", "gate", "register", "deploy")
    page.picture(pictures / "graph.png")


def test_the_trigger_form_is_the_spec(stack: Running, page: devtools.Page, pictures: Path) -> None:
    page.open(f"{stack.memory.address('airflow')}/dags/iris")
    page.read("Latest Dag Version")
    page.click("Trigger")
    page.size(height=1200)
    page.unfold("Hyperparameters")
    page.read("Trees", "How many trees the forest has.", "Smallest leaf", "Seed")
    page.picture(pictures / "trigger.png", of=DIALOG)
    page.unfold("Where")
    page.read("Instance type", "The machine of the training job.", "Training data", "s3://")
    page.picture(pictures / "where.png", of=DIALOG)
    page.size()
    page.wait("[...document.querySelectorAll('[role=dialog] button')].at(-1).disabled === false")


def test_past_days_are_backfilled_in_a_dialog(stack: Running, page: devtools.Page, pictures: Path) -> None:
    page.open(f"{stack.memory.address('airflow')}/dags/iris_score")
    page.read("Latest Dag Version")
    page.click("Trigger")
    page.click("Backfill")
    page.read("Reprocess Behavior", "Max Active Runs")
    page.size(height=1200)
    page.picture(pictures / "backfill.png", of=DIALOG)
    page.size()


def test_a_person_approves_a_version(stack: Running, page: devtools.Page, pictures: Path) -> None:
    run_id = stack.airflow.trigger("wine", {"num_round": 20})
    deadline = time.monotonic() + SECONDS
    while not (questions := stack.airflow.questions("wine")):
        assert time.monotonic() < deadline, "wine asks nothing"
        time.sleep(0.5)
    [asked] = questions
    run = f"{stack.memory.address('airflow')}/dags/wine/runs/{quote(run_id)}"
    page.open(f"{run}/tasks/{asked.task_id}/required_actions")
    page.size(height=960)
    page.read(asked.subject, "accuracy", "Reject")
    page.picture(pictures / "approval.png")
    page.click("Approve")
    assert stack.await_run("wine", run_id) == "success"
    [version] = Registry(stack.client("sagemaker")).versions("wine")
    assert version.status == "Approved"
