"""Two hundred clients, twenty endpoints and two hundred queued jobs: no error, nothing lost, no growth.

`make soak`; SOAK_SECONDS says how long, 300 by default.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import statistics
import time
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest
from tests.integration import served_models, training_jobs
from tests.integration.conftest import Service, start

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = float(os.environ.get("SOAK_SECONDS", "300"))
CLIENTS, ENDPOINTS, JOBS = 200, 20, 200
PAUSE_SECONDS = 0.2
MB = 2**20
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=soak/20260101/us-east-1/sagemaker/aws4_request"}
WARM = 2 / 5
"""The part of the time in which pools, caches and the interpreter's own heap come to their size."""
GROWTH = 1.05
"""The service's memory at the end, over that once it is warm."""


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    running = start(tmp_path_factory.mktemp("soak") / "data", "--on-exit", "stop", AWS_ENDPOINT_URL="")
    yield running
    running.end()


@pytest.fixture(scope="module")
def endpoints(service) -> dict[str, str]:
    """Make the endpoints; return what each answers."""
    served_models.make_bucket(service.client("s3"))
    sagemaker, words = service.client("sagemaker"), {}
    for number in range(ENDPOINTS):
        variant = served_models.saying(service.client, f"word-{number}")
        config = served_models.make_config(
            service.client, variant | {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        )
        sagemaker.create_endpoint(EndpointName=f"soak-{number}", EndpointConfigName=config)
        words[f"soak-{number}"] = f"word-{number}"
    for name in words:
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    return words


@pytest.fixture(scope="module")
def jobs(service) -> list[str]:
    """Queue the jobs; return their names."""
    s3, sagemaker = service.client("s3"), service.client("sagemaker")
    s3.create_bucket(Bucket=training_jobs.BUCKET)
    names = [f"soak-{number}" for number in range(JOBS)]
    for name in names:
        sagemaker.create_training_job(**training_jobs.request(s3, name, {"train.py": "print('trained')"}))
    return names


def test_nothing_fails_nothing_is_lost_and_nothing_grows(service, endpoints, jobs):
    crowd = Crowd(service, endpoints, jobs)

    asyncio.run(crowd.run())

    sagemaker = service.client("sagemaker")
    ended = [_ended(sagemaker, name) for name in jobs]
    assert [job["TrainingJobStatus"] for job in ended] == ["Completed"] * JOBS
    fifth, warm = len(crowd.weights) // 5, int(len(crowd.weights) * WARM)
    before, after = (
        statistics.median(part) for part in (crowd.weights[warm : warm + fifth], crowd.weights[-fifth:])
    )
    growth = after / before
    measured = f"{crowd.asked} requests, no error; {JOBS} jobs; {before / MB:.1f} MB when warm, x{growth:.3f}"
    print(f"\n{measured}")  # noqa: T201
    assert growth < GROWTH


class Crowd:
    """The clients: each asks for one thing after the other, until the time is over."""

    def __init__(self, service: Service, endpoints: dict[str, str], jobs: list[str]) -> None:
        self.asked = 0
        self.weights: list[int] = []
        self._end = time.monotonic() + SECONDS
        self._process = psutil.Process(service.process.pid)
        self._endpoints, self._jobs = endpoints, jobs
        self._numbers = itertools.count()
        limits = httpx.Limits(max_connections=CLIENTS)
        self._http = httpx.AsyncClient(base_url=service.url, limits=limits, timeout=60, headers=SIGNED)

    async def run(self) -> None:
        async with self._http:
            await asyncio.gather(self._weigh(), *(self._client() for _ in range(CLIENTS)))

    async def _client(self) -> None:
        calls = (self._invoke, self._invoke, self._describe, self._list, self._make_model)
        while time.monotonic() < self._end:
            await random.choice(calls)()
            self.asked += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _weigh(self) -> None:
        while time.monotonic() < self._end:
            self.weights.append(self._process.memory_info().rss)
            await asyncio.sleep(SECONDS / 50)

    async def _invoke(self) -> None:
        name = random.choice(list(self._endpoints))
        reply = await self._http.post(f"/endpoints/{name}/invocations", content="x")
        assert (reply.status_code, reply.text) == (200, self._endpoints[name])

    async def _describe(self) -> None:
        name = random.choice(self._jobs)
        assert (await self._call("DescribeTrainingJob", TrainingJobName=name))["TrainingJobName"] == name

    async def _list(self) -> None:
        assert (await self._call("ListTrainingJobs", MaxResults=100))["TrainingJobSummaries"]

    async def _make_model(self) -> None:
        name = f"model-{next(self._numbers)}"
        container = {"Image": served_models.IMAGE}
        role = served_models.ROLE
        await self._call("CreateModel", ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
        await self._call("DeleteModel", ModelName=name)

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        reply = await self._http.post("/", content=json.dumps(parameters), headers=headers)
        assert reply.status_code == 200, (operation, parameters, reply.text)
        return dict(reply.json()) if reply.content else {}


def _ended(sagemaker: Any, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        job: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] in training_jobs.OVER:
            return job
        time.sleep(0.2)
    raise AssertionError(f"{name} is still {job['SecondaryStatus']}")
