"""The models of a multi-model instance: one server for each, whoever asks and whatever fails."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sagelocal.jobs import model_shelf, modelserver

SECONDS = 60
"""Nothing takes so long but a test that hangs."""
CHANCE_SECONDS = 0.3
"""What must not happen has this long to happen."""


class Process:
    over = None

    def wait(self, _seconds):
        return self.over


class Server:
    """A model server; its bench may hold its steps."""

    def __init__(self, folder, bench):
        self.folder, self.process, self.bench = folder, None, bench
        self.socket = folder / "run" / "model.sock"

    def prepare(self):
        self.bench.before("prepare")

    def start(self):
        if any(each.folder == self.folder for each in self.bench.running):
            self.bench.is_beside.set()
        self.process = Process()

    def ready(self, **_):
        return True

    def stop(self):
        self.bench.before("stop")
        self.process.over = 0


class Bench:
    """A shelf for one model and the servers that it made; the first of a step is held, and may fail."""

    def __init__(self, folder):
        self.made = []
        self.held, self.failure = "", None
        self.is_held, self.go_on, self.is_beside = (threading.Event() for _ in range(3))
        self.shelf = model_shelf.Shelf(
            folder=folder,
            definition={"ModelDataUrl": "s3://b/m", "MultiModelConfig": {"ModelCacheSetting": "Disabled"}},
            make=self.make,
            on_main=lambda call: call(),
            startup_seconds=5,
            say=lambda _: None,
        )

    def make(self, folder, _definition):
        self.made.append(Server(folder, self))
        return self.made[-1]

    def hold(self, step, failure=None):
        self.held, self.failure = step, failure

    def before(self, step):
        if step == self.held:
            self.held = ""
            self.is_held.set()
            assert self.go_on.wait(SECONDS)
            if self.failure is not None:
                raise self.failure

    @property
    def running(self):
        return [each for each in self.made if each.process is not None and each.process.over is None]


class Name(str):
    """A model's name that tells when the shelf looks for it: its book is in hand before another may go."""

    __slots__ = ("is_asked",)
    __eq__ = str.__eq__

    def __hash__(self):
        self.is_asked.set()
        return super().__hash__()


def asked(text):
    name = Name(text)
    name.is_asked = threading.Event()
    return name


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture
def pool(bench):
    with ThreadPoolExecutor(2) as pool:
        yield pool
        bench.go_on.set()


def test_who_waits_for_a_model_that_fails_to_load_loads_it_for_all(bench, pool):
    bench.hold("prepare", modelserver.ModelServerError("S3 did not answer"))
    first, name = pool.submit(bench.shelf.get, "a"), asked("a")
    assert bench.is_held.wait(SECONDS)
    second = pool.submit(bench.shelf.get, name)
    assert name.is_asked.wait(SECONDS)
    bench.go_on.set()
    with pytest.raises(modelserver.ModelServerError, match="S3 did not answer"):
        first.result(SECONDS)
    assert second.result(SECONDS) == bench.shelf.get("a")
    assert len(bench.running) == 1
    bench.shelf.close()
    assert not bench.running


def test_a_model_that_is_being_unloaded_is_loaded_anew_when_that_is_over(bench, pool):
    bench.shelf.get("a")
    bench.hold("stop")
    other, name = pool.submit(bench.shelf.get, "b"), asked("a")
    assert bench.is_held.wait(SECONDS)
    again = pool.submit(bench.shelf.get, name)
    assert name.is_asked.wait(SECONDS)
    assert not bench.is_beside.wait(CHANCE_SECONDS)
    bench.go_on.set()
    other.result(SECONDS)
    again.result(SECONDS)
    assert [each.folder for each in bench.running] == [bench.made[0].folder]
    bench.shelf.close()
    assert not bench.running
