"""Batch: millions of rows of four columns through a forest, from file to file; seconds and peak memory."""

from __future__ import annotations

import contextlib
import hashlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from benchmarks import control, models, processes
from benchmarks.batch_peers import PANDAS, FailedPeerError, Peak, Peers, Scored
from benchmarks.environments import MissingPeerError
from benchmarks.figures import Figures, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.models import Trained

OURS = "sagelocal transform job, create to Completed"
FIRST = "sagelocal, the service's first job"
BOUND, BOUND_MEGABYTES = "the bound", 400.0
SIZES = (1_000_000, 10_000_000)


def run(rounds: int, folder: Path, *, quick: bool) -> list[Figures]:
    """Measure all in turns, of the others only pandas when quick; the outputs must be the same bytes.

    Each round has a service of its own, for its first job. Ten million rows are measured once.
    """
    name = models.NAMES[0]
    trained = models.train(folder / "batch", name)[name]
    figures = Figures(key="batch", title="Batch scoring", unit="s, MB", reference=PANDAS)
    figures.notes += [
        "sagelocal reads from S3 and writes to S3 (its emulator); its job has a start, a log and an end.",
        "sagelocal's memory is that of the service and all its children but the AWS emulator.",
    ]
    peers = Peers(trained=trained, folder=folder)
    table = folder / "rows.csv"
    with contextlib.ExitStack() as stack:
        others = {} if quick else stack.enter_context(peers.others())
        _write(table, SIZES[0], trained.rows)
        for number in range(rounds):
            _round(
                figures, SIZES[0], (folder / str(number), trained, table), {PANDAS: peers.pandas, **others}
            )
    if others:
        figures.notes.append("The container's stack runs before; its memory is without that of its client.")
    if not quick:
        _write(table, SIZES[1], trained.rows)
        _round(figures, SIZES[1], (folder / "large", trained, table), {PANDAS: peers.pandas})
    _hold(figures, list(others), SIZES[:1] if quick else SIZES)
    return [figures]


def _hold(figures: Figures, others: list[str], sizes: tuple[int, ...]) -> None:
    bounds = [(PANDAS, _seconds(rows), 0.5) for rows in sizes]
    bounds += [(BOUND, _memory(rows), 1.0) for rows in sizes]
    bounds += [(other, _seconds(SIZES[0]), 1.0) for other in others]
    figures.targets = [
        Target(contender=OURS, reference=other, column=column, sign="≤", bound=bound)
        for other, column, bound in bounds
    ]


def _round(
    figures: Figures, rows: int, place: tuple[Path, Trained, Path], ways: dict[str, Callable[[Path], Scored]]
) -> None:
    """Have everybody score a table once; who cannot is not asked again."""
    folder, trained, table = place
    folder.mkdir()
    found: dict[str, Scored] = {}
    with _service(folder, trained, table) as score:
        found |= {FIRST: score("first"), OURS: score("second")}
    for name, way in ways.items():
        if name in figures.failures:
            continue
        try:
            found[name] = way(table)
        except (MissingPeerError, FailedPeerError) as error:
            figures.failures[name] = str(error)
    want = hashlib.sha256(found[PANDAS].output).digest()
    for name, scored in found.items():
        if hashlib.sha256(scored.output).digest() != want:
            figures.failures[name] = "its rows are not those of pandas"
            continue
        figures.add(name, _seconds(rows), scored.seconds)
        figures.add(name, _memory(rows), scored.megabytes)
    figures.add(BOUND, _memory(rows), BOUND_MEGABYTES)


def _seconds(rows: int) -> str:
    return f"{rows:,} rows, s"


def _memory(rows: int) -> str:
    return f"{rows:,} rows, peak PSS MB"


def _write(path: Path, count: int, some: Any) -> None:
    generator = np.random.default_rng(models.SEED)
    lines = [",".join(map(str, row)) + "\n" for row in some.astype(float).round(1).tolist()]
    with path.open("w") as file:
        file.writelines(lines[number] for number in generator.integers(len(lines), size=count))


@contextlib.contextmanager
def _service(folder: Path, trained: Trained, table: Path) -> Iterator[Callable[[str], Scored]]:
    """Run a service that has the model and the table; give what runs a job."""
    port = processes.free_port()
    argv, ready, environ = control.sagelocal(folder, port)
    environ.pop("AWS_ENDPOINT_URL")
    with processes.running(argv, ready, environ=environ, folder=folder, name="batch") as service:
        s3, sagemaker = control.s3(folder / "batch.log"), control.client(port)
        control.upload(sagemaker, s3, trained.folder, folder)
        s3.upload_file(str(table), control.BUCKET, "in/rows.csv")

        def score(name: str) -> Scored:
            with Peak(service.pid, _emulator(service.pid)) as peak:
                seconds, output = _transform(sagemaker, s3, name)
            return Scored(seconds=seconds, megabytes=peak.megabytes, output=output)

        yield score


def _transform(sagemaker: Any, s3: Any, name: str) -> tuple[float, bytes]:
    """Run a job; return its seconds from Create to Completed and its output."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{control.BUCKET}/in/"}
    output = {"S3OutputPath": f"s3://{control.BUCKET}/{name}", "Accept": "text/csv", "AssembleWith": "Line"}
    began = time.perf_counter()
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName="model",
        TransformInput={
            "DataSource": {"S3DataSource": source},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput=output,
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    while (job := sagemaker.describe_transform_job(TransformJobName=name))[
        "TransformJobStatus"
    ] == "InProgress":
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    assert job["TransformJobStatus"] == "Completed", job
    body: bytes = s3.get_object(Bucket=control.BUCKET, Key=f"{name}/rows.csv.out")["Body"].read()
    return seconds, body


def _emulator(pid: int) -> list[int]:
    """Return the process of the AWS emulator that the service started."""
    children = psutil.Process(pid).children()
    return [child.pid for child in children if any("emulator/boot.py" in word for word in child.cmdline())]
