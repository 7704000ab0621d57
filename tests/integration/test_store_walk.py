"""The machine's S3, killed at every step of every kind of work, and away for a while or for good."""

import os
import time

import pytest
from tests.integration import walking
from tests.integration.walking import BEGUN, CREATED, ENDPOINT, KINDS, OVER, STARTED, TRANSFORM, TUNING, until

from sagelocal.emulator import command
from sagelocal.emulator import process as emulation
from sagelocal.emulator.account import Account
from sagelocal.settings import Settings

GOOD = {kind: ("InService" if kind == ENDPOINT else "Completed", "") for kind in KINDS}


class Store:
    """An emulator of the test's own, which dies and comes back on its port."""

    def __init__(self, data):
        self._data = data
        self._port = emulation.free_port()
        self.start()

    def start(self):
        settings = Settings()
        self.emulator = emulation.start(
            port=self._port,
            data=self._data,
            environments=command.environments_folder(os.environ),
            account=Account(number=settings.account, region=settings.region),
            environ=os.environ,
        )

    def kill(self):
        self.emulator.process.kill()
        self.emulator.process.wait()


@pytest.fixture
def store(tmp_path):
    """Give an emulator."""
    found = Store(tmp_path / "emulator")
    yield found
    found.emulator.stop()


@pytest.fixture
def world(store, serve, tmp_path):
    """Make a service that uses it, with these settings."""

    def make(**settings):
        addresses = {**store.emulator.client_environment, **settings}

        def begin():
            return serve(data_dir=tmp_path / "data", SAGELOCAL_MAX_RUNNING_JOBS="5", **addresses)

        service = begin()
        return walking.World(lambda: service, service.client)

    return make


@pytest.mark.parametrize("step", [CREATED, BEGUN, STARTED, OVER])
def test_it_is_killed_when_a_work_of_any_kind_reaches_a_step(world, store, step):
    there = world()
    names = {kind: there.create(kind) for kind in KINDS}
    waiting = dict(names)
    deadline = time.monotonic() + walking.SECONDS
    while waiting:
        assert time.monotonic() < deadline, waiting
        if reached := [kind for kind, name in waiting.items() if there.has_reached(kind, name, step)]:
            store.kill()
            store.start()
        for kind in reached:
            del waiting[kind]
        time.sleep(0.001)
    assert {kind: there.end(kind, name) for kind, name in names.items()} == GOOD


JOBS = tuple(kind for kind in KINDS if kind != ENDPOINT)


def at_work(there):
    """Make a job of every kind whose code waits for its leave to end, and wait until all do."""
    names = {kind: there.create(kind, **{walking.HOLD: "1"}) for kind in JOBS}
    for kind, name in names.items():
        until(lambda kind=kind, name=name: there.is_at_work(kind, name))
    return names


def test_what_ends_while_it_is_away_waits_for_it(world, store):
    there = world()
    names = at_work(there)
    store.kill()
    for kind, name in names.items():
        there.let_go(kind, name)
    until(lambda: not any(there.containers(kind, name) for kind, name in names.items() if kind != TRANSFORM))
    store.start()
    assert {kind: there.end(kind, name) for kind, name in names.items()} == {
        kind: GOOD[kind] for kind in JOBS
    }


def test_what_ends_when_it_is_gone_for_good_fails_and_an_endpoint_serves_on(world, store):
    there = world(SAGELOCAL_STORAGE_WAIT_SECONDS="1")
    endpoint = there.create(ENDPOINT)
    until(lambda: there.has_reached(ENDPOINT, endpoint, OVER))
    names = at_work(there)
    store.kill()
    for kind, name in names.items():
        there.let_go(kind, name)
    for kind, name in names.items():
        until(lambda kind=kind, name=name: there.has_reached(kind, name, OVER))
    assert there.answers(endpoint)
    store.start()
    ends = {kind: there.end(kind, name) for kind, name in names.items()}
    assert {status for status, _ in ends.values()} == {"Failed"}, ends
    assert ends.pop(TUNING)[1].startswith("All training jobs failed")
    assert all(reason.startswith("InternalServerError") for _, reason in ends.values()), ends
    assert there.end(ENDPOINT, endpoint) == GOOD[ENDPOINT]
