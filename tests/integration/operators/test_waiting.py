"""What triggers do for sure: hold an event back while Airflow may not know of the deferral, and stop jobs."""

from __future__ import annotations

import asyncio

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from tests.integration import training_jobs as jobs
from tests.integration.operators.test_training import SLOW

from sagelocal.testing import FaultPlan
from sagewind.operators.sagemaker import SageMakerTrainingOperator
from sagewind.operators.triggers import SageMakerJobTrigger

DEFERRED = 1000.0


def made():
    return SageMakerJobTrigger(kind="TrainingJob", name="n", poll=1.0, deadline=0.0, since=DEFERRED)


def held(trigger, now):
    """Return for how many seconds a trigger's event is held back."""
    naps = []

    async def sleep(seconds):
        naps.append(seconds)

    asyncio.run(trigger.until_seen(now=lambda: now, sleep=sleep))
    return sum(naps)


@pytest.fixture
def trigger(monkeypatch):
    """Return a trigger as the triggerer has it."""
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "4")
    watched = made()
    watched.triggerer_job_id = 1
    return watched


@pytest.mark.parametrize(("later", "seconds"), [(0, 6), (5, 1), (6, 0), (3600, 0)])
def test_an_event_is_held_back_while_the_deferral_may_not_have_been_seen(trigger, later, seconds):
    assert held(trigger, DEFERRED + later) == seconds


def test_where_nobody_watches_nothing_is_held_back():
    assert held(made(), DEFERRED) == 0


def test_a_trigger_that_is_made_again_knows_when_its_task_deferred(trigger):
    _, arguments = trigger.serialize()
    assert SageMakerJobTrigger(**arguments).since == DEFERRED


@pytest.fixture
def run(attempt, s3):
    """Return a long training task whose clients try each call once."""
    config = jobs.request(s3, jobs.unique("kill"), SLOW)
    once = {"retries": {"total_max_attempts": 1}}
    task = attempt(lambda: SageMakerTrainingOperator(task_id="t", config=dict(config), botocore_config=once))
    task.config = config
    return task


def test_a_trigger_is_told_of_the_end_long_before_its_next_look(attempt, s3):
    config = jobs.request(s3, jobs.unique("told"), {"train.py": "import time\ntime.sleep(3)\n"})
    task = attempt(
        lambda: SageMakerTrainingOperator(
            task_id="t", config=dict(config), check_interval=3600, worker_seconds=0
        )
    )
    waiting = task.start()
    event = asyncio.run(asyncio.wait_for(task.event(waiting), 120))
    assert event["status"] == "Completed"


def test_a_stop_that_is_throttled_is_asked_for_again(run, aws, sagelocal_service):
    faults = FaultPlan(sagelocal_service.url)
    waiting = run.start()
    faults.throttle("StopTrainingJob", times=2)
    asyncio.run(run.trigger(waiting).on_kill())
    assert faults.left() == []
    assert jobs.wait(aws("sagemaker"), run.config["TrainingJobName"])["TrainingJobStatus"] == "Stopped"


def test_a_stop_goes_on_when_airflow_cancels_the_call_for_it(run, aws):
    waiting = run.start()

    async def killed():
        killing = asyncio.ensure_future(run.trigger(waiting).on_kill())
        await asyncio.sleep(0)  # it has begun
        killing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await killing
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run(killed())
    assert jobs.wait(aws("sagemaker"), run.config["TrainingJobName"])["TrainingJobStatus"] == "Stopped"


def test_what_is_over_is_left_as_it_is(run):
    waiting = run.start()
    asyncio.run(run.trigger(waiting).on_kill())
    asyncio.run(run.trigger(waiting).on_kill())
    with pytest.raises(AirflowException, match="was stopped"):
        run.finish(waiting)
