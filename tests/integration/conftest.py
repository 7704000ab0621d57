"""The real service as a real process on a free port, and boto3 clients that reach it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from sagelocal.emulator import Emulator, command
from sagelocal.emulator import start as start_emulator
from sagelocal.emulator.account import Account
from sagelocal.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY = "sagelocal is ready on "
NOWHERE = "http://127.0.0.1:9"
"""An address where nothing listens: for tests that need no S3."""


@dataclass
class Service:
    """A running `python -m sagelocal serve`."""

    process: subprocess.Popen[str]
    data_dir: Path
    url: str
    addresses: dict[str, str] = field(default_factory=dict)
    """What a client's environment needs to reach the rest of AWS."""

    def client(self, name: str, **config: Any) -> Any:
        """Return a boto3 client: of SageMaker's services to sagelocal, of all others to the emulator."""
        is_ours = name.startswith("sagemaker") or name == "application-autoscaling"
        url = self.url if is_ours else self.addresses.get("AWS_ENDPOINT_URL", NOWHERE)
        return boto3.client(
            name,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=self.addresses.get("AWS_ACCESS_KEY_ID", "sagewind-local"),
            aws_secret_access_key=self.addresses.get("AWS_SECRET_ACCESS_KEY", "sagewind-local-secret"),
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def end(self) -> int:
        """End it as a process manager would, and return its exit code."""
        self.process.terminate()
        return self.close()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.close()

    def close(self) -> int:
        """Wait until it has ended."""
        code = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def start(data_dir: Path, *arguments: str, **environ: str) -> Service:
    """Start a service and return when it is ready; `environ` is added to what a job may inherit."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "SAGELOCAL_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    log = data_dir.with_suffix(".log")
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "sagelocal", "serve", "--port", "0", "--data", str(data_dir), *arguments],
            env=inherited | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    addresses = {name: value for name, value in environ.items() if name.startswith("AWS_")}
    for line in process.stdout:
        if line.startswith(READY):
            url = line.removeprefix(READY).strip()
            return Service(process=process, data_dir=data_dir, url=url, addresses=addresses)
        if found := re.fullmatch(r"(AWS_\w+)=(.*)\n", line):
            addresses[found[1]] = found[2]
    process.stdout.close()
    raise AssertionError(f"sagelocal ended with {process.wait()}:\n{log.read_text()}")


@pytest.fixture
def serve(tmp_path):
    """Start services by hand; what still runs at the end of the test is ended, with its jobs."""
    services: list[Service] = []

    def begin(*arguments: str, data_dir: Path | None = None, **environ: str) -> Service:
        environ.setdefault("AWS_ENDPOINT_URL", NOWHERE)
        services.append(start(data_dir or tmp_path / "data", "--on-exit", "stop", *arguments, **environ))
        return services[-1]

    yield begin
    for service in services:
        if service.process.poll() is None:
            service.end()


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory) -> Iterator[Service]:
    """Give a service without the rest of AWS: for what needs no job to run."""
    service = start(
        tmp_path_factory.mktemp("control") / "data", "--on-exit", "stop", AWS_ENDPOINT_URL=NOWHERE
    )
    yield service
    service.end()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Iterator[Emulator]:
    """Give the rest of AWS, as a process that outlives every service; it is shared by all tests."""
    settings = Settings()
    with start_emulator(
        port=0,
        data=tmp_path_factory.mktemp("emulator"),
        environments=command.environments_folder(os.environ),
        account=Account(number=settings.account, region=settings.region),
        environ=os.environ,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def sagelocal_service(tmp_path_factory, emulator) -> Iterator[Service]:
    """Give a service for what runs for real; it is shared by all tests."""
    data_dir = tmp_path_factory.mktemp("service") / "data"
    service = start(data_dir, "--on-exit", "stop", **emulator.client_environment)
    yield service
    service.end()


@pytest.fixture(scope="session")
def aws(sagelocal_service):
    """Make boto3 clients: `aws("sagemaker")`, `aws("s3")`, …"""
    return sagelocal_service.client
