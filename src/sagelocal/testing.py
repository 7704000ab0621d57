"""pytest fixtures for the tests of what calls SageMaker: a running service, and faults on demand.

Named in the root `conftest.py` of a project: `pytest_plugins = ["sagelocal.testing"]`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from sagelocal import fault_api
from sagelocal import faults as planning
from sagelocal.client import addresses, variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READY = "sagelocal is ready on "
_STOP_SECONDS = 150.0
_PASSED_ON = ("SAGELOCAL_IMAGE_POLICY", "SAGELOCAL_ISOLATION", "SAGELOCAL_MAX_RUNNING_JOBS")


class ServiceStartError(RuntimeError):
    """The service did not come up; the message has its last words."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running service with the emulator of the rest of AWS."""

    url: str
    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    """The variables that point AWS SDKs, the SageMaker SDK and Airflow at it."""

    def client(self, name: str, **arguments: Any) -> Any:
        """Return a boto3 client of any AWS service; `arguments` are those of `boto3.client`."""
        import boto3  # noqa: PLC0415  (a quarter second, for those who use it)

        is_ours = name.replace("-", "_").upper() in variables.SAGEMAKER
        given: dict[str, Any] = {
            "endpoint_url": self.url if is_ours else self.environment["AWS_ENDPOINT_URL"],
            "region_name": self.environment["AWS_DEFAULT_REGION"],
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
        }
        session: Any = boto3.session.Session()
        return session.client(name, **(given | arguments))


class FaultPlan:
    """The fault plan of a running service; every method adds one fault to what is to come."""

    def __init__(self, url: str) -> None:
        self._url = url + fault_api.PATH
        # A proxy of the environment does not know the way to loopback.
        self._door = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def capacity(self, name: str = "*", *, times: int = 1) -> None:
        """Let the next jobs fail with CapacityError."""
        self.add(planning.Fault(fault="capacity", name=name, times=times))

    def limit(self, operation: str = "CreateTrainingJob", *, times: int = 1) -> None:
        """Refuse calls with ResourceLimitExceeded."""
        self.add(planning.Fault(fault="limit", operation=operation, times=times))

    def throttle(self, operation: str = "*", *, times: int = 1) -> None:
        """Refuse calls with ThrottlingException."""
        self.add(planning.Fault(fault="throttle", operation=operation, times=times))

    def error(self, operation: str = "*", *, times: int = 1, status: int = 503) -> None:
        """Answer calls with a server error: 500, 502, 503 or 504."""
        self.add(planning.Fault(fault="error", operation=operation, times=times, status=status))

    def lost_reply(self, operation: str = "CreateTrainingJob", *, times: int = 1) -> None:
        """Carry calls out, and close the connection instead of an answer."""
        self.add(planning.Fault(fault="lost-reply", operation=operation, times=times))

    def interrupt(self, name: str = "*", *, seconds: float = 0.0, times: int = 1) -> None:
        """Take the instance of the next spot training jobs back, so long after their script began."""
        self.add(planning.Fault(fault="interrupt", name=name, seconds=seconds, times=times))

    def ping(self, name: str = "*", *, times: int = 1) -> None:
        """Let the next instances of endpoints fail their health check."""
        self.add(planning.Fault(fault="ping", name=name, times=times))

    def delay_logs(self, name: str = "*", *, seconds: float, times: int = 1) -> None:
        """Let the lines of the next jobs reach CloudWatch so late."""
        self.add(planning.Fault(fault="delay-logs", name=name, seconds=seconds, times=times))

    def add(self, *faults: planning.Fault) -> None:
        """Plan faults after what is planned.

        Raises:
            planning.FaultError: one of them cannot be.

        """
        self._ask("POST", planning.to_json(faults))

    def left(self) -> list[dict[str, Any]]:
        """Return what is still to happen."""
        found: list[dict[str, Any]] = json.loads(self._ask("GET"))["faults"]
        return found

    def clear(self) -> None:
        """Plan nothing."""
        self._ask("DELETE")

    def _ask(self, method: str, text: str = "") -> str:
        request = urllib.request.Request(self._url, data=text.encode() or None, method=method)  # noqa: S310  (ours)
        try:
            with self._door.open(request) as answer:
                body: str = answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise planning.FaultError(error.read().decode()) from error
        return body


@pytest.fixture(scope="session")
def sagelocal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service on a free port with an emulator of its own, for the whole session."""
    folder = tmp_path_factory.mktemp("sagelocal")
    log = folder / "sagelocal.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sagelocal", "serve", "--port", "0"),
                *("--data", str(folder / "data"), "--on-exit", "stop"),
            ],
            env=_environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield _service(process, folder / "data", log)
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def sagelocal_environment(sagelocal: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Point this process at the service for the time of a test: boto3, the SDK, operators of Airflow."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in sagelocal.environment.items():
        monkeypatch.setenv(name, value)
    return sagelocal


@pytest.fixture
def faults(sagelocal: Service) -> Iterator[FaultPlan]:
    """Give the service's fault plan; what did not happen by the end of the test is forgotten."""
    plan = FaultPlan(sagelocal.url)
    plan.clear()
    yield plan
    plan.clear()


def _environ() -> dict[str, str]:
    """Return what the service inherits: nothing that points at another AWS, or at another data directory."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON
        or not (name.startswith(("AWS_", "SAGELOCAL_")) or name == "PYTHONDONTWRITEBYTECODE")
    }


def _service(process: subprocess.Popen[str], data_dir: Path, log: Path) -> Service:
    assert process.stdout is not None
    for line in process.stdout:
        if re.match(_READY, line):
            found = addresses.read(data_dir)
            environment = variables.build(found, os.environ)
            return Service(url=found.sagelocal, data_dir=data_dir, environment=environment)
    raise ServiceStartError(f"sagelocal ended with {process.wait()}: {log.read_text()}")
