"""Batch: a million rows of four columns through a forest, from file to file; seconds and peak memory."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import psutil

from benchmarks import control, environments, models, processes
from benchmarks.figures import Figures, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OURS, PANDAS = "sagelocal transform job, create to Completed", "pandas, one process"
_PANDAS = """
import sys
import joblib
import pandas as pd
model = joblib.load(sys.argv[1])
table = pd.read_csv(sys.argv[2], header=None)
pd.DataFrame(model.predict(table.to_numpy())).to_csv(sys.argv[3], header=False, index=False)
"""


class Peak:
    """The highest memory (PSS, MB) of a process and its children while the block runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
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
            self.megabytes = max(self.megabytes, processes.memory(self._pid))


def run(rounds: int, folder: Path, *, rows: int = 1_000_000) -> list[Figures]:
    """Measure both in turns; the outputs must be the same bytes."""
    name = models.NAMES[0]
    trained = models.train(folder / "batch", name)[name]
    table = folder / "rows.csv"
    _write(table, rows, trained.rows)
    column = f"{rows:,} rows, s"
    memory = f"{rows:,} rows, peak PSS MB"
    figures = Figures(key="batch", title="Batch scoring", unit="s, MB", reference=PANDAS)
    figures.targets = [
        Target(contender=OURS, reference=PANDAS, column=column, sign="≤", bound=0.5),
    ]
    figures.notes += [
        "sagelocal reads from S3 and writes to S3 (its emulator); its job has a start, a log and an end.",
        "sagelocal's memory is that of the service and all its children but the AWS emulator.",
    ]
    port = processes.free_port()
    argv, ready, environ = control.sagelocal(folder, port)
    environ.pop("AWS_ENDPOINT_URL")
    with processes.running(argv, ready, environ=environ, folder=folder, name="batch") as service:
        s3 = control.s3(folder / "batch.log")
        sagemaker = control.client(port)
        _upload(s3, sagemaker, trained.folder, table, folder)
        for number in range(rounds):
            with Peak(service.pid) as peak:
                seconds, ours = _transform(sagemaker, s3, f"round-{number}")
            figures.add(OURS, column, seconds)
            figures.add(OURS, memory, peak.megabytes - _emulator(service.pid))
            theirs = folder / "pandas.out"
            began = time.perf_counter()
            argv = [str(environments.ensure("pandas")), "-c", _PANDAS, str(trained.path), str(table)]
            process = subprocess.Popen([*argv, str(theirs)], env=processes.environment())
            with Peak(process.pid) as peak:
                assert process.wait() == 0
            figures.add(PANDAS, column, time.perf_counter() - began)
            figures.add(PANDAS, memory, peak.megabytes)
            if hashlib.sha256(theirs.read_bytes()).digest() != hashlib.sha256(ours).digest():
                figures.failures[OURS] = "its rows are not those of pandas"
    return [figures]


def _write(path: Path, count: int, some: Any) -> None:
    generator = np.random.default_rng(models.SEED)
    lines = [",".join(map(str, row)) + "\n" for row in some.astype(float).round(1).tolist()]
    with path.open("w") as file:
        file.writelines(lines[number] for number in generator.integers(len(lines), size=count))


def _upload(s3: Any, sagemaker: Any, model: Path, table: Path, folder: Path) -> None:
    control.upload(sagemaker, s3, model, folder)
    s3.upload_file(str(table), control.BUCKET, "in/rows.csv")


def _transform(sagemaker: Any, s3: Any, name: str) -> tuple[float, bytes]:
    """Run a job; return its seconds from Create to Completed and its output."""
    began = time.perf_counter()
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName="model",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{control.BUCKET}/in/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{control.BUCKET}/{name}",
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    status: Callable[[], str] = lambda: sagemaker.describe_transform_job(TransformJobName=name)[  # noqa: E731
        "TransformJobStatus"
    ]
    while (now := status()) == "InProgress":
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    assert now == "Completed", sagemaker.describe_transform_job(TransformJobName=name)
    body: bytes = s3.get_object(Bucket=control.BUCKET, Key=f"{name}/rows.csv.out")["Body"].read()
    return seconds, body


def _emulator(pid: int) -> float:
    """Return the memory of the AWS emulator that the service started."""
    return sum(
        processes.memory(child.pid)
        for child in psutil.Process(pid).children()
        if any("ministack" in word for word in child.cmdline())
    )
