"""Batch scoring by others, from file to file: pandas, MLflow, Ray Data, and the container's stack."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from benchmarks import contenders, environments, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.models import Trained

PANDAS, MLFLOW, RAY = "pandas, one process", "mlflow models predict", "Ray Data"
STACK = "container stack, payloads of 6 MB, 2 at a time"
_PAYLOAD_BYTES = 6 << 20
_AT_A_TIME = 2
_PANDAS = """
import sys
import joblib
import pandas as pd
model = joblib.load(sys.argv[1])
table = pd.read_csv(sys.argv[2], header=None)
pd.DataFrame(model.predict(table.to_numpy())).to_csv(sys.argv[3], header=False, index=False)
"""


class Peak:
    """The highest memory (PSS, MB) of a process and its children, `without` some, while the block runs."""

    def __init__(self, pid: int, without: Sequence[int] = ()) -> None:
        self._pid = pid
        self._without = without
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.megabytes = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.megabytes = max(self.megabytes, processes.memory(self._pid, self._without))


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What scoring a table took, and what came of it: a label on each line."""

    seconds: float
    megabytes: float
    output: bytes


class FailedPeerError(RuntimeError):
    """A peer could not score the table; the message has the end of its words."""


@dataclass(frozen=True, kw_only=True)
class Peers:
    """The others; each scores a table of numbers without a header in a process of its own."""

    trained: Trained
    folder: Path

    @contextlib.contextmanager
    def others(self) -> Iterator[dict[str, Callable[[Path], Scored]]]:
        """Give how each but pandas scores a table, while the container's stack runs."""
        python = environments.ensure("mlflow")
        argv = [str(python), str(contenders.PEERS / "mlflow_model.py"), str(self.trained.path)]
        environ = processes.environment()
        subprocess.run(
            [*argv, str(self._model)], check=True, capture_output=True, env=environ, cwd=self.folder
        )
        port = processes.free_port()
        started = contenders.stack(self.trained, port, self.folder)
        with processes.running(
            started.argv,
            lambda: processes.answers(f"http://127.0.0.1:{port}/invocations", b"[[1, 2, 3, 4]]"),
            environ=processes.environment(**started.environ),
            folder=self.folder,
            name="stack",
        ) as stack:
            by_stack = functools.partial(_by_stack, port, stack.pid)
            yield {MLFLOW: self.mlflow, RAY: self.ray, STACK: by_stack}

    @property
    def _model(self) -> Path:
        """Where the model is in MLflow's form."""
        return self.folder / "mlflow"

    def pandas(self, table: Path) -> Scored:
        """By the script that a person would write."""
        output = self.folder / "pandas.out"
        argv = ["-c", _PANDAS, str(self.trained.path), str(table), str(output)]
        return self._run("pandas", argv, output)

    def mlflow(self, table: Path) -> Scored:
        """By MLflow's command; its table has a header, its answers are JSON."""
        output, named = self.folder / "mlflow.json", self.folder / "named.csv"
        with named.open("wb") as target, table.open("rb") as source:
            target.write(b"a,b,c,d\n")
            while part := source.read(1 << 20):
                target.write(part)
        argv = ["-m", "mlflow", "models", "predict", "-m", str(self._model), "-i", str(named)]
        argv += ["-t", "csv", "-o", str(output), "--env-manager", "local"]
        scored = self._run("mlflow", argv, output)
        labels = json.loads(scored.output)["predictions"]
        return Scored(
            seconds=scored.seconds,
            megabytes=scored.megabytes,
            output=("\n".join(map(str, labels)) + "\n").encode(),
        )

    def ray(self, table: Path) -> Scored:
        """By Ray Data on both cores; its cluster is started for it."""
        output = self.folder / "ray.out"
        script = str(contenders.PEERS / "ray_batch.py")
        return self._run("ray", [script, str(self.trained.path), str(table), str(output)], output)

    def _run(self, environment: str, argv: list[str], output: Path) -> Scored:
        python = environments.ensure(environment)
        environ = processes.environment(RAY_USAGE_STATS_ENABLED="0")
        environ["PATH"] = f"{python.parent}:{environ['PATH']}"
        log = self.folder / f"{environment}.log"
        began = time.perf_counter()
        with log.open("wb") as words:
            process = subprocess.Popen(
                [str(python), *argv], env=environ, cwd=self.folder, stdout=words, stderr=subprocess.STDOUT
            )
            with Peak(process.pid) as peak:
                code = process.wait()
        if code:
            raise FailedPeerError(
                f"{environment} ended with {code}: {log.read_text(errors='replace')[-1500:]}"
            )
        return Scored(
            seconds=time.perf_counter() - began, megabytes=peak.megabytes, output=output.read_bytes()
        )


def _by_stack(port: int, pid: int, table: Path) -> Scored:
    """Score by the container's server, which has been started, as SageMaker sends it payloads."""
    post = functools.partial(_post, port)
    began = time.perf_counter()
    with Peak(pid) as peak, ThreadPoolExecutor(_AT_A_TIME) as pool:
        output = b"".join(pool.map(post, _payloads(table.read_bytes())))
    return Scored(seconds=time.perf_counter() - began, megabytes=peak.megabytes, output=output)


def _post(port: int, payload: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "text/csv", "Accept": "text/csv"}
    with contextlib.closing(connection):
        connection.request("POST", "/invocations", payload, headers)
        reply = connection.getresponse()
        body = reply.read()
    if reply.status != 200:
        raise FailedPeerError(f"the container's stack answered {reply.status}: {body[:300]!r}")
    return body


def _payloads(text: bytes) -> Iterator[bytes]:
    """Cut at the last line end within each 6 MB."""
    begin = 0
    while begin < len(text):
        end = begin + _PAYLOAD_BYTES
        end = text.rindex(b"\n", begin, end) + 1 if end < len(text) else len(text)
        yield text[begin:end]
        begin = end
