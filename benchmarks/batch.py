"""Batch: millions of rows of four columns through a forest, from file to file; seconds and peak memory."""

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
BOUND, BOUND_MEGABYTES = "the bound", 400.0
SIZES = (1_000_000, 10_000_000)
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


def run(rounds: int, folder: Path, *, quick: bool) -> list[Figures]:
    """Measure both in turns; the outputs must be the same bytes. Ten million rows are measured once."""
    name = models.NAMES[0]
    trained = models.train(folder / "batch", name)[name]
    figures = Figures(key="batch", title="Batch scoring", unit="s, MB", reference=PANDAS)
    figures.notes += [
        "sagelocal reads from S3 and writes to S3 (its emulator); its job has a start, a log and an end.",
        "sagelocal's memory is that of the service and all its children but the AWS emulator.",
    ]
    port = processes.free_port()
    argv, ready, environ = control.sagelocal(folder, port)
    environ.pop("AWS_ENDPOINT_URL")
    with processes.running(argv, ready, environ=environ, folder=folder, name="batch") as service:
        s3, sagemaker = control.s3(folder / "batch.log"), control.client(port)
        control.upload(sagemaker, s3, trained.folder, folder)
        for rows in SIZES[:1] if quick else SIZES:
            table = folder / "rows.csv"
            _write(table, rows, trained.rows)
            s3.upload_file(str(table), control.BUCKET, f"{rows}/rows.csv")
            for number in range(rounds if rows == SIZES[0] else 1):
                with Peak(service.pid) as peak:
                    seconds, ours = _transform(sagemaker, s3, f"{rows}-{number}", f"{rows}/")
                peak.megabytes -= _emulator(service.pid)
                _add(figures, OURS, rows, (seconds, peak.megabytes))
                seconds, megabytes, theirs = _pandas(trained.path, table, folder)
                _add(figures, PANDAS, rows, (seconds, megabytes))
                figures.add(BOUND, _memory(rows), BOUND_MEGABYTES)
                if hashlib.sha256(theirs).digest() != hashlib.sha256(ours).digest():
                    figures.failures[OURS] = "its rows are not those of pandas"
            figures.targets.append(
                Target(contender=OURS, reference=PANDAS, column=_seconds(rows), sign="≤", bound=0.5)
            )
            figures.targets.append(
                Target(contender=OURS, reference=BOUND, column=_memory(rows), sign="≤", bound=1)
            )
    return [figures]


def _seconds(rows: int) -> str:
    return f"{rows:,} rows, s"


def _memory(rows: int) -> str:
    return f"{rows:,} rows, peak PSS MB"


def _add(figures: Figures, who: str, rows: int, sample: tuple[float, float]) -> None:
    figures.add(who, _seconds(rows), sample[0])
    figures.add(who, _memory(rows), sample[1])


def _pandas(model: Path, table: Path, folder: Path) -> tuple[float, float, bytes]:
    """Run pandas; return its seconds, its peak memory and its output."""
    output = folder / "pandas.out"
    argv = [str(environments.ensure("pandas")), "-c", _PANDAS, str(model), str(table), str(output)]
    began = time.perf_counter()
    process = subprocess.Popen(argv, env=processes.environment())
    with Peak(process.pid) as peak:
        assert process.wait() == 0
    return time.perf_counter() - began, peak.megabytes, output.read_bytes()


def _write(path: Path, count: int, some: Any) -> None:
    generator = np.random.default_rng(models.SEED)
    lines = [",".join(map(str, row)) + "\n" for row in some.astype(float).round(1).tolist()]
    with path.open("w") as file:
        file.writelines(lines[number] for number in generator.integers(len(lines), size=count))


def _transform(sagemaker: Any, s3: Any, name: str, prefix: str) -> tuple[float, bytes]:
    """Run a job; return its seconds from Create to Completed and its output."""
    began = time.perf_counter()
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName="model",
        TransformInput={
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{control.BUCKET}/{prefix}"}
            },
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
        if any("emulator/boot.py" in word for word in child.cmdline())
    )
