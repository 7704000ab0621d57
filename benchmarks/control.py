"""The control plane: describe and create calls by boto3, beside moto's server and beside a busy endpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from benchmarks import environments, processes
from benchmarks.figures import Figures, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OURS, MOTO = "sagelocal", "moto server"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
NOWHERE = "http://127.0.0.1:9"
_CALLS = """
import sys, time
from benchmarks import control
client = control.client(int(sys.argv[1]))
call = getattr(control, sys.argv[2])
count = int(sys.argv[3])
for number in range(20):
    call(client, f"warm-{sys.argv[4]}-{number}")
begin = time.perf_counter()
for number in range(count):
    call(client, f"{sys.argv[4]}-{number}")
print(count / (time.perf_counter() - begin))
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
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"},
    )


def describe(sagemaker: Any, _name: str) -> None:
    """Describe a model, and see that it is that model."""
    found = sagemaker.describe_model(ModelName="described")
    assert found["PrimaryContainer"]["ModelDataUrl"] == "s3://bucket/model.tar.gz"


def rate(port: int, call: str, count: int, prefix: str) -> float:
    """Return calls per second of one boto3 client in a process of its own."""
    argv = [sys.executable, "-c", _CALLS, str(port), call, str(count), prefix]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=environments.ROOT)
    return float(done.stdout)


def sagelocal(folder: Path, port: int) -> tuple[list[str], Callable[[], bool], dict[str, str]]:
    """Return how to start the service: argv, readiness, environment."""
    argv = [sys.executable, "-m", "sagelocal", "serve", "--port", str(port), "--data", str(folder / "data")]
    environ = processes.environment(AWS_ENDPOINT_URL=NOWHERE)
    return argv, lambda: processes.answers(f"http://127.0.0.1:{port}/_sagelocal/health"), environ


def run(rounds: int, folder: Path) -> list[Figures]:
    """Measure describe and create calls of both servers in turns."""
    figures = Figures(
        key="control",
        title="Control plane: calls by one boto3 client",
        unit="calls/s",
        reference=MOTO,
        notes=["boto3 itself makes some 2,000 calls a second at most here (answers canned in the client)."],
        targets=[
            Target(contender=OURS, reference=MOTO, column=column, sign="≥", bound=5)
            for column in ("describe_model", "create_model")
        ],
    )
    python = environments.ensure("moto")
    ports = {OURS: processes.free_port(), MOTO: processes.free_port()}
    with ExitStack() as stack:
        argv, ready, environ = sagelocal(folder, ports[OURS])
        stack.enter_context(processes.running(argv, ready, environ=environ, folder=folder, name="sagelocal"))
        argv = [str(python.parent / "moto_server"), "-H", "127.0.0.1", "-p", str(ports[MOTO])]
        stack.enter_context(
            processes.running(
                argv,
                lambda: processes.answers(f"http://127.0.0.1:{ports[MOTO]}/moto-api/"),
                environ=processes.environment(),
                folder=folder,
                name="moto",
            )
        )
        for port in ports.values():
            create(client(port), "described")
        for number in range(rounds):
            for name, port in ports.items():
                for call, count in (("describe", 400), ("create", 200)):
                    figures.add(name, f"{call}_model", rate(port, call, count, f"round-{number}"))
    return [figures]


if __name__ == "__main__":
    print(json.dumps(run(3, environments.scratch())[0].samples, indent=1))
