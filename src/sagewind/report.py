"""The last step of a run: one account of it, from what AWS says; it fails when that does not add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewind import aws, load, table
from sagewind.errors import SagewindError
from sagewind.jobs import outcome
from sagewind.objects import Address, Objects

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path


class ReportError(SagewindError):
    """The run ended, but not as it should: a metric is missing, or rows were lost."""


def report(
    spec_file: Path | str,
    *,
    training_job: str,
    transform_job: str,
    uploaded: dict[str, Any],
    verified: dict[str, Any],
    clients: aws.Clients = aws.client,
) -> dict[str, Any]:
    """Return the run's account as plain JSON.

    Keys: one for each metric of the spec (`accuracy`), `training_job`, `model_artifact`, `columns`,
    `predictions` (`features` in the order of `columns`, `predicted`, `truth`), `scores_uri`, `rows_in`,
    `rows_out`, `endpoint`, `transform_job`, `data_hash`, `hyperparameters` and
    `durations` (seconds for each step).

    Raises:
        ReportError: a metric of the spec was not reported, or the scores have another number of rows.

    """
    model = load.load(spec_file)
    sagemaker = clients("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName=training_job)
    batch = sagemaker.describe_transform_job(TransformJobName=transform_job)
    scores = scores_uri(batch)
    rows_in = uploaded["rows"]
    rows_out = table.count_rows(Objects(clients("s3")).read(Address.parse(scores)))
    if rows_in != rows_out:
        raise ReportError(f"{scores} has {rows_out} rows; {uploaded['features']} has {rows_in}")
    return {
        **_metrics(job, list(model.metrics)),
        "training_job": training_job,
        "model_artifact": job["ModelArtifacts"]["S3ModelArtifacts"],
        "hyperparameters": outcome.hyperparameters(job),
        "data_hash": uploaded["data_hash"],
        "columns": verified["columns"],
        "predictions": verified["predictions"],
        "endpoint": verified["endpoint"],
        "transform_job": transform_job,
        "scores_uri": scores,
        "rows_in": rows_in,
        "rows_out": rows_out,
        "durations": _durations(uploaded, verified, job, batch),
    }


def scores_uri(batch: dict[str, Any]) -> str:
    """Return where a transform job of one input object wrote its scores: `<output>/<name>.out`."""
    source: str = batch["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    output: str = batch["TransformOutput"]["S3OutputPath"]
    return f"{output.rstrip('/')}/{source.rsplit('/', 1)[-1]}.out"


def _metrics(job: dict[str, Any], wanted: list[str]) -> dict[str, float]:
    found = {each["MetricName"]: each["Value"] for each in job.get("FinalMetricDataList", [])}
    for name in wanted:
        if name not in found:
            seen = ", ".join(sorted(found)) or "none"
            raise ReportError(
                f"training job {job['TrainingJobName']} reported no metric {name!r} (reported: {seen}); "
                "its regular expression matched nothing that the script printed"
            )
    return {name: round(float(found[name]), 6) for name in wanted}


def _durations(
    uploaded: dict[str, Any], verified: dict[str, Any], job: dict[str, Any], batch: dict[str, Any]
) -> dict[str, float]:
    return {
        "upload": uploaded["seconds"],
        "train": _seconds(job["CreationTime"], job["TrainingEndTime"]),
        "verify": verified["seconds"],
        "transform": _seconds(batch["CreationTime"], batch["TransformEndTime"]),
    }


def _seconds(start: dt.datetime, end: dt.datetime) -> float:
    return round((end - start).total_seconds(), 2)
