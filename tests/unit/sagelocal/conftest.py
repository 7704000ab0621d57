"""The operations that only keep and search, without a service."""

import pytest
from tests.unit.sagelocal.failing_store import FailingStore

from sagelocal.api import kinds, rest, unhandled
from sagelocal.api.account import Account
from sagelocal.api.model_package_groups import ModelPackageGroups
from sagelocal.api.records import Records
from sagelocal.api.search import Search
from sagelocal.wire import model
from sagelocal.wire.dispatch import Dispatch
from sagelocal.wire.message import Call

ACCOUNT = Account(number="123456789012", region="us-east-1")


@pytest.fixture(scope="session")
def operations():
    return model.load(["sagemaker", "sagemaker-metrics"]).operations


@pytest.fixture
def kept(tmp_path):
    """Give the store behind `ask`."""
    store = FailingStore(tmp_path / "kept.db")
    yield store
    store.close()


@pytest.fixture
def ask(kept, operations):
    """Carry out an operation."""
    built = rest.build(operations, kept, ACCOUNT)
    packages = Records(kinds.MODEL_PACKAGE, kept, ACCOUNT)
    groups = ModelPackageGroups(
        records=Records(kinds.MODEL_PACKAGE_GROUP, kept, ACCOUNT), packages=packages, account=ACCOUNT
    )
    table = Dispatch((*built.resources, groups, Search(kept)), unhandled.refuse, built.derived)

    def run(operation, **parameters):
        call = Call(operation=operation, request_id="r", parameters=parameters, headers={})
        return table.find(operation).run(call)

    return run
