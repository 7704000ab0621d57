"""The link to a job, by Airflow's tables: to the one that there is, also while it runs or when it failed."""

import json
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.xcom import XComModel
from tests.integration import airflow_database

from sagewind import naming
from sagewind.operators import memory
from sagewind.ui import links
from sagewind.ui.kinds import KINDS

TASK = {"dag_id": "mine", "run_id": "manual__1", "task_id": "train", "map_index": -1}
KEY = SimpleNamespace(**TASK, try_number=1)
TRAINING, TRANSFORM, ENDPOINT = (KINDS[slug] for slug in ("training-job", "transform-job", "endpoint"))


@pytest.fixture
def session():
    with airflow_database.opened() as opened:
        yield opened


def rendered(session, config):
    row = {**TASK, "rendered_fields": {"config": config}}
    session.execute(sa.insert(RenderedTaskInstanceFields.__table__).values(row))


def asked(session, *names):
    row = TaskStateStoreModel(dag_run_id=1, key=memory.KEY, value=json.dumps(names), **TASK)
    session.add(row)
    session.flush()


def test_a_job_is_found_by_the_task_s_result(session):
    value = {"Training": {"TrainingJobName": "result"}}
    session.add(XComModel(dag_run_id=1, key="return_value", value=json.dumps(value), **TASK))
    asked(session, "asked")
    assert links.job_name(session, TRAINING, KEY) == "result"


def test_a_job_that_runs_or_failed_is_found_by_what_the_task_asked_for(session):
    rendered(session, {"TrainingJobName": "taken"})
    asked(session, "taken-2", "taken")
    assert links.job_name(session, TRAINING, KEY) == "taken-2"


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (TRAINING, {"TrainingJobName": "mine-1"}),
        (TRANSFORM, {"TransformJobName": "mine-1"}),
        (TRANSFORM, {"Model": {}, "Transform": {"TransformJobName": "mine-1"}}),
        (ENDPOINT, {"Endpoint": {"EndpointName": "mine-1"}}),
    ],
)
def test_what_the_provider_s_operators_make_is_found_by_the_request(session, kind, config):
    rendered(session, config)
    assert links.job_name(session, kind, KEY) == "mine-1"


def test_without_any_of_these_a_job_is_called_as_those_of_specs(session):
    rendered(session, "Truncated. You can change this behaviour …")
    assert links.job_name(session, TRAINING, KEY) == naming.for_task(KEY)
    assert links.job_name(session, ENDPOINT, KEY) == ""
