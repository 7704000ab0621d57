"""Training jobs: from the request to Completed, against the bare script on the same environment.

`python -m benchmarks.jobs [ROUNDS]`. The job is the tutorial's, `sm_code/iris` with its requirements; that of
every contender must leave the same model behind.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from benchmarks.environments import ROOT, scratch
from sagelocal import settings as configuration
from sagelocal.container import images
from sagelocal.container.environments import Environments
from sagelocal.emulator import command, start
from sagelocal.emulator.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sagelocal.container.environments import Environment

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "benchmark-jobs"
BATCH = 20
BARE, WARM, COLD = "python train.py", "a job, warm", "a job, cold"
BARE_BATCH, WARM_BATCH = f"{BATCH} times python train.py", f"{BATCH} jobs"
_CODE = ROOT / "sm_code" / "iris"
_DATA = ROOT / "dags" / "data" / "iris.csv"
_READY = "sagelocal is ready on "
_OVER = {"Completed", "Failed", "Stopped"}
_POLL_SECONDS = 0.01
_BATCH_POLL_SECONDS = 0.1
"""Between two looks at many jobs: to look as often as at one would take a third of a core from them."""
_SETTLE_SECONDS = 5.0
"""What a service has after its start, and a runner for its imports."""


class WrongJobError(RuntimeError):
    """A job did not end as it should; the message says how."""


@dataclass(frozen=True)
class Place:
    """A running service, its clients, and where its jobs come from."""

    sagemaker: Any
    s3: Any


def run(rounds: int = 3, *, batches: bool = True) -> list[dict[str, Any]]:
    """Return the seconds of each contender, one for each round: `{"name": …, "unit": "s", "values": […]}`."""
    values: dict[str, list[float]] = {}
    folder = scratch()
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        with _emulator(folder, environ) as addresses:
            made = _environment()
            inherited = {name: value for name, value in environ.items() if not name.startswith("AWS_")}
            for number in range(rounds):
                values.setdefault(BARE, []).append(_bare(made, folder))
                _measure(folder / str(number), {**inherited, **addresses}, values, batches=batches)
                if batches:
                    values.setdefault(BARE_BATCH, []).append(sum(_bare(made, folder) for _ in range(BATCH)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [{"name": name, "unit": "s", "values": seconds} for name, seconds in values.items()]


def _measure(
    data: Path, environ: Mapping[str, str], values: dict[str, list[float]], *, batches: bool
) -> None:
    with _service(data, environ) as place:
        _upload(place)
        time.sleep(_SETTLE_SECONDS)
        values.setdefault(COLD, []).append(_jobs(place, 1))
        _jobs(place, 1)  # the runner gets ready beside it
        time.sleep(_SETTLE_SECONDS)
        values.setdefault(WARM, []).append(statistics.median(_jobs(place, 1) for _ in range(5)))
        if batches:
            values.setdefault(WARM_BATCH, []).append(_jobs(place, BATCH))


def _jobs(place: Place, count: int) -> float:
    """Return the seconds from the first request to the last Completed."""
    names = [f"bench-{time.time_ns()}" for _ in range(count)]
    begin = time.perf_counter()
    for name in names:
        place.sagemaker.create_training_job(**_request(name))
    for name in names:
        while (job := place.sagemaker.describe_training_job(TrainingJobName=name))[
            "TrainingJobStatus"
        ] not in _OVER:
            time.sleep(_POLL_SECONDS if count == 1 else _BATCH_POLL_SECONDS)
        if job["TrainingJobStatus"] != "Completed":
            raise WrongJobError(f"{name} is {job['TrainingJobStatus']}: {job.get('FailureReason')}")
    seconds = time.perf_counter() - begin
    for name in names:
        packed = place.s3.get_object(Bucket=BUCKET, Key=f"out/{name}/output/model.tar.gz")["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            if tar.getnames() != ["model.joblib"]:
                raise WrongJobError(f"{name} left {tar.getnames()}")
    return seconds


def _bare(made: Environment, folder: Path) -> float:
    model = folder / "bare-model"
    shutil.rmtree(model, ignore_errors=True)
    words = [
        "--train-dir",
        str(_DATA.parent),
        "--model-dir",
        str(model),
        "--output-data-dir",
        str(folder / "o"),
    ]
    environ = {"PATH": f"{made.bin}:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder)}
    begin = time.perf_counter()
    subprocess.run(
        [str(made.python), "train.py", *words], cwd=_CODE, env=environ, check=True, stdout=subprocess.DEVNULL
    )
    seconds = time.perf_counter() - begin
    if not (model / "model.joblib").is_file():
        raise WrongJobError("the bare script left no model")
    return seconds


def _environment() -> Environment:
    kept = Environments(configuration.cache_folder(os.environ) / "envs")
    return kept.ensure(images.resolve(IMAGE), (_CODE / "requirements.txt").read_text(), _CODE)


@contextlib.contextmanager
def _emulator(folder: Path, environ: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    settings = configuration.Settings()
    with start(
        port=0,
        data=folder / "emulator",
        environments=command.environments_folder(environ),
        account=Account(number=settings.account, region=settings.region),
        environ=environ,
    ) as running:
        yield running.client_environment


@contextlib.contextmanager
def _service(data: Path, environ: Mapping[str, str]) -> Iterator[Place]:
    words = [
        sys.executable,
        "-m",
        "sagelocal",
        "serve",
        "--port",
        "0",
        "--data",
        str(data),
        "--on-exit",
        "stop",
    ]
    with subprocess.Popen(words, env=dict(environ), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if line.startswith(_READY))
            keys: dict[str, Any] = {
                "region_name": "us-east-1",
                "aws_access_key_id": environ["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": environ["AWS_SECRET_ACCESS_KEY"],
            }
            url = line.removeprefix(_READY).strip()
            yield Place(
                boto3.client("sagemaker", endpoint_url=url, **keys),
                boto3.client("s3", endpoint_url=environ["AWS_ENDPOINT_URL"], **keys),
            )
        finally:
            process.terminate()


def _upload(place: Place) -> None:
    with contextlib.suppress(place.s3.exceptions.BucketAlreadyOwnedByYou):
        place.s3.create_bucket(Bucket=BUCKET)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in sorted(_CODE.iterdir()):
            if path.is_file():
                tar.add(path, path.name)
    place.s3.put_object(Bucket=BUCKET, Key="code/sourcedir.tar.gz", Body=packed.getvalue())
    place.s3.put_object(Bucket=BUCKET, Key="data/iris.csv", Body=_DATA.read_bytes())


def _request(name: str) -> dict[str, Any]:
    known = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"s3://{BUCKET}/code/sourcedir.tar.gz",
        "sagemaker_region": "us-east-1",
    }
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {key: json.dumps(value) for key, value in known.items()},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def main() -> None:
    """Print the medians, and the ratios that count."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found = {each["name"]: each["values"] for each in run(rounds, batches="--no-batches" not in sys.argv)}
    for name, seconds in found.items():
        print(f"{name:<24} {statistics.median(seconds):7.2f} s   {[round(each, 2) for each in seconds]}")
    for name, reference in ((WARM, BARE), (COLD, BARE), (WARM_BATCH, BARE_BATCH)):
        if name in found:
            ratios = [own / bare for own, bare in zip(found[name], found[reference], strict=True)]
            print(f"{name} / {reference}: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
