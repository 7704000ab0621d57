"""The Models page as a person sees it in Airflow: of models that were trained, scored and watched.

Pictures of it are kept by `SAGEWIND_PICTURES=docs/pictures make test ARGS=tests/browser`.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING

import pytest
from tests.browser import devtools
from tests.seasons import world

from sagewind.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Running

SECONDS = 600
BUCKET = "sagemaker-us-east-1-123456789012"
DAYS = world.days(world.DRIFT - dt.timedelta(days=6), 8)
"""On the last two the patients are heavier."""
FRAME = "document.querySelector('iframe')?.contentDocument"

pytestmark = devtools.NEEDED


def finished(stack: Running, dag_id: str, conf: dict[str, object]) -> None:
    run_id = stack.airflow.trigger(dag_id, conf)
    assert stack.await_run(dag_id, run_id, SECONDS) == "success", stack.airflow.tasks(dag_id, run_id)


@pytest.fixture(scope="module")
def lived(stack: Running) -> Running:
    """Have a model live: trained, eight days scored, drift found, trained again by that; another one asks."""
    finished(stack, "diabetes", {})
    s3 = stack.client("s3")
    for day in DAYS:
        for kind, body in (
            ("incoming", world.features(day)),
            ("truth", world.table(day, "id", "progression")),
        ):
            s3.put_object(Bucket=BUCKET, Key=f"diabetes/{kind}/ds={day}/rows.csv", Body=body)
    runs = [stack.airflow.trigger("diabetes_score", {"day": str(day), "champion": "today"}) for day in DAYS]
    asked = stack.airflow.trigger("wine", {"num_round": 20})
    finished(stack, "iris", {})
    finished(stack, "iris_score", {})
    for run_id in runs:
        assert stack.await_run("diabetes_score", run_id, SECONDS) == "success"
    deadline = time.monotonic() + SECONDS
    registry = Registry(stack.client("sagemaker"))
    while len(list(registry.versions("diabetes"))) < 2 or not stack.airflow.questions("wine"):
        assert time.monotonic() < deadline, f"no second version, or wine ({asked}) asks nothing"
        time.sleep(0.5)
    for run in stack.airflow._get("/dags/diabetes/dagRuns")["dag_runs"]:
        assert stack.await_run("diabetes", run["dag_run_id"], SECONDS) == "success"
    return stack


def champion(lived: Running) -> str:
    """Name the version that was approved last: two finds of drift may each have trained one."""
    found = Registry(lived.client("sagemaker")).versions("diabetes")
    return f"version {next(each.number for each in found if each.status == 'Approved')}"


def framed(page: devtools.Page, *words: str) -> None:
    """Wait until all these words can be read in Airflow's frame."""
    for each in words:
        page.wait(f"{FRAME}?.body?.innerText.includes({json.dumps(each)})")


def until_told(page: devtools.Page, opening: Callable[[], None], words: Callable[[], str]) -> None:
    """Open a page until these words are on it: a find of drift may train another champion meanwhile."""
    deadline = time.monotonic() + SECONDS
    opening()
    while not page.evaluate(f"{FRAME}.body.innerText.includes({json.dumps(words())})"):
        assert time.monotonic() < deadline, f"{words()!r} is not on the page:\n{page.text()}"
        time.sleep(1)
        opening()


def follow(page: devtools.Page, label: str) -> None:
    """Click a link in Airflow's frame."""
    found = f"[...{FRAME}.links].find(each => each.innerText.trim() === {json.dumps(label)})"
    page.wait(f"{found} !== undefined")
    page.evaluate(f"{found}.click()")


def opened(page: devtools.Page, lived: Running) -> None:
    """Come to the page as a person does: by Airflow's left bar."""
    page.open(lived.memory.address("airflow"))
    page.click("Models")
    framed(page, "Models", "diabetes", "iris", "wine")


def test_the_models_are_in_airflows_left_bar(lived: Running, page: devtools.Page, pictures: Path) -> None:
    page.size(1440, 980)

    def opening() -> None:
        opened(page, lived)
        framed(page, "3 models", "1 open approval", "waits for approval")

    until_told(page, opening, lambda: champion(lived))
    framed(page, "serves the champion")
    assert page.evaluate(f"{FRAME}.querySelectorAll('.unanswered').length") == 0
    assert page.evaluate(f"getComputedStyle({FRAME}.querySelector('.facts')).display") == "grid"
    page.picture(pictures / "models.png")
    page.evaluate("localStorage.setItem('theme', 'dark')")  # Airflow's own, the system's being light
    opened(page, lived)
    page.wait(f"getComputedStyle({FRAME}.body).backgroundColor === 'rgb(15, 20, 25)'")
    page.evaluate("localStorage.setItem('theme', 'light')")


def test_a_models_own_page_tells_its_life(lived: Running, page: devtools.Page, pictures: Path) -> None:
    def opening() -> None:
        opened(page, lived)
        follow(page, "diabetes")
        framed(page, "Life", "Versions", "champion", str(DAYS[-1]), "bmi", "60")

    until_told(page, opening, lambda: f"{champion(lived)}, the champion")
    page.open(f"{lived.memory.address('airflow')}/sagewind/models/diabetes")
    page.size(1240, page.evaluate("document.documentElement.scrollHeight"))
    page.picture(pictures / "model.png")
    page.size(390, 844)
    assert page.evaluate("document.documentElement.scrollWidth") == 390  # nothing sticks out of a telephone
    page.size(1440, 980)


def test_a_card_is_shown_and_can_do_nothing(lived: Running, page: devtools.Page, pictures: Path) -> None:
    page.open(f"{lived.memory.address('airflow')}/sagewind/models/diabetes/versions/1")
    page.read("Hyperparameters", "Model card", "Approved")
    loaded = "performance.getEntriesByType('resource').find(each => each.name.endsWith('/versions/1/card'))"
    assert page.wait(f"{loaded}?.responseStatus") == 200
    assert page.evaluate("document.querySelector('iframe').contentDocument") is None  # of another origin
    page.size(1240, 1300)
    page.picture(pictures / "version.png")
    page.open(f"{lived.memory.address('airflow')}/sagewind/models/diabetes/versions/1/card")
    page.read("Metrics", "Residuals", "Feature importance", "Training data", "Lineage")
    page.size(1100, 1420)
    page.picture(pictures / "card.png")
    page.size(1440, 980)


def test_links_lead_out_of_the_frame_to_airflows_own_pages(lived: Running, page: devtools.Page) -> None:
    opened(page, lived)
    follow(page, "diabetes_score")
    page.wait("location.pathname === '/dags/diabetes_score'")
    opened(page, lived)
    follow(page, "waits for approval")
    page.wait("location.pathname.endsWith('/tasks/register.approve/required_actions')")
    page.read("approve it as the champion?")
