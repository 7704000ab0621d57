"""Airflow in a home of its own, its AWS connection pointed at the test's services."""

from __future__ import annotations

import contextlib
import os
import tempfile

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "True")

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from tests.integration import training_jobs
from tests.integration.operators.driver import Attempt, Instance, Store


@pytest.fixture(scope="session")
def _airflow():
    ExecutorSafeguard.test_mode = True


@pytest.fixture
def environment(sagelocal_service, monkeypatch, _airflow):
    """Point every AWS client of this process at the services."""
    for name, value in sagelocal_service.addresses.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", sagelocal_service.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", sagelocal_service.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    return sagelocal_service


@pytest.fixture(scope="session")
def s3(aws):
    client = aws("s3")
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=training_jobs.BUCKET)
    return client


@pytest.fixture
def attempt(environment):
    """Make the tries of a task: `attempt(lambda: SageMakerTrainingOperator(...))`."""

    def make(operator, **ti) -> Attempt:
        ti.setdefault("run_id", training_jobs.unique("run"))
        return Attempt(make=operator, ti=Instance(**ti), store=Store())

    return make
