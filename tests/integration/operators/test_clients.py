"""Region, retries and endpoints of an operator reach every client that works for it."""

from __future__ import annotations

import json

import pytest
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

from sagewind.operators import ahead
from sagewind.operators.hook import keep_clients
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


def clients(hook):
    return [hook.conn, hook.client("sagemaker"), hook.s3_hook.conn, hook.logs_hook.conn]


def hook_of(**arguments):
    hook = SageMakerTrainingOperator(task_id="t", config={}, **arguments).hook
    _ = hook.conn
    return hook


@pytest.fixture
def kept(environment, monkeypatch):
    """Clients made ahead; the environment is this test's alone, so that no other finds what it leaves."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    keep_clients()
    return environment


@pytest.mark.parametrize("extra", [{}, {"region_name": "no such region"}])
def test_a_connection_that_says_too_little_keeps_airflow_from_nothing(environment, monkeypatch, extra):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    told = {"conn_type": "aws", "login": "k", "password": "s", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(told))
    keep_clients()
    assert ahead.take("sagemaker", str) is None


def test_clients_made_ahead_are_given_to_one_hook_and_work_as_its_own(kept):
    first, second = (SageMakerTrainingOperator(task_id="t", config={}).hook for _ in range(2))
    made, others = clients(first), clients(second)
    assert len({id(client) for client in (*made, *others)}) == 8
    assert [client.meta.service_model.service_name for client in made] == list(ahead.SERVICES)
    for mine, its in zip(made, others, strict=True):
        assert mine.meta.endpoint_url == its.meta.endpoint_url
        assert mine.meta.config.retries == its.meta.config.retries
    assert not first._sessions
    assert second._sessions


def test_a_client_made_ahead_tells_aws_who_uses_it(kept):
    class Asking(SageMakerTrainingOperator):
        def execute(self, context):
            sent = []
            self.hook.conn.meta.events.register("before-send", lambda request, **_: sent.append(request))
            self.hook.conn.list_models()
            return sent[0].headers["User-Agent"].decode()

    tasks = [Asking(task_id="t", config={}) for _ in range(3)]
    ahead_of, also, by_itself = (task.execute({}) for task in tasks)
    assert [bool(task.hook._sessions) for task in tasks] == [False, False, True]
    assert "Caller/Asking" in ahead_of
    assert len({words.partition("Airflow/")[2] for words in (ahead_of, also, by_itself)}) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"region_name": REGION},
        {"verify": False},
        {"botocore_config": {"read_timeout": 7}},
        {"aws_conn_id": None},
    ],
)
def test_who_asks_for_something_else_has_clients_of_its_own(kept, arguments):
    assert hook_of(**arguments)._sessions


def test_a_client_of_another_region_is_not_the_one_made_ahead(kept):
    hook = SageMakerTrainingOperator(task_id="t", config={}).hook
    assert hook.get_client_type(region_name=REGION).meta.region_name == REGION
    assert hook.conn.meta.region_name == "us-east-1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:9"),
        ("AIRFLOW_CONN_AWS_DEFAULT", "aws://?region_name=eu-south-2"),
    ],
)
def test_in_another_environment_nothing_was_made_ahead(kept, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert hook_of()._sessions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW__SECRETS__BACKEND", "airflow.secrets.local_filesystem.LocalFilesystemBackend"),
        ("AIRFLOW_CONN_AWS_DEFAULT", None),
    ],
)
def test_a_connection_that_the_environment_does_not_tell_is_left_to_the_task(
    environment, monkeypatch, name, value
):
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    assert not ahead.is_told()


@pytest.mark.parametrize("extra", [{"role_arn": "arn:aws:iam::123456789012:role/r"}, {"profile_name": "p"}])
def test_credentials_that_expire_are_not_kept(environment, extra):
    made = []
    ahead.keep(
        AwsConnectionWrapper.from_connection_metadata(login="key", password="secret", extra=extra),
        made.append,
    )
    assert made == []
