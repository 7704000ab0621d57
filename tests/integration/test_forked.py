"""A script in a process forked from a preloaded interpreter, and in a new one: it cannot tell which."""

import contextlib
import json
import os
import re
import sys
import threading
import time
from pathlib import Path

import pytest

from sagelocal.container import forked, isolation, process
from sagelocal.container.environments import Environment
from sagelocal.container.exits import Exit
from sagelocal.jobs import runners
from sagelocal.serving import runtime
from sagelocal.settings import Settings

PATIENCE_SECONDS = 180
SEEN = """
import json, numpy, os, socket, sys
lines = open("/proc/self/status").read().splitlines()
status = dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
outside = json.loads(sys.argv[1])
def attempt(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return type(error).__name__
    os.unlink(path)
    return "written"
print(json.dumps({
    "argv": [sys.argv[2:], sys.orig_argv[1:2], sys.executable],
    "path": sys.path,
    "flags": list(sys.flags),
    "cwd": os.getcwd(),
    "main": [__name__, __file__, __package__, __spec__, __doc__, sorted(globals())],
    "loader": type(__loader__).__name__,
    "env": dict(os.environ),
    "host": socket.gethostname(),
    "ids": [os.getuid(), os.getgid()],
    "privileges": [status[name] for name in ("CapEff", "CapPrm", "CapAmb", "NoNewPrivs")],
    "dumpable": os.access("/proc/self/environ", os.R_OK),
    "spaces": [os.readlink(f"/proc/self/ns/{name}") != given for name, given in outside.items()],
    "threads": status["Threads"],
    "files": sorted(os.listdir("/opt/ml")) if os.path.isdir("/opt/ml") else [],
    "hidden": os.listdir(sys.argv[2]),
    "writes": [attempt(path) for path in ("/etc/x", "/tmp/x", "/opt/ml/x")],
    "streams": [sys.stdin.read(), sys.stdout.encoding, sys.stdout.write_through],
    "ours": [name for name in sys.modules if name.startswith("sagelocal")],
    "descriptors": sorted(os.listdir("/proc/self/fd"))[:3],
    "signals": [status["SigIgn"], status["SigBlk"]],
    "alone": len([name for name in os.listdir("/proc") if name.isdigit()]) < 6,
}))
"""
LEARNS = """
import hashlib, numpy
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
x, y = load_iris(return_X_y=True)
for model in (
    HistGradientBoostingClassifier(random_state=0),  # OpenMP
    RandomForestClassifier(20, random_state=0, n_jobs=2),  # threads
):
    print(hashlib.sha256(model.fit(x, y).predict_proba(x).tobytes()).hexdigest())
big = numpy.random.default_rng(0).normal(size=(400, 400))
print(hashlib.sha256(numpy.linalg.svd(big)[1].tobytes()).hexdigest())  # OpenBLAS
"""
STARTS_OTHERS = """
import multiprocessing as m, subprocess as s
def f(x): return x + 1
if __name__ == "__main__":
    print(m.get_context("fork").Pool(2).map(f, [1, 2]))
    print(m.get_context("spawn").Pool(1).map(f, [3]))
    print(s.run(["echo", "hi"], capture_output=True).stdout)
"""
RAISES = """
def f():
    raise ValueError("bad")
try:
    f()
except ValueError as e:
    raise KeyError(1) from e
"""
DAEMON = """
import threading, atexit
threading.Thread(target=threading.Event().wait, daemon=True).start()
atexit.register(print, 'out')
"""
DROPS = """
class Told:
    def __init__(self, name): self.name = name
    def __del__(self): print('dropped', self.name)
_first, second = Told('_first'), Told('second')
second.itself = second
out = open('left-open.txt', 'w'); out.write('kept')
def f():
    held = Told('held')
    try:
        raise ValueError(held)
    except ValueError as error:
        return error
error = f()
import atexit
atexit.register(lambda: print('at exit', second.name))
"""
DROPS_IN_MODULES = """
import types, sys
module = types.ModuleType('mine')
class Told:
    def __del__(self): print('dropped')
module.told = Told()
sys.modules['mine'] = module
import json
json.also = module
del module
"""
FAILS_AT_ENDS = """
import atexit
exec("class Bad:\\n def __del__(self): raise ValueError('in del')")  # without a line to be shown
bad = Bad()
def fail(): raise ValueError('at exit')
atexit.register(fail)
"""
ENDS = {
    "ends": ("print('a'); import sys; print('b', file=sys.stderr)", 0),
    "exits": ("raise SystemExit(7)", 7),
    "exits with words": ("import sys; sys.exit('enough')", 1),
    "raises": (RAISES, 1),
    "is no Python": ("print('a'\nx = = 2", 1),
    "is interrupted": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(9)",
        130,
    ),
    "is killed": ("import os; os.kill(os.getpid(), 9)", 137),
    "aborts": ("import os; print('last', flush=True); os.abort()", 134),
    "leaves without cleaning up": ("import os; print('x'); os._exit(5)", 5),
    "cleans up": (
        "import atexit, threading; atexit.register(print, 'out')\nthreading.Timer(0.1, print, ['t']).start()",
        0,
    ),
    "ends with a daemon": (DAEMON, 0),
    "drops what it holds": (DROPS, 0),
    "drops what its modules hold": (DROPS_IN_MODULES, 0),
    "fails at its ends": (FAILS_AT_ENDS, 0),
    "exits with no number": ("raise SystemExit([1, 'é'])", 1),
    "exits with a large number": ("raise SystemExit(-1)", 255),
    "exits with nothing": ("raise SystemExit(None)", 0),
    "loses its output": ("import sys\nprint('x')\nsys.stdout.detach().close()\nprint", 120),
    "prints from C": ("import ctypes; ctypes.CDLL(None).puts(b'from C')", 0),
    "starts others": (STARTS_OTHERS, 0),
    "pickles its own": ("import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A())).__class__)", 0),
}


class Bench:
    """A runner of this interpreter, and both ways to start a script."""

    def __init__(self, root, isolated):
        self.root, self.isolated = root, isolated
        self.made = Environment(key="e", root=Path(sys.prefix), made=False)
        self.settings = Settings(data_dir=root, cache_dir=root / "cache")
        self.settings.cache_dir.mkdir()
        self.environ = {}
        self.runners = runners.Runners(root, self.environ, enabled=True)
        self.code = root / "job" / "ml" / "code"
        self.code.mkdir(parents=True)
        self.secret = root / "secret"
        self.secret.mkdir()
        (self.secret / "key").touch()
        self.lines = []

    def wish(self, *modules):
        runners.wish(self.settings, self.made, type("Image", (), {"warm": modules})())

    def begin(self, *modules):
        self.wish(*modules)
        _until(lambda: self.runners.look() or self.is_ready() or not self.runners.watched())

    def is_ready(self):
        return runners.find(self.root, self.made, self.environ).address.exists()

    def start(
        self, text, *arguments, plain=False, env=None, files=(), limits=None, network=True, beside=None
    ):
        script = (beside or self.code) / "t.py"
        script.write_text(text)
        for name in files:
            (self.code / name).touch()
        job = self.code.parents[1]
        (job / "hosts").write_text(isolation.hosts_text({"algo-1": "127.0.0.1"}))
        where = "/opt/ml/code" if self.isolated.bwrap else str(self.code)
        view = isolation.View(
            ml=job / "ml",
            scratch=job / "tmp",
            hosts_file=job / "hosts",
            hostname="algo-1",
            hidden=(self.secret,),
            environment=Path(sys.prefix),
            network=network,
            visible=(self.root / "job", self.root / "cache") if str(self.root).startswith("/tmp") else (),
        )
        runner = runners.find(self.root, self.made, self.environ)
        variables = {**runner.variables, "PYTHONPATH": where, "SM_X": "é", **(env or {})}
        self.lines = []
        leave = None if plain else process.Preloaded(runner=runner, code=self.code)
        return process.start(
            [str(self.made.python), str(script) if beside else "t.py", *arguments],
            env=variables,
            cwd=where,
            isolation=self.isolated,
            view=view,
            on_line=self.lines.append,
            preloaded=leave,
            limits=limits,
        )

    def run(self, *arguments, **how):
        started = self.start(*arguments, **how)
        end = started.wait(PATIENCE_SECONDS)
        assert how.get("plain") or how.get("refused") or not started.plain, started.plain
        return end, list(self.lines)


@pytest.fixture(scope="module", params=["auto", "none"])
def bench(request, tmp_path_factory):
    """Give a ready runner that has imported a few modules, with isolation and without."""
    isolated = isolation.probe(request.param)
    made = Bench(tmp_path_factory.mktemp("forked"), isolated)
    made.begin("json", "socket", "numpy.random", "uvloop", "httptools")
    yield made
    made.runners.close()


def test_a_line_of_any_length_arrives_whole(bench):
    """In pieces that fit into a log event each, cut between characters."""
    end, lines = bench.run("print('x' + 'é' * 300_000)")
    assert end.code == 0
    assert "".join(lines) == "x" + "é" * 300_000
    assert max(len(line.encode()) for line in lines) <= process.LINE_BYTES


def test_a_script_sees_the_same(bench):
    own = {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in ("mnt", "pid", "ipc", "uts")}
    arguments = (json.dumps(own), str(bench.secret), "--a", "b c")
    (forked_end, forked_lines), (plain_end, plain_lines) = (
        bench.run(SEEN, *arguments, plain=plain) for plain in (False, True)
    )
    assert forked_end.ok, forked_lines
    assert plain_end.ok, plain_lines
    seen, expected = json.loads(forked_lines[-1]), json.loads(plain_lines[-1])
    if bench.isolated.bwrap:
        assert all(seen["spaces"])
        assert seen["hidden"] == []
    assert seen == expected


def test_a_model_server_finds_its_modules_imported_and_no_other_script_does(bench):
    names = ("sagelocal.serving.server", "uvloop", "httptools")
    text = f"import sys; print([name in sys.modules for name in {names}])"
    server, other = runtime.ensure(bench.settings.cache_dir / "runtime"), bench.settings.cache_dir / "other"
    other.mkdir(exist_ok=True)
    assert bench.run(text, beside=server)[1] == ["[True, True, True]"]
    assert bench.run(text, beside=other)[1] == ["[False, True, True]"]


@pytest.mark.parametrize("case", list(ENDS))
def test_a_script_ends_the_same(bench, case):
    text, code = ENDS[case]
    end, lines = bench.run(text)
    plain_end, plain_lines = bench.run(text, plain=True)
    assert (end.code, placeless(lines)) == (plain_end.code, placeless(plain_lines))
    assert end.code == code


def placeless(lines):
    """Leave out where objects are in memory."""
    return [re.sub(r"0x[0-9a-f]+", "0x", line) for line in lines]


def test_random_numbers_are_its_own(bench):
    text = "import random, numpy, os; print(random.random(), numpy.random.rand(), os.urandom(4).hex())"
    first, second = bench.run(text)[1][0].split(), bench.run(text)[1][0].split()
    assert all(one != other for one, other in zip(first, second, strict=True))


def test_blas_has_the_threads_of_a_new_process(bench):
    text = "import numpy, os; a = numpy.ones((600, 600)); a @ a; print(len(os.listdir('/proc/self/task')))"
    assert bench.run(text)[1] == bench.run(text, plain=True)[1]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        # Read by the interpreter when it starts.
        ({"env": {"PYTHONHASHSEED": "0"}}, "PYTHONHASHSEED is read"),
        # Read by a library when it is loaded.
        ({"env": {"OMP_NUM_THREADS": "1"}}, "OMP_NUM_THREADS is read"),
        # Set by every job; a job that sets another has it.
        ({"env": {"LANG": "C"}}, "LANG is read"),
        # In a new interpreter the script's own would be imported.
        ({"files": ["socket.py"]}, "'socket'"),
        ({"files": ["sitecustomize.py"]}, "sitecustomize"),
    ],
)
def test_what_cannot_be_had_in_a_fork_is_started_plainly(bench, how, words):
    started = bench.start("print('ran')", **how)
    assert started.wait(PATIENCE_SECONDS).ok
    for name in how.get("files", ()):
        (bench.code / name).unlink()
    assert words in started.plain
    assert bench.lines == ["ran"]


@pytest.mark.parametrize("plain", [False, True])
def test_memory_is_limited(bench, plain):
    text = "import resource; print(resource.getrlimit(resource.RLIMIT_AS)); bytearray(5 << 30)"
    end, lines = bench.run(text, plain=plain, limits={"RLIMIT_AS": 4 << 30})
    assert end.code == 1
    assert lines[0] == f"({4 << 30}, {4 << 30})"
    assert lines[-1] == "MemoryError"


def test_a_stop_reaches_the_script_and_what_is_left_is_ended(bench):
    text = (
        "import signal, subprocess, sys, time\n"
        "def stop(*_): print('stopped', flush=True); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "subprocess.Popen(['sleep', '1234'])\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    started = bench.start(text)
    _until(lambda: "ready" in bench.lines)
    assert started.stop(PATIENCE_SECONDS).code == 3
    assert bench.lines == ["ready", "stopped"]
    assert not _running("sleep\x001234")


def test_a_deaf_script_is_killed(bench):
    started = bench.start(
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)"
    )
    _until(lambda: bench.lines)
    assert started.stop(0.1).signal == 9


ALONE = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())
print([name for _, name in socket.if_nameindex()])
"""


@pytest.mark.parametrize("plain", [False, True])
def test_a_job_without_network_has_a_loopback_of_its_own(bench, plain):
    if bench.isolated.bwrap:
        assert not isolation.may_use_network(bench.isolated, 1, pytest.fail)
        assert bench.run(ALONE, plain=plain, network=False) == (Exit(0), ["['lo']"])
    said = []
    assert isolation.may_use_network(bench.isolated, 1 + bool(bench.isolated.bwrap), said.append)
    assert len(said) == 1


ESCAPES = """
import os, signal, subprocess, sys, time
away = "import os\\nif os.fork() == 0:\\n os.setsid()\\n os.fork() or os.execlp('sleep', 'sleep', '1236')"
subprocess.run([sys.executable, "-c", away])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("away", flush=True)
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("plain", [False, True])
def test_what_has_left_the_scripts_session_ends_with_it(bench, plain):
    end, lines = bench.run(ESCAPES, "0", plain=plain)
    assert (end.code, lines) == (0, ["away"])
    assert not _running("sleep\x001236")
    started = bench.start(ESCAPES, "60", plain=plain)
    _until(lambda: bench.lines and _running("sleep\x001236"))
    assert started.stop(0.1).signal == 9
    assert not _running("sleep\x001236")


@pytest.mark.parametrize("plain", [False, True])
def test_what_has_left_the_scripts_session_ends_with_the_supervisor(bench, tmp_path, plain):
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            bench.start(ESCAPES, "60", plain=plain)
            _until(lambda: bench.lines)
            (tmp_path / "up").touch()
            time.sleep(60)
        os._exit(0)
    _until(lambda: (tmp_path / "up").exists() and _running("sleep\x001236"))
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    _until(lambda: not _running("sleep\x001236"))


def test_the_script_ends_with_its_supervisor(bench, tmp_path):
    # The supervisor is a fork of this process; what it starts must end when it is killed.
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            bench.start("import subprocess; subprocess.run(['sleep', '1235'])")
            time.sleep(60)
        os._exit(0)
    _until(lambda: _running("sleep\x001235"))
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    _until(lambda: not _running("sleep\x001235"))


@pytest.mark.parametrize(("name", "value"), runners.SPIN.items())
def test_waiting_threads_do_not_spin_for_long_and_the_script_is_not_told(bench, name, value):
    text = f"import os; print(os.environ.get({name!r})); print(open('/proc/self/environ').read())"
    told, started_with = bench.run(text)[1]
    assert told == "None"
    assert f"{name}={value}" in started_with.split("\0")
    assert bench.start(text, env={name: "5"}).plain == f"{name} is read when the interpreter starts"


def test_scikit_learn_computes_the_same(tmp_path):
    bench = Bench(tmp_path, isolation.probe("auto"))
    bench.begin("sklearn.ensemble", "sklearn.datasets", "pandas", "joblib")
    forked_end, forked_lines = bench.run(LEARNS)
    assert forked_end.ok, forked_lines
    assert forked_lines == bench.run(LEARNS, plain=True)[1]
    bench.runners.close()


@pytest.mark.parametrize("seen", ["before", "after"])
def test_a_script_waits_for_a_runner_that_was_wished_for(tmp_path, seen):
    bench = Bench(tmp_path, isolation.probe("none"))
    bench.environ["PYTHONPATH"] = str(tmp_path)
    bench.wish("sklearn.ensemble")
    # The service sees the wish before the job looks for the runner, or only when it waits.
    look = threading.Timer(0.1 if seen == "after" else 0, bench.runners.look)
    look.start()
    if seen == "before":
        look.join()
    assert not bench.is_ready()
    end, lines = bench.run("import sys; print('sklearn.ensemble' in sys.modules)")
    assert end.ok
    assert lines == ["True"]
    look.join()
    bench.runners.close()


def test_a_runner_that_ends_at_its_imports_does_not_fail_who_waits_for_it(tmp_path):
    bench = Bench(tmp_path, isolation.probe("none"))
    bench.wish("sklearn.ensemble")
    bench.runners.look()
    end = threading.Timer(0.1, bench.runners.close)
    end.start()
    started = bench.start("print('ran')")
    end.join()
    assert started.wait(PATIENCE_SECONDS).ok
    assert bench.lines == ["ran"]
    assert started.plain == "the preloaded interpreter ended before it answered"
    assert started.missing


def test_jobs_outlive_their_runner(tmp_path):
    bench = Bench(tmp_path, isolation.probe("auto"))
    bench.begin("json")
    started = bench.start("import time; print('x', flush=True); time.sleep(0.5); print('y')")
    _until(lambda: bench.lines)
    bench.runners.close()
    assert started.wait(PATIENCE_SECONDS).ok
    assert bench.lines == ["x", "y"]
    assert bench.start("print('z')").plain == "no preloaded interpreter is ready yet"


def test_a_runner_whose_modules_start_threads_does_not_serve(tmp_path, monkeypatch):
    (tmp_path / "threaded.py").write_text(
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    variables = forked.variables
    monkeypatch.setattr(forked, "variables", lambda *a: variables(*a) | {"PYTHONPATH": str(tmp_path)})
    bench = Bench(tmp_path, isolation.probe("none"))
    bench.begin("threaded")
    assert not bench.is_ready()
    assert "started 1 threads" in runners.refused(tmp_path, bench.made)


def test_only_a_few_runners_are_kept_the_last_used(tmp_path):
    kept = runners.Runners(tmp_path, {}, enabled=True)
    image = type("Image", (), {"warm": ()})()
    for number in range(runners.MOST + 2):
        made = Environment(key=str(number), root=Path(sys.prefix), made=False)
        runners.wish(Settings(data_dir=tmp_path), made, image)
        kept.look()
    assert len(kept.watched()) == runners.MOST
    kept.close()


def _until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def _running(words):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (
                words.encode() in (entry / "cmdline").read_bytes()
                and "Z" not in (entry / "stat").read_text().split()[2]
            ):
                found.append(entry.name)
    return found
