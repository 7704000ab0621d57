"""Requests and sources of the training tests: what the SageMaker SDK would send, made by hand."""

from __future__ import annotations

import io
import json
import tarfile
import time
import uuid
from typing import Any

from sklearn.datasets import load_iris

BUCKET = "training-tests"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:{}-cpu-py3"
OVER = {"Completed", "Failed", "Stopped"}
SECONDS = 90

TUTORIAL = """
import argparse
import os

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", type=str, default="species")
    parser.add_argument("--n-estimators", type=int, default=10)
    parser.add_argument("--train-file", type=str, default="iris.csv")
    parser.add_argument("--train-dir", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    args, _ = parser.parse_known_args()
    df = pd.read_csv(os.path.join(args.train_dir, args.train_file))
    x, y = df.drop(columns=args.target).values, df[args.target].values
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=28)
    model = RandomForestClassifier(n_estimators=args.n_estimators, random_state=0).fit(x_train, y_train)
    print("trees=" + str(len(model.estimators_)))
    print("Accuracy=" + str(accuracy_score(y_test, model.predict(x_test))))
    joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
    with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "report.txt"), "w") as report:
        report.write("done")
"""


def iris() -> bytes:
    """Return the tutorial's data as CSV."""

    bunch = load_iris()
    rows = [
        ",".join([*(f"{v}" for v in row), str(t)]) for row, t in zip(bunch.data, bunch.target, strict=True)
    ]
    return "\n".join(["a,b,c,d,species", *rows, ""]).encode()


def unique(prefix: str) -> str:
    """Return a name of this test's own."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def put_source(s3: Any, files: dict[str, str]) -> str:
    """Upload a source folder as the SDK does, and return its URI."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    key = f"{unique('code')}/sourcedir.tar.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=packed.getvalue())
    return f"s3://{BUCKET}/{key}"


def request(s3: Any, name: str, files: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return a CreateTrainingJob request for a source folder; its script is the first file."""
    parameters = changes.pop("hyperparameters", {})
    algorithm = changes.pop("algorithm", {})
    program = next(iter(files), "")
    known = {
        "sagemaker_program": json.dumps(program),
        "sagemaker_submit_directory": json.dumps(put_source(s3, files)),
        "sagemaker_region": '"us-east-1"',
    }
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE.format("1.9-0"),
            "TrainingInputMode": "File",
            **algorithm,
        },
        "RoleArn": ROLE,
        "HyperParameters": {**(known if files else {}), **parameters},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


def channel(name: str, uri: str, **source: Any) -> dict[str, Any]:
    """Return an entry of InputDataConfig."""
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated",
                **source,
            }
        },
    }


def wait(sagemaker: Any, name: str, *, until: set[str] | None = None) -> dict[str, Any]:
    """Describe the job until it is over, or its secondary status is one of `until`."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        job: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] in OVER or job["SecondaryStatus"] in (until or ()):
            return job
        time.sleep(0.05)
    raise AssertionError(f"{name} is still {job['SecondaryStatus']} after {SECONDS} s")


def log_lines(logs: Any, name: str, host: str = "algo-1") -> list[str]:
    """Return a host's log, as the SDK and the Airflow provider read it."""
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/{host}-")[
        "logStreams"
    ]
    assert len(streams) == 1
    lines: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = logs.get_log_events(
            logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True, **token
        )
        lines += [event["message"] for event in page["events"]]
        if token.get("nextToken") == page["nextForwardToken"] or not page["events"]:
            return lines
        token = {"nextToken": page["nextForwardToken"]}


def wait_for_line(logs: Any, name: str, text: str) -> None:
    """Wait until the job has said something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if any(text in line for line in log_lines(logs, name)):
                return
        except (AssertionError, logs.exceptions.ResourceNotFoundException):
            pass
        time.sleep(0.05)
    raise AssertionError(f"{name} never said {text!r}")


def archive_names(s3: Any, uri: str) -> list[str]:
    """Return the members of a tar.gz on S3."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    packed = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return tar.getnames()
