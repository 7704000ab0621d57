"""Region, retries and endpoints of an operator reach every client that works for it."""

from __future__ import annotations

import pytest

from sagewind.operators.sagemaker import SageMakerTrainingOperator
from sagewind.operators.triggers import SageMakerJobTrigger

REGION = "eu-south-2"
SETTINGS = {"region_name": REGION, "botocore_config": {"read_timeout": 7}}


@pytest.fixture
def hooks(environment):
    operator = SageMakerTrainingOperator(task_id="t", config={}, **SETTINGS)
    trigger = SageMakerJobTrigger(kind="TrainingJob", name="n", poll=1.0, deadline=0.0, **SETTINGS)
    return operator.hook, trigger._hook()


def test_every_client_has_the_operators_region_and_configuration(hooks):
    for hook in hooks:
        runtime = hook.client("sagemaker-runtime")
        for client in (hook.conn, hook.s3_hook.conn, hook.logs_hook.conn, runtime):
            assert client.meta.region_name == REGION
            assert client.meta.config.read_timeout == 7


def test_every_client_has_the_environments_endpoint(hooks, environment):
    for hook in hooks:
        assert hook.conn.meta.endpoint_url == environment.url
        assert hook.client("sagemaker-runtime").meta.endpoint_url == environment.url
        for client in (hook.s3_hook.conn, hook.logs_hook.conn):
            assert client.meta.endpoint_url == environment.addresses["AWS_ENDPOINT_URL"]


def test_all_clients_are_of_one_session_and_ask_for_the_connection_once(hooks):
    for hook in hooks:
        for other in (hook.s3_hook, hook.logs_hook):
            assert other.conn_config is hook.conn_config
            assert other.get_session(REGION) is hook.get_session(REGION)
        assert hook.get_session("eu-west-1") is not hook.get_session(REGION)


def test_the_user_agent_names_the_operator(environment):
    class Asking(SageMakerTrainingOperator):
        def execute(self, context):
            return self.hook.s3_hook.conn.meta.config.user_agent_extra

    assert "Caller/Asking" in Asking(task_id="t", config={}).execute({})
