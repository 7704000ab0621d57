"""The Models page in Airflow's real API server: who may see what, and what it shows of real services."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from tests.integration import training_jobs as jobs
from tests.integration import whole_dags

from sagewind import scaffold
from sagewind.approvals import Approvals
from sagewind.jobs.identity import Identity
from sagewind.objects import Address, Objects
from sagewind.registry import Artifacts, Candidate, Lineage, Registry, Serving

ROOT = Path(__file__).parents[2]
EVIL = "<script>alert(1)</script>"
SECRET = "hunter2-and-more"

AUTH = '''
"""An auth manager by which only root may see the DAG `hidden`; of no DAG it says yes, as FAB's does."""
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

class Choosy(SimpleAuthManager):
    def is_authorized_dag(self, *, user, details=None, **rest):
        seen = details is None or details.id != "hidden" or user.username == "root"
        return seen and super().is_authorized_dag(user=user, details=details, **rest)
'''

PROBE = """
import datetime as dt, json, os, sys
from airflow.utils.db import initdb
initdb()
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from starlette.testclient import TestClient
from sagewind.ui import lazy

name = os.environ["NAME"]
at = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
with create_session() as session:
    session.add(DagBundleModel(name="dags-folder"))
    session.flush()
    session.add(DagModel(dag_id="hidden", bundle_name="dags-folder", is_paused=False, is_stale=False))
    for dag_id in (name, name + "_score"):
        session.add(DagModel(dag_id=dag_id, bundle_name="dags-folder", is_paused=False, is_stale=False))
        for day, state in enumerate(("failed", "success")):
            began = at + dt.timedelta(days=day)
            session.add(DagRun(
                dag_id=dag_id, run_id=f"run-{day}", run_type=DagRunType.MANUAL, state=state,
                start_date=began, run_after=at, logical_date=began,
                triggered_by=DagRunTriggeredByType.TEST,
            ))

before = "sagewind.ui.models.routes" in sys.modules
app = create_app(apps="core")
client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
application = lazy._application()
values = {"dag_id": name, "number": "1", "kind": "training-job", "name": "none"}
paths = ["/sagewind" + route.path.format(**values) for route in application.routes]

def token_of(username, role):
    user = SimpleAuthManagerUser(username=username, role=role)
    return {"Authorization": "Bearer " + get_auth_manager().generate_jwt(user)}

token, root = token_of("ada", "viewer"), token_of("root", "admin")
made = [f"/sagewind/jobs/model/{name}-{whose}" for whose in ("own", "hidden", "nobodys", "missing")]

def got(path, headers):
    answer = client.get(path, headers=headers)
    return {"status": answer.status_code, "text": answer.text, "headers": dict(answer.headers)}

views = client.get("/api/v2/plugins", headers=root).json()["plugins"]
told = {
    "views": [view for plugin in views for view in plugin["external_views"]],
    "imported early": before,
    "strangers": {path: got(path, {}) for path in paths},
    "forged": {path: got(path, {"Authorization": "Bearer forged"}) for path in paths},
    "seen": {path: got(path, token) for path in [
        *paths, "/sagewind/models/hidden", "/sagewind/models/broken", "/sagewind/models/nobody",
        f"/sagewind/models/{name}/versions/7", f"/sagewind/models/{name}/versions/2/card",
        f"/sagewind/models/{name}/versions/0", "/sagewind/models?dag_id=hidden",
        *made, *(f"{path}?dag_id={name}" for path in made),
    ]},
    "seen by root": {path: got(path, root) for path in [*made, "/sagewind/models/nobody"]},
}
with open(os.environ["TOLD"], "w") as file:
    json.dump(told, file)
"""


def registered(aws: Any, name: str) -> None:
    """Register an approved version with a card, and one without that waits; score a day."""
    registry, objects = Registry(aws("sagemaker")), Objects(aws("s3"))
    base = Address(jobs.BUCKET, name)
    for number in (1, 2):
        artifact = base / f"models/{name}-{number}/output/model.tar.gz"
        version = registry.register(
            Candidate(
                group=name,
                description="",
                lineage=Lineage(
                    job=f"{name}-{number}",
                    code_hash="c" * 64,
                    data_hash="d" * 64,
                    environment_hash="e" * 64,
                    metrics={"accuracy": 0.9},
                ),
                artifacts=Artifacts(model_data=str(artifact), evaluation=str(base / "e.json")),
                serving=Serving(
                    image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1"
                ),
            )
        )
        if number == 1:
            Approvals(registry).approve(version, at=version.created, by="ada")
            card = f"<h1>The card</h1>{EVIL}"
            objects.write(base / f"models/{name}-1/output/card.html", card, content_type="text/html")
    objects.write_json(base / "scores/ds=2026-03-01/_SUCCESS", {"rows": 60, "model": "arn:aws:x:y/1"})
    objects.write_json(base / "monitor/ds=2026-03-01/drift.json", {"version": 1, "drifted": ["width"]})


def tagged(aws: Any, name: str) -> None:
    """Make a model of the DAG `name`, one of the DAG `hidden`, and one that says of no DAG."""
    for whose, dag_id in (("own", name), ("hidden", "hidden"), ("nobodys", "")):
        owner = Identity(dag_id=dag_id, run_id="r", task_id="train.model", map_index=-1, generation=0)
        aws("sagemaker").create_model(
            ModelName=f"{name}-{whose}",
            ExecutionRoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
            PrimaryContainer={
                "Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
                "Environment": {"DB_PASSWORD": SECRET},
            },
            Tags=owner.tags("content") if dag_id else [],
        )


@pytest.fixture(scope="module")
def told(sagelocal_service: Any, aws: Any, tmp_path_factory: Any) -> tuple[str, dict[str, Any]]:
    """Ask the API server in a process of its own; return the model's name and every answer."""
    project = tmp_path_factory.mktemp("project")
    name = jobs.unique("paged")
    scaffold.scaffold(project, name)
    models = project / "dags" / "models"
    spec = (models / f"{name}.yaml").read_text()
    spec = spec.replace(f"name: {name}", f"name: {name}\naccount: {{bucket: {jobs.BUCKET}}}", 1)
    (models / f"{name}.yaml").write_text(spec)
    (models / "hidden.yaml").write_text(spec.replace(f"name: {name}", "name: hidden", 1))
    (models / "broken.yaml").write_text(f"'{EVIL}': 1\n")
    with contextlib.suppress(aws("s3").exceptions.BucketAlreadyOwnedByYou):
        aws("s3").create_bucket(Bucket=jobs.BUCKET)
    registered(aws, name)
    tagged(aws, name)
    (project / "choosy.py").write_text(AUTH)
    (project / "probe.py").write_text(PROBE)
    answers, _ = whole_dags.run(
        project / "probe.py",
        project,
        sagelocal_service,
        AIRFLOW__CORE__DAGS_FOLDER=str(project / "dags"),
        AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
        AIRFLOW__CORE__AUTH_MANAGER="choosy.Choosy",
        AIRFLOW__API_AUTH__JWT_SECRET="s" * 64,
        NAME=name,
    )
    return name, answers


def test_every_route_wants_to_know_who_asks(told):
    name, answers = told
    paths = set(answers["strangers"])
    assert {f"/sagewind/models/{name}", "/sagewind/models", "/sagewind/jobs/training-job/none"} < paths
    for path in paths:
        assert answers["strangers"][path]["status"] == 401, path
        assert answers["forged"][path]["status"] == 403, path
        assert name not in answers["strangers"][path]["text"]
        assert answers["seen"][path]["status"] in {200, 404}, answers["seen"][path]


def test_airflow_has_the_page_in_its_bar_and_makes_it_when_it_is_asked_for(told):
    [view] = told[1]["views"]
    assert (view["name"], view["href"], view["destination"]) == ("Models", "/sagewind/models", "nav")
    assert view["url_route"] == "sagewind-models"
    assert not told[1]["imported early"]


def test_who_may_not_see_a_dag_sees_nothing_of_its_model(told):
    answers = told[1]["seen"]
    assert "models/hidden" not in answers["/sagewind/models"]["text"]
    assert answers["/sagewind/models/hidden"]["status"] == 403


@pytest.mark.parametrize("query", ["", "?dag_id={name}"])
def test_a_job_is_shown_to_who_may_see_its_dag_whatever_the_query_says(told, query):
    name, answers = told
    seen, query = answers["seen"], query.format(name=name)
    own = seen[f"/sagewind/jobs/model/{name}-own{query}"]
    assert own["status"] == 200
    assert "DB_PASSWORD" in own["text"]
    assert SECRET not in own["text"]
    missing = seen[f"/sagewind/jobs/model/{name}-missing{query}"]
    assert missing["status"] == 404
    for whose in ("hidden", "nobodys"):
        answer = seen[f"/sagewind/jobs/model/{name}-{whose}{query}"]
        assert answer["status"] == 404
        assert answer["text"].replace(whose, "missing") == missing["text"]


def test_who_may_see_all_dags_sees_the_jobs_of_none(told):
    name, answers = told
    for whose in ("own", "hidden", "nobodys"):
        assert answers["seen by root"][f"/sagewind/jobs/model/{name}-{whose}"]["status"] == 200, whose


def test_the_list_is_for_everyone_and_no_query_changes_that(told):
    answers = told[1]["seen"]
    asked = answers["/sagewind/models?dag_id=hidden"]
    assert asked["status"] == 200
    assert "models/hidden" not in asked["text"]


def test_what_is_said_of_no_model_names_only_those_that_the_user_may_see(told):
    name, answers = told
    seen, root = (answers[whose]["/sagewind/models/nobody"]["text"] for whose in ("seen", "seen by root"))
    assert f"{name}." in seen
    assert "hidden" not in seen
    assert "hidden" in root


def test_the_list_shows_what_the_services_have(told):
    name, answers = told
    html = answers["seen"]["/sagewind/models"]["text"]
    for words in (f"/sagewind/models/{name}", "version 1", "by ada", "version 2 not answered", "60 rows"):
        assert words in html, words
    assert "0.9" in html
    assert "width" in html  # has drifted
    assert f'href="/dags/{name}/runs/run-1"' in html  # the newest run, which was a success
    assert "run-0" not in html
    assert 'class="unanswered"' not in html


def test_a_broken_spec_is_listed_with_its_mistake_and_is_no_markup(told):
    answers = told[1]["seen"]
    for path in ("/sagewind/models", "/sagewind/models/broken"):
        assert "broken.yaml:1" in answers[path]["text"]
        assert EVIL not in answers[path]["text"]
        assert "&lt;script&gt;" in answers[path]["text"]


def test_a_models_page_has_its_versions(told):
    name, answers = told
    html = answers["seen"][f"/sagewind/models/{name}"]["text"]
    for words in (
        f"/sagewind/models/{name}/versions/1",
        "cccccccccccc",
        "dddddddddddd",
        "<svg",
        "2026-03-01",
    ):
        assert words in html, words
    assert f"There is no endpoint {name}." in html
    version = answers["seen"][f"/sagewind/models/{name}/versions/1"]["text"]
    assert "c" * 64 in version
    assert f'src="/sagewind/models/{name}/versions/1/card"' in version


def test_a_card_arrives_as_it_is_in_a_sandbox(told):
    name, answers = told
    card = answers["seen"][f"/sagewind/models/{name}/versions/1/card"]
    assert card["text"] == f"<h1>The card</h1>{EVIL}"
    policy = card["headers"]["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    assert card["headers"]["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/sagewind/models/nobody", 404, "There is no spec of"),
        ("/sagewind/models/{name}/versions/7", 404, "no version 7; it has [1, 2]"),
        ("/sagewind/models/{name}/versions/2/card", 404, "card.html: there is no such object"),
        ("/sagewind/models/{name}/versions/0", 422, ""),
    ],
)
def test_what_is_not_there_is_said_not_to_be(told, path, status, words):
    name, answers = told
    answer = answers["seen"][path.format(name=name)]
    assert answer["status"] == status
    assert words in answer["text"]
