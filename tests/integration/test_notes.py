"""Notes in Airflow's own tables: one beside each job's result, none that replaces a person's."""

import datetime as dt
import json
import uuid

import pytest
import sqlalchemy as sa
from airflow.models.taskinstance import TaskInstance, TaskInstanceNote
from airflow.models.xcom import XComModel
from tests.integration import airflow_database

from sagewind.ui import notes

RUN = {"dag_id": "iris", "run_id": "manual__1", "task_id": "train"}


def application(scope, receive, send):
    """Answer nobody."""


@pytest.fixture
def session():
    assert notes.taking(application) is application
    notes.taking(application)  # as a second API server in this process would
    with airflow_database.opened() as opened:
        yield opened


def a_task(session, map_index=-1):
    key = uuid.uuid4()
    row = {"id": key, "map_index": map_index, "pool": "default_pool", "pool_slots": 1, **RUN}
    columns = TaskInstance.__table__.c
    needed = [each.name for each in columns if not each.nullable and each.name not in row]
    filler = {name: 0 for name in needed if isinstance(columns[name].type, sa.Integer)}
    row |= filler | {name: "" for name in needed if name not in filler}
    session.execute(sa.insert(TaskInstance.__table__).values(row))
    return key


def returned(session, seconds, map_index=-1, key="return_value"):
    """Store what a task returns, as the API server does."""
    session.execute(sa.delete(XComModel).where(XComModel.map_index == map_index, XComModel.key == key))
    value = {"Summary": {"Job": "iris-1", "BillableSeconds": seconds}}
    session.add(XComModel(dag_run_id=1, key=key, value=json.dumps(value), map_index=map_index, **RUN))
    session.flush()


def noted(session):
    found = session.execute(sa.select(TaskInstanceNote.ti_id, TaskInstanceNote.content))
    return dict(found.all())


def test_each_mapped_task_has_the_note_of_its_own_job(session):
    first, second = a_task(session, 0), a_task(session, 1)
    returned(session, 3, map_index=0)
    returned(session, 4, map_index=1)
    found = noted(session)
    assert set(found) == {first, second}
    assert '"BillableSeconds": 3' in found[first]
    assert '"BillableSeconds": 4' in found[second]


def test_a_later_result_has_a_new_note(session):
    task = a_task(session)
    returned(session, 3)
    returned(session, 5)
    assert '"BillableSeconds": 5' in noted(session)[task]


def test_a_person_s_note_stays(session):
    task = a_task(session)
    now = dt.datetime.now(dt.UTC)
    theirs = {"ti_id": task, "user_id": "admin", "content": "mine", "created_at": now, "updated_at": now}
    session.execute(sa.insert(TaskInstanceNote).values(theirs))
    returned(session, 3)
    assert noted(session) == {task: "mine"}


def test_other_values_make_no_note(session):
    a_task(session)
    returned(session, 3, key="elsewhere")
    assert noted(session) == {}


def test_a_note_that_cannot_be_written_costs_no_result(session, caplog):
    a_task(session)
    session.execute(sa.text("DROP TABLE task_instance_note"))
    returned(session, 3)
    assert session.scalar(sa.select(sa.func.count()).select_from(XComModel)) == 1
    assert "no note for the task train of iris manual__1" in caplog.text
