"""The supervisor: one at a time, one end, written to the folder before the store, whatever happens."""

import itertools
import json
import sys
import threading
import types

import pytest
from tests.unit.sagelocal.failing_store import FULL, FailingStore

from sagelocal.jobs import supervisor, transitions
from sagelocal.jobs.folder import JobFolder
from sagelocal.jobs.store import Store

KIND = "training-job"


@pytest.fixture
def job(tmp_path):
    """Give a stored job and its folder."""
    store = Store(tmp_path / "state.db")
    body = {"TrainingJobName": "j", "TrainingJobStatus": "InProgress", "SecondaryStatus": "Starting"}
    store.create(KIND, "j", "arn:j", body)
    folder = JobFolder(tmp_path / "jobs" / KIND / "j")
    settings = {"data_dir": str(tmp_path), "cache_dir": str(tmp_path), "region": "us-east-1"}
    folder.write_job({"kind": KIND, "name": "j", "settings": settings, "body": body})
    yield folder, store
    store.close()


@pytest.fixture
def kind(monkeypatch):
    """Put a kind of the test's own in the place of training; returns the list of its calls."""
    calls = []
    module = types.ModuleType("sagelocal_test_kind")
    module.run = calls.append
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(supervisor.KINDS, KIND, module.__name__)
    return module, calls


def complete(job):
    def change(body):
        body["TrainingJobStatus"] = "Completed"

    job.finish(change)


def test_a_job_is_run_and_its_end_is_in_the_folder_and_in_the_store(job, kind):
    folder, store = job
    kind[0].run = complete
    assert supervisor.main(folder.root, {}) == 0
    assert folder.read_exit()["body"]["TrainingJobStatus"] == "Completed"
    assert store.get(KIND, "j").body["TrainingJobStatus"] == "Completed"
    assert not folder.is_alive()


def test_an_error_of_ours_fails_the_job_and_is_in_the_log(job, kind, capsys):
    folder, store = job

    def fail(_job):
        raise KeyError("oops")

    kind[0].run = fail
    assert supervisor.main(folder.root, {}) == 0
    body = store.get(KIND, "j").body
    assert body["TrainingJobStatus"] == "Failed"
    assert body["FailureReason"] == "InternalServerError: KeyError: 'oops'"
    assert "Traceback" in capsys.readouterr().err


def test_an_end_in_the_folder_stays_though_the_store_does_not_take_it(job, kind, capsys):
    folder, store = job

    def complete_beside_a_store_that_fails(running):
        running.store.close()
        running.store = FailingStore(running.data_dir / "state.db")
        running.store.fail("update", "j", thread=threading.current_thread().name)
        complete(running)

    kind[0].run = complete_beside_a_store_that_fails
    assert supervisor.main(folder.root, {}) == 0
    assert folder.read_exit()["body"]["TrainingJobStatus"] == "Completed"
    assert store.get(KIND, "j").body["TrainingJobStatus"] == "InProgress"  # the service applies the end
    assert FULL in capsys.readouterr().err


def test_a_job_whose_code_was_started_is_not_started_again(job, kind, capsys):
    folder, store = job
    folder.started.touch()
    supervisor.main(folder.root, {})
    assert kind[1] == []
    assert "not started again" in store.get(KIND, "j").body["FailureReason"]
    capsys.readouterr()


def test_a_job_that_has_ended_is_left_alone(job, kind):
    folder, _ = job
    folder.exit.write_text(json.dumps({"body": {}}))
    supervisor.main(folder.root, {})
    assert kind[1] == []


def test_a_second_supervisor_leaves_the_job_to_the_first(job, kind, monkeypatch):
    folder, _ = job
    monkeypatch.setattr(supervisor, "LOCK_SECONDS", 0.02)
    seen = []

    def run_another(job):
        seen.append(supervisor.main(folder.root, {}))
        complete(job)

    kind[0].run = run_another
    supervisor.main(folder.root, {})
    assert seen == [0]


def test_a_job_deleted_meanwhile_harms_nothing(job, kind):
    folder, store = job

    def delete(running):
        store.delete(KIND, "j")
        running.update(lambda body: body.update(x=1))
        complete(running)

    kind[0].run = delete
    assert supervisor.main(folder.root, {}) == 0
    assert folder.read_exit()["body"]["TrainingJobStatus"] == "Completed"


def test_two_transitions_in_a_row_never_say_the_same():
    body = {}
    for moment, status in enumerate(["Downloading", "Training", "Training", "Stopped"]):
        transitions.advance(body, status, float(moment))
    words = [step["StatusMessage"] for step in body["SecondaryStatusTransitions"]]
    assert all(one != other for one, other in itertools.pairwise(words))
    assert all("EndTime" in step for step in body["SecondaryStatusTransitions"])
    assert body["SecondaryStatus"] == "Stopped"
