"""A mark on a deferred task stops its job from the API server, whatever the triggerer knows of it."""

from __future__ import annotations

import contextlib
import datetime as dt
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from airflow import models
from airflow.listeners.listener import get_listener_manager
from airflow.models.base import Base
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from sqlalchemy import orm
from tests.integration import training_jobs as jobs
from tests.integration.operators.test_training import SLOW

from sagewind.operators import marks
from sagewind.operators.sagemaker import SageMakerTrainingOperator

# Of the tables of Airflow 3.2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture
def session(environment):
    """Return a session of a database with Airflow's tables."""
    models.import_all_models()
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Base.metadata.create_all(engine)
    with orm.Session(engine, expire_on_commit=False) as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def deferred(session):
    """Return a maker of task instances that wait for a trigger."""

    def make(trigger):
        row = Trigger.from_object(trigger)
        session.add(row)
        session.flush()
        values = {"dag_id": "d", "run_id": jobs.unique("r"), "task_id": "t", "state": "deferred"}
        session.execute(sa.insert(TaskInstance).values(trigger_id=row.id, pool="p", pool_slots=1, **values))
        session.commit()
        alone = sa.select(TaskInstance).options(orm.lazyload(TaskInstance.dag_run))
        return session.scalars(alone.filter_by(trigger_id=row.id)).one()

    return make


@pytest.fixture
def waiting(attempt, s3, aws, deferred):
    """Return a maker of deferred training tasks, and stop their jobs in the end."""
    names = []

    def make():
        config = jobs.request(s3, jobs.unique("marked"), SLOW)
        names.append(config["TrainingJobName"])
        operator = attempt(lambda: SageMakerTrainingOperator(task_id="t", config=dict(config)))
        return deferred(operator.start().trigger), names[-1]

    yield make
    for name in names:
        with contextlib.suppress(aws("sagemaker").exceptions.ClientError):
            aws("sagemaker").stop_training_job(TrainingJobName=name)
        jobs.wait(aws("sagemaker"), name)


@pytest.fixture
def listening():
    """Have Airflow call the listener, as with our plugin."""
    manager = get_listener_manager()
    manager.add_listener(marks)
    yield
    manager.clear()


def mark(instance, state="failed"):
    instance.state = state
    marks.stop([instance])


def status(aws, name):
    return aws("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"]


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_the_job_of_a_marked_task_is_stopped(session, waiting, aws, state):
    instance, name = waiting()
    mark(instance, state)
    session.commit()
    assert jobs.wait(aws("sagemaker"), name)["TrainingJobStatus"] == "Stopped"


def test_nothing_is_stopped_but_what_was_marked_and_is_ours(session, waiting, deferred, aws):
    (unmarked, kept), (marked, name) = waiting(), waiting()
    other = deferred(DateTimeTrigger(dt.datetime(2100, 1, 1, tzinfo=dt.UTC)))
    marks.stop([unmarked, object()])
    mark(other)
    mark(marked)
    session.commit()
    assert jobs.wait(aws("sagemaker"), name)["TrainingJobStatus"] == "Stopped"
    assert status(aws, kept) == "InProgress"


def test_a_mark_that_is_not_kept_stops_nothing(session, waiting, aws):
    (undone, kept), (marked, name) = waiting(), waiting()
    mark(undone)
    session.rollback()
    mark(marked)
    session.commit()
    assert jobs.wait(aws("sagemaker"), name)["TrainingJobStatus"] == "Stopped"
    assert status(aws, kept) == "InProgress"


def test_of_a_run_the_jobs_are_stopped_where_airflow_does_not_tell_of_each_task(session, waiting, aws):
    (one, kept), (other, name) = waiting(), waiting()
    one.state = other.state = "failed"
    marks.on_dag_run_failed(SimpleNamespace(task_instances=[one]), "task_failure")
    marks.on_dag_run_failed(SimpleNamespace(task_instances=[other]), "")
    session.commit()
    assert jobs.wait(aws("sagemaker"), name)["TrainingJobStatus"] == "Stopped"
    assert status(aws, kept) == "InProgress"


def test_who_marks_a_run_in_airflows_api_stops_its_jobs(session, waiting, aws, listening):
    api = pytest.importorskip("airflow.api_fastapi.core_api.services.public.dag_run")
    if not hasattr(api, "patch_dag_run_state"):
        pytest.skip("Airflow 3.2 does it in the route, and tells only of the run")
    instance, name = waiting()
    with DAG("d", schedule=None) as dag:
        SageMakerTrainingOperator(task_id="t", config={})
    values = {"dag_id": "d", "run_id": instance.run_id, "run_type": "manual", "state": "running"}
    session.execute(sa.insert(DagRun).values(**values, run_after=dt.datetime.now(dt.UTC)))
    run = session.scalars(sa.select(DagRun)).one()
    known = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    api.patch_dag_run_state(dag=known, dag_run=run, state=api.DagRunMutableStates.FAILED, session=session)
    session.commit()
    assert jobs.wait(aws("sagemaker"), name)["TrainingJobStatus"] == "Stopped"
