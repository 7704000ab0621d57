"""The control plane: describe and create calls, beside moto's server and beside busy endpoints.

boto3 itself takes longer for a call than a server here: the rate of one client says what a user sees, and is
bounded by the client. What a server can answer is seen when calls come on many connections at once, each made
as boto3 makes it, but beforehand.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from benchmarks import environments, load, models, processes
from benchmarks.contenders import PEERS
from benchmarks.figures import Figures, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OURS, MOTO = "sagelocal", "moto server"
CLIENT = "boto3 (limit)"
CONNECTIONS = 8
BUSY, IDLE = "sagelocal, endpoints busy", "sagelocal, endpoints idle"
BUCKET = "benchmark"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
CONTAINER = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
NOWHERE = "http://127.0.0.1:9"
SLOW_SECONDS = 0.05
_OWN_HEADERS = ("Host", "Content-Length", "Content-Type", "Accept-Encoding")
"""Which the load generator gives itself, or does not need."""
_SLOW = f"""
import time

import joblib


def model_fn(model_dir):
    return joblib.load(f"{{model_dir}}/model.joblib")


def predict_fn(rows, model):
    time.sleep({SLOW_SECONDS})
    return model.predict(rows)
"""
_CALLS = """
import sys, time
from benchmarks import control
client = control.client(int(sys.argv[1]))
for line in sys.stdin:
    name, count, prefix = line.split()
    call = getattr(control, name)
    for number in range(20):
        call(client, f"warm-{prefix}-{number}")
    begin = time.perf_counter()
    for number in range(int(count)):
        call(client, f"{prefix}-{number}")
    print(int(count) / (time.perf_counter() - begin), flush=True)
"""


def client(port: int, service: str = "sagemaker") -> Any:
    """Return a boto3 client of a server here."""
    session: Any = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark-secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def create(sagemaker: Any, name: str) -> None:
    """Make a model."""
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer=CONTAINER,
    )


def describe(sagemaker: Any, _name: str) -> None:
    """Describe a model, and see that it is that model."""
    found = sagemaker.describe_model(ModelName="described")
    assert found["PrimaryContainer"] == CONTAINER


class Calls:
    """Calls of one boto3 client in a process of its own."""

    def __init__(self, port: int) -> None:
        self._argv = [sys.executable, "-c", _CALLS, str(port)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=environments.ROOT
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def rate(self, call: str, count: int, prefix: str) -> float:
        """Return calls per second; `prefix` is of the names that are made."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{call} {count} {prefix}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def sagelocal(folder: Path, port: int) -> tuple[list[str], Callable[[], bool], dict[str, str]]:
    """Return how to start the service: argv, readiness, environment."""
    argv = [sys.executable, "-m", "sagelocal", "serve", "--port", str(port), "--data", str(folder / "data")]
    environ = processes.environment(AWS_ENDPOINT_URL=NOWHERE)
    return argv, lambda: processes.answers(f"http://127.0.0.1:{port}/_sagelocal/health"), environ


def run(rounds: int, folder: Path) -> list[Figures]:
    """Measure describe and create calls of both servers in turns."""
    one = _figures("control", "by one boto3 client", "The limit is boto3 itself: an echo answers it.")
    many = _figures(
        "control-many",
        f"on {CONNECTIONS} connections at once",
        "The calls are boto3's, made beforehand; each create has a name of its own.",
    )
    _compare(one, many, rounds, folder)
    return [one, many, _busy(rounds, folder / "busy")]


def _figures(key: str, how: str, note: str) -> Figures:
    columns = ("describe_model", "create_model")
    return Figures(
        key=key,
        title=f"Control plane: calls {how}",
        unit="calls/s",
        reference=MOTO,
        notes=[note],
        targets=[
            Target(contender=OURS, reference=MOTO, column=column, sign="≥", bound=5) for column in columns
        ],
    )


def _compare(one: Figures, many: Figures, rounds: int, folder: Path) -> None:
    with ExitStack() as stack:
        ports = {name: stack.enter_context(start(folder)) for name, start in _SERVERS.items()}
        for name in (OURS, MOTO):
            create(client(ports[name]), "described")
        calls = {name: stack.enter_context(Calls(port)) for name, port in ports.items()}
        for number in range(rounds):
            for call, count in (("describe", 400), ("create", 200)):
                for name, each in calls.items():
                    one.add(name, f"{call}_model", each.rate(call, count, f"round-{number}"))
                for name in (OURS, MOTO):
                    outcome = load.ask(_repeated(ports[name], call, f"round-{number}-{load.NUMBER}"))
                    many.add(name, f"{call}_model", outcome.rate)
                    if outcome.errors:
                        many.failures[f"{name}; {call}_model"] = f"{outcome.errors} calls failed"


def _repeated(port: int, call: str, name: str) -> load.Plan:
    """Return the plan of a call as boto3 sends it, again and again, with a number in the name."""
    sent: list[Any] = []
    sagemaker = client(port)
    sagemaker.meta.events.register("before-send.sagemaker", lambda request, **_: sent.append(request))
    {"describe": describe, "create": create}[call](sagemaker, name)
    headers = {key: _text(value) for key, value in sent[0].headers.items() if key not in _OWN_HEADERS}
    return load.Plan(
        port=port,
        path="/",
        body=_text(sent[0].body),
        content_type="application/x-amz-json-1.1",
        connections=CONNECTIONS,
        seconds=2,
        headers=headers,
        is_numbered=call == "create",
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


@contextmanager
def _sagelocal(folder: Path) -> Iterator[int]:
    port = processes.free_port()
    argv, ready, environ = sagelocal(folder, port)
    with processes.running(argv, ready, environ=environ, folder=folder, name="sagelocal"):
        yield port


@contextmanager
def _moto(folder: Path) -> Iterator[int]:
    port = processes.free_port()
    argv = [str(environments.ensure("moto").parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}/moto-api/"
    with processes.running(
        argv, lambda: processes.answers(url), environ=processes.environment(), folder=folder, name="moto"
    ):
        yield port


@contextmanager
def _echo(folder: Path) -> Iterator[int]:
    """Answer all calls with a model's description, at once."""
    port = processes.free_port()
    answer = {
        "ModelName": "described",
        "PrimaryContainer": CONTAINER,
        "ExecutionRoleArn": ROLE,
        "CreationTime": time.time(),
        "ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/described",
        "EnableNetworkIsolation": False,
    }
    argv, url = [sys.executable, str(PEERS / "echo.py"), str(port)], f"http://127.0.0.1:{port}/"
    with processes.running(
        [*argv, json.dumps(answer)],
        lambda: processes.answers(url),
        environ=processes.environment(),
        folder=folder,
        name="echo",
    ):
        yield port


_SERVERS = {OURS: _sagelocal, MOTO: _moto, CLIENT: _echo}


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What endpoints are asked while describe calls are counted: rows in a request, by endpoint."""

    name: str
    asked: dict[str, int]


_CASES = (
    _Case(name="beside single rows", asked={"model": 1}),
    _Case(name="beside 1000 rows a request", asked={"model": 1000}),
    _Case(name="beside a slow predict_fn", asked={"slow": 1}),
    _Case(name="beside two endpoints", asked={"model": 1, "slow": 1}),
)


def _busy(rounds: int, folder: Path) -> Figures:
    """Measure describe calls while endpoints are idle, and while they are asked on many connections."""
    figures = Figures(
        key="control-busy",
        title="Control plane beside busy endpoints",
        unit="describe calls/s",
        reference=IDLE,
        notes=[
            "The load is 8 connections to each endpoint, through the same address as the describe calls.",
            f"The slow predict_fn takes {SLOW_SECONDS * 1000:.0f} ms.",
        ],
        targets=[
            Target(contender=BUSY, reference=IDLE, column=case.name, sign="≥", bound=0.5) for case in _CASES
        ],
    )
    folder.mkdir()
    name = models.NAMES[0]
    trained = models.train(folder, name)[name]
    port = processes.free_port()
    argv, ready, environ = sagelocal(folder, port)
    environ.pop("AWS_ENDPOINT_URL")
    with processes.running(argv, ready, environ=environ, folder=folder, name="busy"):
        sagemaker, objects = client(port), s3(folder / "busy.log")
        serve(sagemaker, objects, trained.folder, folder)
        (trained.folder / "code" / "inference.py").write_text(_SLOW)
        serve(sagemaker, objects, trained.folder, folder, name="slow")
        create(sagemaker, "described")
        alone = load.ask(_plan(port, trained, "model", 1))
        figures.notes.append(f"The first endpoint answered {alone.rate:,.0f} requests/s by itself.")
        with Calls(port) as calls:
            for number in range(rounds):
                for case in _CASES:
                    plans = [_plan(port, trained, *each) for each in case.asked.items()]
                    _measure(figures, case.name, calls, plans, str(number))
    return figures


def _measure(figures: Figures, column: str, calls: Calls, plans: list[load.Plan], number: str) -> None:
    """Count describe calls without the load of `plans`, and beside it."""
    figures.add(IDLE, column, calls.rate("describe", 300, f"idle-{number}"))
    with ThreadPoolExecutor(len(plans)) as pool:
        asked = [pool.submit(load.ask, plan) for plan in plans]
        time.sleep(1)  # until the load is there
        figures.add(BUSY, column, calls.rate("describe", 300, f"busy-{number}"))
        errors = sum(each.result().errors for each in asked)
    if errors:
        figures.failures[f"{BUSY}; {column}"] = f"{errors} predictions failed"


def _plan(port: int, trained: models.Trained, endpoint: str, rows: int) -> load.Plan:
    return load.Plan(
        port=port,
        path=f"/endpoints/{endpoint}/invocations",
        body=json.dumps(trained.rows[:rows].tolist()),
        content_type="application/json",
        connections=8,
        seconds=2,
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=benchmark"},
    )


def s3(log: Path) -> Any:
    """Return a client of the emulator that a service started, and make the bucket."""
    text = log.read_text()
    url = next(line.partition("=")[2] for line in text.splitlines() if line.startswith("AWS_ENDPOINT_URL="))
    session: Any = boto3.session.Session()
    key = {"aws_access_key_id": "benchmark", "aws_secret_access_key": "benchmark-secret"}
    made = session.client("s3", endpoint_url=url, region_name="us-east-1", **key)
    made.create_bucket(Bucket=BUCKET)
    return made


def upload(sagemaker: Any, objects: Any, model: Path, folder: Path, *, name: str = "model") -> None:
    """Make a model of a folder."""
    archive = folder / "model.tar.gz"
    subprocess.run(["tar", "-czf", str(archive), "-C", str(model), "."], check=True)
    objects.upload_file(str(archive), BUCKET, f"{name}/model.tar.gz")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        },
    )


def serve(sagemaker: Any, objects: Any, model: Path, folder: Path, *, name: str = "model") -> None:
    """Bring up an endpoint of the model in a folder."""
    upload(sagemaker, objects, model, folder, name=name)
    variant = {"VariantName": "one", "ModelName": name, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant | {"InstanceType": "ml.m5.large"}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 200})


if __name__ == "__main__":
    print(json.dumps(run(3, environments.scratch())[0].samples, indent=1))
