"""The operations that only keep and search, without a service."""

import threading

import pytest
from tests.unit.sagelocal.failing_store import FailingStore

from sagelocal.api import kinds, rest, unhandled
from sagelocal.api.account import Account
from sagelocal.api.model_package_groups import ModelPackageGroups
from sagelocal.api.model_packages import ModelPackages
from sagelocal.api.pipeline_executions import PipelineExecutions
from sagelocal.api.pipeline_records import PipelineRecords
from sagelocal.api.pipelines import Pipelines
from sagelocal.api.records import Records
from sagelocal.api.search import Search
from sagelocal.wire import model
from sagelocal.wire.dispatch import Dispatch
from sagelocal.wire.message import Call

ACCOUNT = Account(number="123456789012", region="us-east-1")


class Runs:
    """Runs no execution of a pipeline."""

    def begin(self, name):
        """Leave it as it is."""

    ring = begin


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
    packages, groups = (
        Records(kind, kept, ACCOUNT) for kind in (kinds.MODEL_PACKAGE, kinds.MODEL_PACKAGE_GROUP)
    )
    records = PipelineRecords(kept, ACCOUNT)
    changing = threading.Lock()
    others = (
        ModelPackages(records=packages, groups=groups, account=ACCOUNT, changing=changing),
        ModelPackageGroups(records=groups, packages=packages, account=ACCOUNT, changing=changing),
        Pipelines(records=records, account=ACCOUNT, operations=operations, storage=None),
        PipelineExecutions(records=records, runs=Runs(), account=ACCOUNT),
        Search(kept),
    )
    table = Dispatch((*built.resources, *others), unhandled.refuse, built.derived)

    def run(operation, **parameters):
        call = Call(operation=operation, request_id="r", parameters=parameters, headers={})
        return table.find(operation).run(call)

    return run
