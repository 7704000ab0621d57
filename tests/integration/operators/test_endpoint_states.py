"""Deployments in each state that an endpoint can be in: what served before is never lost."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk.exceptions import TaskDeferred
from tests.integration.operators.endpoint_twin import DENIED, GOLDEN, NAME, Twin, lost

from sagewind.operators.endpoint import rehearsal_name


@pytest.fixture
def twin(_airflow):
    """Give an account with three configurations, the first the oldest."""
    return Twin("v1", "v2", "v3")


def wrong(twin, config):
    twin.answers[config] = [2.0]


def test_the_log_tells_what_is_there_and_what_is_done(twin, capsys):
    twin.deploy("v1").run()
    twin.deploy("v2").run()
    told = capsys.readouterr().out
    assert "endpoint live is not there: create" in told
    assert "endpoint live is done with v1: update" in told


# One that serves already, and fails its checks once.


def test_a_proven_endpoint_that_fails_once_is_left_as_it_is(twin):
    twin.add(NAME, "v1", good="v1")
    wrong(twin, "v1")
    with pytest.raises(AirflowFailException, match=r"answer\[0\] is 2.0.*left as it is"):
        twin.deploy("v1", golden=GOLDEN).run()
    assert twin.changes() == []


def test_an_update_prolongs_an_endpoint_that_expires(twin):
    twin.add(NAME, "v1", good="v1")
    twin.tags[NAME]["sagewind:expires"] = "2026-01-01T00:00:00+00:00"
    twin.deploy("v2", expires="2026-02-01T00:00:00+00:00").run()
    assert twin.live() == "v2"
    assert twin.tags[NAME]["sagewind:expires"] == "2026-02-01T00:00:00+00:00"


@pytest.mark.parametrize("faults", [[], [DENIED]])
def test_an_update_that_names_no_expiry_takes_the_earlier_one_away_where_it_may(twin, faults):
    twin.add(NAME, "v1", good="v1")
    twin.tags[NAME]["sagewind:expires"] = "2026-01-01T00:00:00+00:00"
    twin.faults["DeleteTags"] = list(faults)
    twin.deploy("v2").run()
    assert twin.live() == "v2"
    assert ("sagewind:expires" in twin.tags[NAME]) == bool(faults)


def test_a_policy_that_forbids_to_tag_keeps_no_endpoint_from_its_update(twin):
    twin.add(NAME, "v1", good="v1")
    twin.faults["AddTags"] = [DENIED, DENIED]
    twin.deploy("v2", expires="2026-02-01T00:00:00+00:00").run()
    assert twin.live() == "v2"


def test_an_endpoint_that_nobody_noted_as_good_is_left_as_it_is(twin):
    twin.add(NAME, "v1", dag="tests")  # made by this DAG, and not by this task of this run
    wrong(twin, "v1")
    with pytest.raises(AirflowFailException, match="left as it is"):
        twin.deploy("v1", golden=GOLDEN).run()
    assert twin.changes() == []


def test_one_whose_tag_names_another_goes_back_to_that(twin):
    twin.add(NAME, "v2", good="v1")
    wrong(twin, "v2")
    with pytest.raises(AirflowFailException, match="serves v1 again"):
        twin.deploy("v2", golden=GOLDEN).run()
    assert twin.changes() == [("update", NAME, "v1")]


def test_one_whose_tag_names_a_configuration_that_is_gone_is_left_as_it_is(twin):
    twin.add(NAME, "v2", good="v0")
    wrong(twin, "v2")
    with pytest.raises(AirflowFailException, match="left as it is"):
        twin.deploy("v2", golden=GOLDEN).run()
    assert twin.changes() == []


@pytest.mark.parametrize("config", ["v1", "v2"])
def test_a_policy_that_forbids_to_ask_is_no_proof(twin, config):
    twin.add(NAME, "v1", good="v1")
    twin.answers = dict.fromkeys(twin.answers, DENIED)
    with pytest.raises(AirflowFailException, match=r"could not be asked.*AccessDenied"):
        twin.deploy(config, golden=GOLDEN, rehearse=False).run()
    assert twin.live() == config
    assert ("delete", NAME) not in twin.changes()


def test_an_old_good_configuration_that_is_found_bad_gives_way_to_what_served_before_it(twin):
    twin.add(NAME, "v2", good="v1")
    wrong(twin, "v1")
    with pytest.raises(AirflowFailException, match="serves v2 again"):
        twin.deploy("v1", golden=GOLDEN, rehearse=False).run()
    assert twin.live() == "v2"


# A plan that is lost on the way.


@pytest.mark.parametrize("tags", [{"good": "v1"}, {}], ids=["proven", "unknown"])
def test_an_update_whose_answer_is_lost_goes_back_to_what_served_before(twin, tags, no_pause):
    twin.add(NAME, "v1", **tags)
    wrong(twin, "v2")
    twin.lost["UpdateEndpoint"] = [lost()]
    with pytest.raises(AirflowFailException, match="serves v1 again"):
        twin.deploy("v2", golden=GOLDEN, rehearse=False).run()
    assert twin.live() == "v1"


@pytest.mark.parametrize("tags", [{"good": "v1"}, {}], ids=["proven", "unknown"])
def test_a_trigger_that_broke_loses_nothing_of_what_served_before(twin, tags):
    twin.add(NAME, "v1", **tags)
    wrong(twin, "v2")
    run = twin.deploy("v2", golden=GOLDEN, rehearse=False, deferrable=True, worker_seconds=0)
    assert isinstance(run.start(), TaskDeferred)
    with pytest.raises(AirflowFailException, match="serves v1 again"):
        run.make().resume_execution("__fail__", {"error": "the triggerer broke"}, run.context())
    assert twin.live() == "v1"


def test_a_policy_that_forbids_to_tag_loses_nothing_while_the_plan_is_known(twin):
    twin.add(NAME, "v1")
    wrong(twin, "v2")
    twin.faults["AddTags"] = [DENIED]
    with pytest.raises(AirflowFailException, match="serves v1 again"):
        twin.deploy("v2", golden=GOLDEN, rehearse=False).run()


def test_a_first_deployment_is_deleted_though_the_answer_to_its_create_was_lost(twin, no_pause):
    wrong(twin, "v1")
    twin.lost["CreateEndpoint"] = [lost()]
    with pytest.raises(AirflowFailException, match="was deleted"):
        twin.deploy("v1", golden=GOLDEN).run()
    assert twin.endpoints == {}


def test_a_first_deployment_that_cannot_be_known_as_ours_is_left(twin):
    wrong(twin, "v1")
    twin.faults["ListTags"] = [DENIED] * 9
    with pytest.raises(AirflowFailException, match="left as it is"):
        twin.deploy("v1", golden=GOLDEN).run()
    assert twin.live() == "v1"


# An update that SageMaker rolls back, and one that another replaces.


@pytest.mark.parametrize(("config", "other"), [("v1", "v2"), ("v2", "v1")], ids=["older", "newer"])
def test_an_update_that_is_rolled_back_is_red_whichever_configuration_is_the_newer(twin, config, other):
    twin.add(NAME, other, good=other)
    twin.bad = {config}
    with pytest.raises(AirflowFailException, match=rf"update to {config} was rolled back to {other}.*ping"):
        twin.deploy(config).run()


def test_what_served_before_is_known_to_a_task_that_waited_in_the_triggerer(twin):
    twin.add(NAME, "v2", good="v3")
    twin.bad = {"v1"}
    run = twin.deploy("v1", deferrable=True, worker_seconds=0)
    deferred = run.start()
    twin.settle()
    with pytest.raises(AirflowFailException, match="rolled back to v2"):
        run.resume(deferred, {"status": "InService", "plan": deferred.trigger.plan, "name": NAME})


def replaced(twin, config):
    """Have another task's configuration serve as soon as the update is over."""
    twin.add(NAME, "v1", good="v1")
    run = twin.deploy("v2", deferrable=True, worker_seconds=0)
    deferred = run.start()
    twin.settle()
    twin.endpoints[NAME]["EndpointConfigName"] = config
    return run.resume(deferred, {"status": "InService", "plan": deferred.trigger.plan, "name": NAME})


def test_a_newer_configuration_that_was_deployed_meanwhile_is_no_failure(twin):
    assert replaced(twin, "v3")["Summary"] == {"SupersededBy": "v3"}


def test_an_older_configuration_that_was_deployed_meanwhile_is_red_and_stays(twin):
    twin.configs["v0"] = min(twin.configs.values()) - dt.timedelta(days=1)
    with pytest.raises(AirflowFailException, match="v0, which is not newer, was deployed meanwhile"):
        replaced(twin, "v0")
    assert twin.live() == "v0"


def test_a_way_back_that_never_ends_says_why_it_was_gone(twin):
    twin.add(NAME, "v2", good="v1")
    wrong(twin, "v2")
    run = twin.deploy("v2", golden=GOLDEN, deferrable=True, worker_seconds=0)
    deferred = run.start()
    with pytest.raises(AirflowException, match=r"answer\[0\] is 2.0.*live did not settle within 3600 s"):
        run.resume(deferred, {"status": "timeout", "plan": deferred.trigger.plan, "name": NAME})


# Without waiting.


@pytest.mark.parametrize("checks", [{"golden": GOLDEN}, {"golden": "{{ x }}"}, {"rehearse": True}])
def test_checks_that_nobody_waits_for_are_refused(twin, checks):
    with pytest.raises(ValueError, match=f"wait_for_completion=False.*{next(iter(checks))}"):
        twin.deploy("v1", wait_for_completion=False, **checks).start()


def test_checks_are_refused_too_where_waiting_is_switched_off_later(twin):
    run = twin.deploy("v1", golden=GOLDEN)
    operator = run.make()
    operator.wait_for_completion = False
    with pytest.raises(AirflowFailException, match=r"wait_for_completion=False.*golden"):
        operator.execute(run.context())
    assert twin.account.calls == []


def test_a_bound_of_latency_that_nothing_would_be_held_against_is_refused(twin):
    with pytest.raises(ValueError, match=r"max_latency_p95=0\.2 without golden measures nothing"):
        twin.deploy("v1", max_latency_p95=0.2).start()
    later = twin.deploy("v1", golden="{{ nothing }}", max_latency_p95=0.2)
    operator = later.make()
    operator.golden = "[]"
    with pytest.raises(AirflowFailException, match="without golden measures nothing"):
        operator.execute(later.context())
    assert not twin.endpoints


@pytest.mark.parametrize("live", [None, "v1"])
def test_a_deployment_that_is_not_waited_for_has_begun(twin, live):
    if live:
        twin.add(NAME, live)
    result = twin.deploy("v2", wait_for_completion=False, deferrable=True).run()
    assert result["Endpoint"]["EndpointStatus"] in {"Creating", "Updating"}
    assert twin.changes() == [("update" if live else "create", NAME, "v2")]


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_what_another_changes_is_waited_for_all_the_same(twin, status):
    twin.add(NAME, "v1", status)
    result = twin.deploy("v2", wait_for_completion=False).run()
    assert result["Endpoint"]["EndpointStatus"] == "Updating"
    assert twin.changes() == [("update", NAME, "v2")]


def test_what_another_changes_is_waited_for_in_the_triggerer(twin):
    twin.add(NAME, "v1", "Updating", good="v1")
    run = twin.deploy("v2", wait_for_completion=False, deferrable=True, worker_seconds=0)
    deferred = run.start()
    assert isinstance(deferred, TaskDeferred)
    twin.settle()
    run.resume(deferred, {"status": "InService", "plan": deferred.trigger.plan, "name": NAME})
    assert twin.changes() == [("update", NAME, "v2")]


# On the way back.


def test_a_way_back_whose_answer_is_lost_is_gone_to_its_end(twin, no_pause):
    twin.add(NAME, "v1", good="v1")
    wrong(twin, "v2")
    run = twin.deploy("v2", golden=GOLDEN, rehearse=False)
    twin.before["InvokeEndpoint"] = lambda: twin.lost.update(UpdateEndpoint=[lost()])
    with pytest.raises(AirflowFailException, match=r"answer\[0\] is 2.0.*serves v1"):
        run.run()
    assert twin.live() == "v1"


def test_a_way_back_that_sagemaker_rolls_back_is_told(twin):
    twin.add(NAME, "v1", good="v1")
    wrong(twin, "v2")
    twin.before["InvokeEndpoint"] = lambda: twin.bad.add("v1")
    with pytest.raises(AirflowException, match=r"answer\[0\] is 2.0.*did not go back to v1.*serves v2.*ping"):
        twin.deploy("v2", golden=GOLDEN, rehearse=False).run()


def test_what_somebody_deployed_during_the_checks_is_left_alone(twin):
    twin.add(NAME, "v1", good="v1")
    wrong(twin, "v2")
    twin.before["InvokeEndpoint"] = lambda: twin.endpoints[NAME].update(
        EndpointStatus="Updating", coming="v3"
    )
    with pytest.raises(AirflowFailException, match=r"answer\[0\] is 2.0.*serves v3"):
        twin.deploy("v2", golden=GOLDEN, rehearse=False).run()
    assert twin.live() == "v3"


# Endpoints that have failed.


def test_a_mix_of_two_configurations_serves_on_and_is_updated(twin):
    twin.add(NAME, "v1", "UpdateRollbackFailed", good="v1", dag="tests")
    result = twin.deploy("v1", golden=GOLDEN).run()
    assert result["Endpoint"]["EndpointStatus"] == "InService"
    assert ("delete", NAME) not in twin.changes()
    assert twin.changes()[-1] == ("update", NAME, "v1")


def test_an_update_that_ends_in_a_mix_is_red_and_its_retry_updates_again(twin):
    twin.add(NAME, "v1", good="v1", dag="tests")
    run = twin.deploy("v2", deferrable=True, worker_seconds=0)
    deferred = run.start()
    twin.endpoints[NAME].update(EndpointStatus="UpdateRollbackFailed", FailureReason="CapacityError: none")
    with pytest.raises(AirflowException, match="is UpdateRollbackFailed: CapacityError"):
        run.resume(deferred, {"status": "UpdateRollbackFailed", "plan": deferred.trigger.plan, "name": NAME})
    again = run.start()
    twin.settle()
    run.resume(again, {"status": "InService", "plan": again.trigger.plan, "name": NAME})
    assert twin.changes() == [("update", NAME, "v2")] * 2


@pytest.mark.parametrize("status", ["Failed", "OutOfService"])
def test_one_that_serves_nothing_is_made_anew_by_its_own_dag_alone(twin, status):
    twin.add(NAME, "v1", status, dag="others")
    with pytest.raises(AirflowFailException, match="left alone"):
        twin.deploy("v2").run()
    assert twin.changes() == []
    twin.add(NAME, "v1", status, dag="tests")
    twin.deploy("v2").run()
    assert twin.live() == "v2"


# Rehearsals.


@pytest.fixture
def rehearsal():
    """Give the name of the endpoint that rehearses v2."""
    return rehearsal_name({"endpoint": NAME, "config": "v2"})


@pytest.mark.parametrize("status", ["Creating", "InService", "Deleting", "Failed"])
def test_a_rehearsal_that_a_killed_try_left_is_gone_on_with_or_made_anew(twin, rehearsal, status):
    twin.add(NAME, "v1", good="v1")
    twin.add(rehearsal, "v2", status)
    twin.deploy("v2", golden=GOLDEN).run()
    assert (twin.live(), list(twin.endpoints)) == ("v2", [NAME])


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "going"])
def test_a_rehearsal_that_somebody_deletes_is_made_anew(twin, rehearsal, gone):
    twin.add(NAME, "v1", good="v1")
    run = twin.deploy("v2", golden=GOLDEN, deferrable=True, worker_seconds=0)
    deferred = run.start()
    assert deferred.trigger.name == rehearsal
    twin.endpoints[rehearsal]["EndpointStatus"] = "Deleting"
    if gone:
        del twin.endpoints[rehearsal]
    told = {"status": "", "plan": deferred.trigger.plan, "name": rehearsal}
    outcome = twin.deploy("v2", golden=GOLDEN).resume(deferred, told)
    assert outcome["Endpoint"]["EndpointConfigName"] == "v2"
    assert twin.changes().count(("create", rehearsal, "v2")) == 2


def test_what_was_rehearsed_is_not_rehearsed_again_where_another_deploys_first(twin, rehearsal):
    twin.add(NAME, "v1", good="v1")
    changing = {"EndpointStatus": "Updating", "coming": "v3"}
    twin.before["UpdateEndpoint"] = lambda: twin.endpoints[NAME].update(changing)
    twin.deploy("v2", golden=GOLDEN).run()
    assert twin.live() == "v2"
    assert twin.changes().count(("create", rehearsal, "v2")) == 1
    assert twin.changes().count(("update", NAME, "v2")) == 2


def test_what_another_task_deployed_during_the_rehearsal_is_checked_and_not_updated(twin):
    twin.add(NAME, "v1", good="v1")
    twin.before["InvokeEndpoint"] = lambda: twin.endpoints[NAME].update(EndpointConfigName="v2")
    twin.deploy("v2", golden=GOLDEN).run()
    assert [each for each in twin.changes() if each[0] == "update"] == []
    assert twin.good() == "v2"


def test_a_rehearsal_that_never_settles_is_named_and_deleted(twin, rehearsal):
    twin.add(NAME, "v1", good="v1")
    run = twin.deploy("v2", golden=GOLDEN, deferrable=True, worker_seconds=0)
    deferred = run.start()
    told = {"status": "timeout", "plan": deferred.trigger.plan, "name": rehearsal}
    with pytest.raises(AirflowException, match=f"endpoint {rehearsal} did not settle"):
        run.resume(deferred, told)
    assert list(twin.endpoints) == [NAME]


def test_a_deployment_that_waits_in_the_triggerer_heeds_the_tasks_own_timeout(twin):
    run = twin.deploy("v1", deferrable=True, worker_seconds=0, execution_timeout=dt.timedelta(seconds=90))
    before = time.time()
    deferred = run.start()
    assert deferred.trigger.deadline <= time.time() + 90
    assert deferred.trigger.deadline >= before + 90
    told = {"status": "timeout", "plan": deferred.trigger.plan, "name": NAME}
    with pytest.raises(AirflowException, match="did not settle within 90 s"):
        run.resume(deferred, told)


@pytest.fixture
def no_pause(monkeypatch):
    """Have a call that failed made again at once."""
    monkeypatch.setattr("sagewind.jobs.limits.backoff", lambda *_, **__: 0.0)
