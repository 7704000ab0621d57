"""Deployments against the real service: green only when true, and the old model answers meanwhile."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk.exceptions import TaskDeferred
from tests.integration import training_jobs as jobs
from tests.integration.operators import hosting

from sagelocal.testing import FaultPlan
from sagewind.operators.sagemaker import (
    SageMakerDeleteEndpointOperator,
    SageMakerEndpointOperator,
    SageMakerInvokeEndpointOperator,
)

GOLDEN = [{"Body": "1,2\n3,4\n", "Expected": [1.0, 1.0]}]


@pytest.fixture
def endpoint(attempt, aws):
    """Give an endpoint name of the test's own; what is left of it is deleted."""
    name = jobs.unique("deploy")
    yield name
    sagemaker = aws("sagemaker")
    left = sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    for each in left:
        sagemaker.delete_endpoint(EndpointName=each["EndpointName"])


@pytest.fixture
def deploy(attempt, s3, endpoint):
    def make(behaviour, **arguments):
        config = hosting.deployment(s3, endpoint, **behaviour)
        arguments.setdefault("worker_seconds", 0)  # a deployment is soon over, and would not be deferred
        run = attempt(
            lambda: SageMakerEndpointOperator(task_id="deploy", config=dict(config), **arguments),
            task_id="deploy",
        )
        run.config = config
        return run

    return make


def live_config(sagemaker, name):
    return sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]


def endpoints(sagemaker, name):
    return [each["EndpointName"] for each in sagemaker.list_endpoints(NameContains=name)["Endpoints"]]


@pytest.mark.parametrize("deferrable", [True, False])
def test_create_update_invoke_and_delete(deploy, attempt, aws, endpoint, deferrable):
    sagemaker = aws("sagemaker")
    first = deploy({"answer": 1.0}, golden=GOLDEN, max_latency_p95=5.0, deferrable=deferrable)
    result = first.run()
    assert result["Summary"]["GoldenPredictions"] == 1
    assert result["Endpoint"]["EndpointConfigName"] == first.config["EndpointConfig"]["EndpointConfigName"]
    assert first.retry()["Endpoint"]["EndpointConfigName"] == live_config(sagemaker, endpoint)

    second = deploy({"answer": 2.0}, deferrable=deferrable)
    second.run()
    assert live_config(sagemaker, endpoint) == second.config["EndpointConfig"]["EndpointConfigName"]
    ask = attempt(
        lambda: SageMakerInvokeEndpointOperator(task_id="ask", endpoint_name=endpoint, body="1,2\n")
    )
    assert ask.run() == [2.0]

    stranger = attempt(
        lambda: SageMakerDeleteEndpointOperator(task_id="delete", endpoint_name=endpoint), dag_id="other"
    )
    stranger.run()
    assert endpoints(sagemaker, endpoint) == [endpoint]
    owner = attempt(lambda: SageMakerDeleteEndpointOperator(task_id="delete", endpoint_name=endpoint))
    owner.run()
    owner.run()  # a teardown may run twice
    assert endpoints(sagemaker, endpoint) == []
    name = second.config["Model"]["ModelName"]
    assert sagemaker.list_models(NameContains=name)["Models"] == []
    assert sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"] == []


BAD = [
    ({"broken": True, "answer": 1.0}, "does not come up"),
    ({"answer": 2.0}, r"answer\[0\] is 2.0; expected is 1.0"),
    ({"answer": 1.0, "seconds": 0.3}, "p95 latency is 0.3"),
]


@pytest.fixture
def answering(deploy, aws, endpoint):
    """Hold that the model of 1.0 answers a thousand requests while a block runs, and is alone afterwards."""

    @contextlib.contextmanager
    def hold():
        good = deploy({"answer": 1.0}, golden=GOLDEN)
        good.run()
        with hosting.Traffic(aws("sagemaker-runtime"), endpoint, least=1000) as traffic:
            yield
        assert len(traffic.answers) >= 1000
        assert {str(answer) for answer in traffic.answers} == {"[1.0]"}
        sagemaker = aws("sagemaker")
        assert live_config(sagemaker, endpoint) == good.config["EndpointConfig"]["EndpointConfigName"]
        assert endpoints(sagemaker, endpoint) == [endpoint]  # the rehearsal is gone

    return hold


@pytest.mark.parametrize(("behaviour", "said"), BAD)
def test_a_bad_model_never_gets_a_request(deploy, answering, behaviour, said):
    bad = deploy(behaviour, golden=GOLDEN, max_latency_p95=0.2, latency_requests=5)
    with answering(), pytest.raises(AirflowFailException, match=said):
        bad.run()


@pytest.mark.parametrize("golden", [GOLDEN, ()], ids=["rehearsed", "updated"])
def test_a_model_that_fails_its_ping_never_gets_a_request(
    deploy, answering, endpoint, sagelocal_service, golden
):
    faults = FaultPlan(sagelocal_service.url)
    with answering():
        faults.ping(f"{endpoint}*")
        with pytest.raises(AirflowException, match="ping"):
            deploy({"answer": 1.0, "version": 2}, golden=golden).run()
    assert faults.left() == []


def test_without_a_rehearsal_a_wrong_model_is_rolled_back(deploy, aws, endpoint):
    good = deploy({"answer": 1.0}, golden=GOLDEN)
    good.run()
    wrong = deploy({"answer": 2.0}, golden=GOLDEN, rehearse=False)
    with pytest.raises(AirflowFailException, match=r"serves .* again"):
        wrong.run()
    sagemaker = aws("sagemaker")
    assert live_config(sagemaker, endpoint) == good.config["EndpointConfig"]["EndpointConfigName"]


def test_an_update_that_sagemaker_rolls_back_is_red_with_the_containers_words(deploy, aws, endpoint, capsys):
    good = deploy({"answer": 1.0})
    good.run()
    with pytest.raises(AirflowFailException, match="rolled back"):
        deploy({"broken": True}).run()
    assert "this model does not load" in capsys.readouterr().out
    assert live_config(aws("sagemaker"), endpoint) == good.config["EndpointConfig"]["EndpointConfigName"]


def test_a_first_deployment_that_answers_wrongly_leaves_nothing(deploy, aws, endpoint):
    with pytest.raises(AirflowFailException, match="was deleted"):
        deploy({"answer": 2.0}, golden=GOLDEN).run()
    assert endpoints(aws("sagemaker"), endpoint) == []


def test_a_retry_after_a_first_deployment_that_failed_tries_again(deploy, aws, endpoint):
    run = deploy({"broken": True})
    for attempted in (run.run, run.retry):
        with pytest.raises(AirflowFailException, match="is Failed"):
            attempted()
    assert endpoints(aws("sagemaker"), endpoint) == [endpoint]


def test_a_worker_that_died_while_deploying_goes_on(deploy, aws, endpoint):
    run = deploy({"answer": 1.0}, golden=GOLDEN)
    assert isinstance(run.start(), TaskDeferred)
    result = run.retry()
    assert result["Endpoint"]["EndpointStatus"] == "InService"
    assert endpoints(aws("sagemaker"), endpoint) == [endpoint]


def test_a_deployment_that_is_soon_over_is_not_deferred(deploy):
    result = deploy({"answer": 1.0}, golden=GOLDEN, worker_seconds=300).start()
    assert result["Endpoint"]["EndpointStatus"] == "InService"


def test_two_deployments_at_once_end_with_one_config_and_both_true(deploy, aws, endpoint):
    deploy({"answer": 0.0}).run()
    one, other = deploy({"answer": 1.0}), deploy({"answer": 2.0})
    started = [one.start(), other.start()]
    results = [run.finish(outcome) for run, outcome in zip((one, other), started, strict=True)]
    live = live_config(aws("sagemaker"), endpoint)
    assert live == other.config["EndpointConfig"]["EndpointConfigName"]
    assert results[1]["Endpoint"]["EndpointConfigName"] == live


def test_killing_the_task_deletes_the_rehearsal(deploy, aws, endpoint):
    deploy({"answer": 1.0}, golden=GOLDEN).run()
    run = deploy({"answer": 1.0, "version": 2}, golden=GOLDEN)
    asyncio.run(run.trigger(run.start()).on_kill())
    sagemaker = aws("sagemaker")
    rehearsal = [name for name in endpoints(sagemaker, endpoint) if name != endpoint]
    statuses = {sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] for name in rehearsal}
    assert statuses <= {"Deleting"}


def test_a_rehearsal_that_is_deleted_while_the_task_waits_is_made_anew(deploy, aws, endpoint):
    deploy({"answer": 1.0}).run()
    run = deploy({"answer": 1.0, "version": 2}, golden=GOLDEN)
    deferred = run.start()
    aws("sagemaker").delete_endpoint(EndpointName=deferred.trigger.name)
    assert run.finish(deferred)["Summary"]["GoldenPredictions"] == 1
    assert live_config(aws("sagemaker"), endpoint) == run.config["EndpointConfig"]["EndpointConfigName"]


def test_an_endpoint_that_is_deleted_while_the_task_waits_is_not_made_again(deploy, aws, endpoint):
    run = deploy({"answer": 1.0})
    deferred = run.start()
    aws("sagemaker").delete_endpoint(EndpointName=endpoint)
    with pytest.raises(AirflowException, match="somebody deleted it"):
        run.finish(deferred)
