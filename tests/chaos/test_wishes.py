"""What a person may do to a task: mark it failed, clear it while it runs or when it is over; many at once."""

from __future__ import annotations

import pytest
from tests.chaos import scenario, work
from tests.integration import training_jobs as jobs

LONG = 300.0
SHORT = 1.0


@pytest.fixture
def start(chaos):
    s3 = chaos.client("s3")
    work.bucket(s3)

    def run(dag_id, seconds, name=None, then=None, also=()):
        name = name or jobs.unique("wish")
        conf = {"config": work.request("train", s3, name, seconds) | dict(also)}
        conf |= {"configs": [work.request("train", s3, then, seconds)]} if then else {}
        run_id = chaos.airflow.trigger(dag_id, conf)
        return scenario.Case(kind="train", name=name, dag_id=dag_id, run_id=run_id)

    return run


@pytest.fixture
def found(chaos):
    sagemaker = chaos.client("sagemaker")
    return lambda case: work.found("train", sagemaker, case.name)


def running(chaos, case, found, state):
    chaos.wait("the job runs", lambda: "InProgress" in found(case).values())
    chaos.wait(f"the task is {state}", lambda: chaos.task_state(case.dag_id, case.run_id) == state)


MODES = [("chaos_train", "deferred"), ("chaos_train_here", "running")]


@pytest.mark.airflow
@pytest.mark.parametrize(("dag_id", "state"), MODES)
def test_marking_a_task_failed_stops_its_job(chaos, start, found, dag_id, state):
    case = start(dag_id, LONG)
    running(chaos, case, found, state)
    chaos.mark(case.dag_id, case.run_id, "failed")
    chaos.wait("the job is stopped", lambda: set(found(case).values()) == {"Stopped"})


@pytest.mark.airflow
@pytest.mark.parametrize(("dag_id", "state"), MODES)
def test_deleting_a_run_stops_its_job(chaos, start, found, dag_id, state):
    case = start(dag_id, LONG)
    running(chaos, case, found, state)
    chaos.delete(case.dag_id, case.run_id)
    chaos.wait("the job is stopped", lambda: set(found(case).values()) == {"Stopped"})


@pytest.mark.airflow
@pytest.mark.parametrize(("dag_id", "state"), MODES)
def test_clearing_a_running_task_stops_its_job_and_starts_another(chaos, start, found, dag_id, state):
    case = start(dag_id, LONG)
    running(chaos, case, found, state)
    chaos.clear(case.dag_id, case.run_id)
    chaos.wait("one stopped, one runs", lambda: sorted(found(case).values()) == ["InProgress", "Stopped"])
    chaos.mark(case.dag_id, case.run_id, "failed")
    chaos.wait("all are stopped", lambda: set(found(case).values()) == {"Stopped"})


@pytest.mark.airflow
def test_clearing_a_finished_task_is_a_wish_for_a_new_run(chaos, start, found):
    case = start("chaos_train", SHORT)
    assert chaos.ended(case.dag_id, case.run_id) == "success"
    chaos.clear(case.dag_id, case.run_id)
    chaos.wait("a second job", lambda: len(found(case)) == 2)
    assert chaos.ended(case.dag_id, case.run_id) == "success"
    assert set(found(case).values()) == {"Completed"}


@pytest.mark.airflow
def test_clearing_a_task_and_those_after_it_runs_each_anew(chaos, start, found):
    name = jobs.unique("after")
    case = start("chaos_chain", SHORT, then=name)
    after = scenario.Case(kind="train", name=name, dag_id=case.dag_id, run_id=case.run_id)
    assert chaos.ended(case.dag_id, case.run_id) == "success"
    assert (len(found(case)), len(found(after))) == (1, 1)
    chaos.clear(case.dag_id, case.run_id, downstream=True)
    chaos.wait("a second job of the last task", lambda: len(found(after)) == 2)
    assert chaos.ended(case.dag_id, case.run_id) == "success"
    assert [list(found(each).values()) for each in (case, after)] == [["Completed"] * 2] * 2


@pytest.mark.airflow
@pytest.mark.parametrize("dag_id", ["chaos_limited", "chaos_limited_here"])
def test_a_task_that_takes_too_long_fails_and_stops_its_job(chaos, start, found, dag_id):
    case = start(dag_id, LONG)
    assert chaos.ended(case.dag_id, case.run_id) == "failed"
    chaos.wait("the job is stopped", lambda: set(found(case).values()) == {"Stopped"})
    assert len(found(case)) == 1


@pytest.mark.airflow
def test_a_paused_dag_takes_its_jobs_result_when_it_goes_on(chaos, start, found):
    case = start("chaos_train", scenario.LONG_SECONDS)
    running(chaos, case, found, "deferred")
    chaos.pause(case.dag_id, paused=True)
    try:
        chaos.wait("the job is over", lambda: set(found(case).values()) == {"Completed"})
    finally:
        chaos.pause(case.dag_id, paused=False)
    assert chaos.ended(case.dag_id, case.run_id) == "success"
    assert len(found(case)) == 1


@pytest.mark.airflow
def test_a_secret_is_in_no_log_no_rendered_field_and_no_xcom(chaos, start, found):
    secret, signature = "hunter2-and-more", "f00dbabe" * 8
    url = f"https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature={signature}"
    case = start("chaos_train", SHORT, also={"Environment": {"API_KEY": secret, "SOURCE": url}})
    assert chaos.ended(case.dag_id, case.run_id) == "success"
    where = f"/dags/{case.dag_id}/dagRuns/{case.run_id}/taskInstances/work"
    task = chaos.airflow.tasks(case.dag_id, case.run_id)["work"]
    shown = [
        str(chaos.airflow._get(where)["rendered_fields"]),
        str(chaos.airflow.result(case.dag_id, case.run_id, "work")),
        "\n".join(chaos.airflow.log(case.dag_id, case.run_id, task)),
    ]
    assert all("API_KEY" in text for text in shown)
    assert [(secret in text, signature in text) for text in shown] == [(False, False)] * 3


@pytest.mark.airflow
def test_two_triggers_in_one_second_make_two_jobs(chaos, start, found):
    name = jobs.unique("twin")
    cases = [start("chaos_train", SHORT, name) for _ in range(2)]
    assert [chaos.ended(case.dag_id, case.run_id) for case in cases] == ["success"] * 2
    assert list(found(cases[0]).values()) == ["Completed"] * 2


@pytest.mark.airflow
def test_twenty_mapped_tasks_make_twenty_jobs(chaos, found):
    s3 = chaos.client("s3")
    work.bucket(s3)
    name = jobs.unique("mapped")
    requests = [work.request("train", s3, name, SHORT) for _ in range(20)]
    run_id = chaos.airflow.trigger("chaos_mapped", {"configs": requests})
    assert chaos.ended("chaos_mapped", run_id, seconds=900) == "success"
    case = scenario.Case(kind="train", name=name, dag_id="chaos_mapped", run_id=run_id)
    assert sorted(found(case).values()) == ["Completed"] * 20
