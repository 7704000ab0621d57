"""The rounds of the endpoints' thread go on, whatever happens in one of them."""

import threading

import pytest
from tests.unit.sagelocal.failing_store import FULL, FailingStore

from sagelocal.jobs.fleet import KIND
from sagelocal.jobs.hosting import EndpointController
from sagelocal.jobs.supervisors import Supervisors
from sagelocal.serving.endpoints import Router
from sagelocal.settings import Settings

PATIENCE_SECONDS = 30


class Watched(FailingStore):
    """Tells when an endpoint has been deleted."""

    def __init__(self, path):
        self.deleted = threading.Event()
        super().__init__(path)

    def delete(self, kind, name):
        found = super().delete(kind, name)
        self.deleted.set()
        return found


@pytest.fixture
def store(tmp_path):
    store = Watched(tmp_path / "state.db")
    yield store
    store.close()


@pytest.fixture
def endpoints(store, tmp_path):
    controller = EndpointController(
        store=store,
        settings=Settings(data_dir=tmp_path),
        router=Router(account="123456789012", region="us-east-1"),
        detached=Supervisors({}, preload=False),
    )
    yield controller
    controller.close()


def test_a_store_that_fails_once_is_asked_again(endpoints, store, caplog):
    store.create(KIND, "e", "arn:e", {"EndpointStatus": "Deleting"})
    store.fail("list", KIND, thread="endpoints")
    endpoints.start()
    assert store.deleted.wait(PATIENCE_SECONDS)
    assert FULL in caplog.text
