"""Every kind of work, killed at every step: a true end, the code run once at most, no process left behind."""

import contextlib
import os
import signal
import time

import pytest
from tests.integration import sandboxes, walking
from tests.integration.walking import BEGUN, CREATED, ENDPOINT, KINDS, OVER, STARTED, TUNING, until

GOOD = {kind: ("InService" if kind == ENDPOINT else "Completed", "") for kind in KINDS}


@pytest.fixture
def world(serve, sagelocal_service, tmp_path):
    """Give a service of the test's own on the shared emulator."""

    def begin():
        return serve(
            data_dir=tmp_path / "data", SAGELOCAL_MAX_RUNNING_JOBS="5", **sagelocal_service.addresses
        )

    return walking.World(begin, sagelocal_service.client)


def at_each(world, names, step, act):
    """Call `act` for each work when it reaches the step."""
    waiting = dict(names)
    deadline = time.monotonic() + walking.SECONDS
    while waiting:
        assert time.monotonic() < deadline, waiting
        for kind, name in list(waiting.items()):
            if world.has_reached(kind, name, step):
                act(kind, name)
                del waiting[kind]
        time.sleep(0.001)


@pytest.mark.parametrize("step", [CREATED, STARTED, OVER])
def test_the_service_is_killed_at_a_step_of_every_kind(world, step):
    names = {kind: world.create(kind) for kind in KINDS}
    until(lambda: all(world.has_reached(kind, name, step) for kind, name in names.items()), pause=0.001)
    world.restart()
    assert {kind: world.end(kind, name) for kind, name in names.items()} == GOOD


@pytest.mark.parametrize("step", [BEGUN, STARTED, OVER])
def test_supervisors_are_killed_at_a_step_of_every_kind(world, step):
    names = {kind: world.create(kind) for kind in KINDS}

    def kill(kind, name):
        with contextlib.suppress(ProcessLookupError):
            os.kill(world.supervisor(kind, name), signal.SIGKILL)

    at_each(world, names, step, kill)
    for kind, name in names.items():
        status, reason = world.end(kind, name)
        if step == OVER or kind == TUNING:  # a tuning job is taken up again: its work is its training jobs
            assert (status, reason) == GOOD[kind], kind
        elif kind != ENDPOINT:
            assert (status, reason[:19]) == ("Failed", "InternalServerError"), kind
        elif step == BEGUN:
            assert status == "Failed", reason


def test_the_users_process_is_killed_in_every_kind(world):
    names = {kind: world.create(kind, **({} if kind == ENDPOINT else {walking.HOLD: "1"})) for kind in KINDS}
    for kind, name in names.items():
        until(lambda kind=kind, name=name: kind == ENDPOINT or world.is_at_work(kind, name))
    until(lambda: world.has_reached(ENDPOINT, names[ENDPOINT], STARTED))
    for kind, name in names.items():
        for pid in world.containers(kind, name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    ends = {kind: world.end(kind, name) for kind, name in names.items()}
    assert ends.pop(ENDPOINT) == GOOD[ENDPOINT]  # the instance starts its model server again
    assert {status for status, _ in ends.values()} == {"Failed"}
    assert ends.pop(TUNING)[1].startswith("All training jobs failed")
    assert all(reason.startswith("AlgorithmError") for _, reason in ends.values()), ends


def test_a_sandbox_that_a_dead_instance_left_has_ended_when_the_next_serves(world):
    name = world.create(ENDPOINT)
    until(lambda: world.has_reached(ENDPOINT, name, STARTED))
    orphan = sandboxes.start(world.folder(ENDPOINT, name))
    os.kill(world.supervisor(ENDPOINT, name), signal.SIGKILL)
    until(lambda: orphan.poll() is not None)
    assert orphan.returncode == -signal.SIGKILL
    assert world.end(ENDPOINT, name) == GOOD[ENDPOINT]
