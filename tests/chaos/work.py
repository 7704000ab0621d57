"""Requests for each kind of SageMaker work that takes a known time, and how to count what came of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from tests.integration import training_jobs as jobs
from tests.integration.operators import hosting

TRAIN = "import time\nprint('started', flush=True)\ntime.sleep({seconds})\nprint('score=1.0;', flush=True)\n"
OVER = frozenset({"Completed", "Failed", "Stopped", "InService"})
RUNNING = frozenset({"InProgress", "Stopping", "Creating", "Updating"})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How boto3 lists one kind of work."""

    listing: str
    summaries: str
    name: str
    status: str
    create: str
    """The operation that makes one."""


KINDS = {
    "train": Kind(
        listing="list_training_jobs",
        summaries="TrainingJobSummaries",
        name="TrainingJobName",
        status="TrainingJobStatus",
        create="CreateTrainingJob",
    ),
    "process": Kind(
        listing="list_processing_jobs",
        summaries="ProcessingJobSummaries",
        name="ProcessingJobName",
        status="ProcessingJobStatus",
        create="CreateProcessingJob",
    ),
    "tune": Kind(
        listing="list_hyper_parameter_tuning_jobs",
        summaries="HyperParameterTuningJobSummaries",
        name="HyperParameterTuningJobName",
        status="HyperParameterTuningJobStatus",
        create="CreateHyperParameterTuningJob",
    ),
    "transform": Kind(
        listing="list_transform_jobs",
        summaries="TransformJobSummaries",
        name="TransformJobName",
        status="TransformJobStatus",
        create="CreateTransformJob",
    ),
    "deploy": Kind(
        listing="list_endpoints",
        summaries="Endpoints",
        name="EndpointName",
        status="EndpointStatus",
        create="CreateEndpoint",
    ),
}


def bucket(s3: Any) -> None:
    """Make the bucket of the tests."""
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=jobs.BUCKET)


def request(kind: str, s3: Any, name: str, seconds: float) -> dict[str, Any]:
    """Return what the operator of `kind` takes for work of so many seconds."""
    makers = {"train": _train, "process": _process, "tune": _tune, "transform": _transform, "deploy": _deploy}
    return makers[kind](s3, name, seconds)


def found(kind: str, sagemaker: Any, name: str) -> dict[str, str]:
    """Return the status of everything of `kind` whose name starts so."""
    table = KINDS[kind]
    answer = getattr(sagemaker, table.listing)(NameContains=name, MaxResults=100)
    return {each[table.name]: each[table.status] for each in answer[table.summaries]}


def _train(s3: Any, name: str, seconds: float) -> dict[str, Any]:
    return jobs.request(s3, name, {"train.py": TRAIN.format(seconds=seconds)})


def _process(s3: Any, name: str, seconds: float) -> dict[str, Any]:
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/run.py", Body=TRAIN.format(seconds=seconds).encode())
    script = {
        "S3Uri": f"s3://{jobs.BUCKET}/{name}/",
        "LocalPath": "/opt/ml/processing/input/code",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    return {
        "ProcessingJobName": name,
        "RoleArn": jobs.ROLE,
        "AppSpecification": {
            "ImageUri": jobs.IMAGE.format("1.9-0"),
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
        },
        "ProcessingInputs": [{"InputName": "code", "S3Input": script}],
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        },
    }


def _tune(s3: Any, name: str, seconds: float) -> dict[str, Any]:
    job = _train(s3, "unused", seconds)
    metric = [{"Name": "score", "Regex": r"score=([-0-9.e]+);"}]
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": job["HyperParameters"],
            "AlgorithmSpecification": {**job["AlgorithmSpecification"], "MetricDefinitions": metric},
            **{
                key: job[key]
                for key in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
            },
        },
    }


def _transform(s3: Any, name: str, seconds: float) -> dict[str, Any]:
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/in/rows.csv", Body=b"1,2\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.BUCKET}/{name}/in"}
    transform = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": f"s3://{jobs.BUCKET}/{name}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    return {"Model": hosting.model_request(s3, name, answer=1.0, seconds=seconds), "Transform": transform}


def _deploy(s3: Any, name: str, seconds: float) -> dict[str, Any]:
    return hosting.deployment(s3, name, answer=1.0, load_seconds=seconds)
