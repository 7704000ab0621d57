"""The launcher with real processes: admission, stops, deaths, and jobs that outlive it."""

import dataclasses
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.integration import sandboxes
from tests.unit.sagelocal.failing_store import FULL, FailingStore

from sagelocal.jobs import mailbox
from sagelocal.jobs.launcher import Launcher
from sagelocal.settings import Settings

SUPERVISOR = (sys.executable, str(Path(__file__).with_name("stand_in_supervisor.py")))
KIND = "training-job"
PATIENCE_SECONDS = 30


class Jobs:
    """A store, and launchers over it as successive lives of a service."""

    def __init__(self, data_dir):
        self.settings = Settings(data_dir=data_dir, max_running_jobs=2)
        self.store = FailingStore(data_dir / "state.db")
        self.launchers = []

    def launch(self, **changed):
        launcher = Launcher(
            store=self.store,
            settings=dataclasses.replace(self.settings, **changed),
            environ={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            supervisor=SUPERVISOR,
        )
        self.launchers.append(launcher)
        launcher.start()
        return launcher

    def reap(self):
        """Wait for the children of launchers that were closed before them: here nobody else does."""
        for launcher in self.launchers:
            for running in launcher._running:
                if running.child is not None:
                    running.child.wait()

    def add(self, name, end, status="InProgress", **more):
        body = {
            "TrainingJobStatus": status,
            "CreationTime": time.time(),
            "SecondaryStatus": "Starting",
            "SecondaryStatusTransitions": [
                {"Status": "Starting", "StatusMessage": "Starting", "StartTime": 1.0}
            ],
            "HyperParameters": {"end": end},
            **more,
        }
        self.store.create(KIND, name, f"arn:{name}", body)

    def run(self, launcher, name, end, **more):
        self.add(name, end, **more)
        launcher.submit(KIND, name)

    def stop(self, launcher, name):
        self.store.update(KIND, name, lambda body: body.update(TrainingJobStatus="Stopping"))
        launcher.stop(KIND, name)

    def body(self, name):
        return self.store.get(KIND, name).body

    def wait(self, name, *statuses):
        until(lambda: self.body(name)["TrainingJobStatus"] in statuses)
        return self.body(name)

    def wait_until_started(self, launcher, name):
        until(lambda: launcher.folder(KIND, name).was_started())


def until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@pytest.fixture
def jobs(tmp_path):
    jobs = Jobs(tmp_path)
    yield jobs
    for launcher in jobs.launchers:
        launcher.close()
    last = jobs.launch()
    last.stop_all()
    last.close()
    jobs.reap()
    jobs.store.close()


def test_a_job_runs_and_ends(jobs):
    launcher = jobs.launch()
    jobs.run(launcher, "a", "Completed")
    jobs.wait("a", "Completed")
    assert not launcher.folder(KIND, "a").is_alive()


def test_no_more_jobs_run_than_there_is_room_for_and_all_run_in_the_end(jobs):
    launcher = jobs.launch()
    for name in "abc":
        jobs.run(launcher, name, "wait")
    jobs.wait_until_started(launcher, "a")
    jobs.wait_until_started(launcher, "b")
    until(lambda: jobs.body("c")["SecondaryStatus"] == "Pending")
    assert not launcher.folder(KIND, "c").job.exists()

    jobs.stop(launcher, "a")

    assert jobs.wait("a", "Stopped")
    jobs.wait_until_started(launcher, "c")


def test_a_job_that_waits_is_stopped_without_a_start(jobs):
    launcher = jobs.launch()
    for name in "abc":
        jobs.run(launcher, name, "wait")
    until(lambda: jobs.body("c")["SecondaryStatus"] == "Pending")

    jobs.stop(launcher, "c")

    body = jobs.wait("c", "Stopped")
    assert not launcher.folder(KIND, "c").was_started()
    messages = [each["StatusMessage"] for each in body["SecondaryStatusTransitions"]]
    assert messages[-1] == "The job was stopped before it started"


@pytest.mark.parametrize("lives", [1, 2])
@pytest.mark.parametrize(
    ("limit", "ends", "says"),
    [
        (
            {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxWaitTimeInSeconds": 1}},
            "MaxWaitTimeExceeded",
            "Training job exceeded MaxWaitTimeInSeconds provided",
        ),
        (
            {"StoppingCondition": {"MaxPendingTimeInSeconds": 1}},
            "Stopped",
            "The job was stopped: it was pending for longer than MaxPendingTimeInSeconds (1)",
        ),
    ],
)
def test_a_job_waits_no_longer_than_it_may(jobs, limit, ends, says, lives):
    launcher = jobs.launch()
    for name in "ab":
        jobs.run(launcher, name, "wait")
    jobs.run(launcher, "c", "wait", **limit)
    jobs.run(launcher, "d", "wait", StoppingCondition={"MaxPendingTimeInSeconds": 7200})
    for _ in range(1, lives):
        jobs.wait_until_started(launcher, "a")
        jobs.wait_until_started(launcher, "b")
        launcher.close()
        launcher = jobs.launch()

    body = jobs.wait("c", "Stopped")

    assert body["SecondaryStatus"] == ends
    assert body["SecondaryStatusTransitions"][-1]["StatusMessage"] == says
    assert not launcher.folder(KIND, "c").was_started()
    assert jobs.body("d")["TrainingJobStatus"] == "InProgress"


def test_the_limit_of_a_job_that_was_stopped_is_not_that_of_the_next_of_its_name(jobs):
    launcher = jobs.launch()
    for name in "ab":
        jobs.run(launcher, name, "wait")
    jobs.run(launcher, "c", "wait", StoppingCondition={"MaxPendingTimeInSeconds": 1})
    until(lambda: jobs.body("c")["SecondaryStatus"] == "Pending")
    jobs.run(launcher, "d", "wait", StoppingCondition={"MaxPendingTimeInSeconds": 2})

    jobs.stop(launcher, "c")
    launcher.forget(KIND, "c")
    jobs.store.delete(KIND, "c")
    jobs.run(launcher, "c", "wait")

    jobs.wait("d", "Stopped")  # by its limit, which was the later one
    assert jobs.body("c")["TrainingJobStatus"] == "InProgress"


def test_a_supervisor_that_dies_fails_its_job(jobs):
    launcher = jobs.launch()
    jobs.run(launcher, "a", "die")
    body = jobs.wait("a", "Failed")
    assert body["FailureReason"].startswith("InternalServerError: the supervisor of the job died")
    assert body["TrainingEndTime"]
    assert body["SecondaryStatus"] == "Failed"


def test_a_sandbox_that_a_dead_supervisor_left_has_ended_when_its_job_has_failed(jobs):
    launcher = jobs.launch()
    jobs.run(launcher, "a", "wait")
    jobs.wait_until_started(launcher, "a")
    folder = launcher.folder(KIND, "a")
    orphan = sandboxes.start(folder.root)
    os.kill(folder.process(), signal.SIGKILL)
    jobs.wait("a", "Failed")
    assert orphan.poll() == -signal.SIGKILL


def test_a_supervisor_that_cannot_begin_fails_its_job_with_its_words(jobs):
    launcher = jobs.launch()
    jobs.run(launcher, "a", "refuse")
    assert "no such thing here" in jobs.wait("a", "Failed")["FailureReason"]


def test_a_job_outlives_the_launcher_and_is_stopped_by_the_next(jobs):
    first = jobs.launch()
    jobs.run(first, "a", "wait")
    jobs.wait_until_started(first, "a")
    first.close()

    second = jobs.launch()
    assert jobs.body("a")["TrainingJobStatus"] == "InProgress"
    jobs.stop(second, "a")

    jobs.wait("a", "Stopped")
    assert second.folder(KIND, "a").started.read_text() == "once\n"


def test_a_stop_that_a_launcher_did_not_live_to_pass_on_is_passed_on_by_the_next(jobs):
    first = jobs.launch()
    jobs.run(first, "a", "wait")
    jobs.wait_until_started(first, "a")
    first.close()
    jobs.store.update(KIND, "a", lambda body: body.update(TrainingJobStatus="Stopping"))

    jobs.launch()

    assert jobs.wait("a", "Stopped")


def test_a_supervisor_that_died_while_no_launcher_lived_is_noticed(jobs):
    first = jobs.launch()
    jobs.run(first, "a", "wait")
    jobs.wait_until_started(first, "a")
    first.close()
    os.kill(first.folder(KIND, "a").process(), signal.SIGKILL)

    second = jobs.launch()

    assert "died" in jobs.wait("a", "Failed")["FailureReason"]
    assert second.folder(KIND, "a").started.read_text() == "once\n"


def test_an_exit_record_that_nobody_applied_is_applied(jobs):
    first = jobs.launch()
    first.close()
    jobs.add("a", "Completed")
    folder = first.folder(KIND, "a")
    folder.write_job({})
    (folder.exit).write_text('{"body": {"TrainingJobStatus": "Completed", "mark": 1}}')

    jobs.launch()

    assert jobs.wait("a", "Completed")["mark"] == 1


def test_jobs_that_were_never_started_are_taken_up(jobs):
    jobs.add("a", "Completed")
    jobs.add("b", "Completed", status="Stopping")
    launcher = jobs.launch()
    jobs.wait("a", "Completed")
    jobs.wait("b", "Stopped")
    assert not launcher.folder(KIND, "b").was_started()


def test_stop_all_leaves_nothing_running(jobs):
    launcher = jobs.launch()
    for name in "abc":
        jobs.run(launcher, name, "wait")
    jobs.wait_until_started(launcher, "a")

    launcher.stop_all()

    assert {jobs.body(name)["TrainingJobStatus"] for name in "abc"} == {"Stopped"}
    assert not any(launcher.folder(KIND, name).is_alive() for name in "abc")


@pytest.mark.parametrize("call", ["get", "update"])
@pytest.mark.parametrize("end", ["Completed", "die"])
def test_after_an_error_of_the_store_each_job_is_run_once_and_ends(jobs, call, end, caplog):
    launcher = jobs.launch()
    for name in "ab":
        jobs.add(name, end)
    jobs.add("c", "Completed")
    jobs.store.fail(call, "b", thread="launcher")

    for name in "abc":
        launcher.submit(KIND, name)

    outcome = "Failed" if end == "die" else "Completed"
    assert jobs.wait("a", outcome)
    assert jobs.wait("b", outcome)
    assert jobs.wait("c", "Completed")
    assert {launcher.folder(KIND, name).started.read_text() for name in "abc"} == {"once\n"}
    until(jobs.store.has_failed)
    assert FULL in caplog.text


def test_jobs_that_could_not_start_keep_their_order(jobs):
    launcher = jobs.launch(max_running_jobs=1)
    jobs.add("a", "wait")
    jobs.add("b", "wait")
    jobs.store.fail("get", "a", thread="launcher")
    launcher.submit(KIND, "a")
    launcher.submit(KIND, "b")
    jobs.wait_until_started(launcher, "a")
    until(lambda: jobs.body("b")["SecondaryStatus"] == "Pending")


def test_an_end_that_could_not_be_applied_is_applied_later(jobs):
    first = jobs.launch()
    first.close()
    jobs.add("a", "Completed")
    folder = first.folder(KIND, "a")
    folder.write_job({})
    folder.exit.write_text('{"body": {"TrainingJobStatus": "Completed", "mark": 1}}')
    jobs.store.fail("update", "a", thread="launcher")

    jobs.launch()

    assert jobs.wait("a", "Completed")["mark"] == 1
    assert jobs.store.has_failed()


def test_a_letter_that_could_not_be_seen_to_is_kept_and_so_are_those_after_it(jobs):
    launcher = jobs.launch()
    for name in "ab":
        jobs.run(launcher, name, "wait")
    for name in "ab":
        jobs.wait_until_started(launcher, name)
        jobs.store.update(KIND, name, lambda body: body.update(TrainingJobStatus="Stopping"))
        jobs.store.fail("get", name, thread="launcher")
    for name in "ab":
        mailbox.put(jobs.settings.data_dir, KIND, name)
    assert jobs.wait("a", "Stopped")
    assert jobs.wait("b", "Stopped")
    assert jobs.store.has_failed()


def test_a_job_whose_wait_is_over_ends_though_the_store_fails_at_it(jobs):
    launcher = jobs.launch()
    for name in "ab":
        jobs.run(launcher, name, "wait")
    jobs.store.fail("update", "c", thread="launcher", after=1)  # the first says that it waits
    jobs.run(launcher, "c", "wait", StoppingCondition={"MaxPendingTimeInSeconds": 1})
    jobs.wait("c", "Stopped")
    assert jobs.store.has_failed()


def test_the_stop_of_a_waiting_job_is_carried_out_though_the_store_fails_at_it(jobs):
    launcher = jobs.launch()
    for name in "abc":
        jobs.run(launcher, name, "wait")
    until(lambda: jobs.body("c")["SecondaryStatus"] == "Pending")
    jobs.store.fail("update", "c", thread=threading.current_thread().name, after=1)  # the first is the mark
    jobs.stop(launcher, "c")
    jobs.wait("c", "Stopped")
    assert jobs.store.has_failed()
    assert not launcher.folder(KIND, "c").was_started()


def test_a_wish_for_a_runner_that_cannot_be_read_keeps_no_job_from_running(jobs):
    launcher = jobs.launch()
    (jobs.settings.data_dir / "runners").mkdir()
    (jobs.settings.data_dir / "runners" / "x.wish").write_text("no JSON")
    jobs.run(launcher, "a", "Completed")
    jobs.wait("a", "Completed")


def test_a_job_that_was_made_and_stopped_between_two_looks_is_stopped(jobs):
    jobs.launch()
    jobs.add("a", "Completed", status="Stopping")
    mailbox.put(jobs.settings.data_dir, KIND, "a")
    body = jobs.wait("a", "Stopped")
    assert body["SecondaryStatus"] == "Stopped"
