"""Models to serve: real scikit-learn artifacts made by hand, and the calls that deploy them."""

from __future__ import annotations

import io
import tarfile
import time
import uuid
from typing import Any

import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

BUCKET = "serving-tests"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
SECONDS = 120
ROWS, LABELS = load_iris(return_X_y=True)
MODEL = RandomForestClassifier(10, min_samples_leaf=3, random_state=0).fit(ROWS, LABELS)
WANT = MODEL.predict(ROWS).tolist()
CSV = "".join(",".join(map(str, row)) + "\n" for row in ROWS).encode()
MODEL_FN = """
import os, joblib
def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
"""
RAISES = "def model_fn(model_dir):\n    raise RuntimeError('the weights are gone')\n"


def unique(prefix: str) -> str:
    """Return a name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def archive(files: dict[str, bytes]) -> bytes:
    """Return a tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def unpack(packed: bytes) -> dict[str, bytes]:
    """Return the files of a tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {
            member.name: stream.read()
            for member in tar
            if member.isfile() and (stream := tar.extractfile(member)) is not None
        }


def artifact(script: str = MODEL_FN, **files: bytes) -> bytes:
    """Return a model.tar.gz with the forest and a script."""
    model = io.BytesIO()
    joblib.dump(MODEL, model)
    return archive({"model.joblib": model.getvalue(), "code/inference.py": script.encode(), **files})


def make_bucket(s3: Any) -> None:
    """Make the bucket of these tests; it may be there."""
    s3.create_bucket(Bucket=BUCKET)


def make_model(
    aws: Any, script: str = MODEL_FN, environment: dict[str, str] | None = None, **files: bytes
) -> str:
    """Store an artifact and create its model; return the name."""
    name = unique("model")
    key = f"{name}/model.tar.gz"
    aws("s3").put_object(Bucket=BUCKET, Key=key, Body=artifact(script, **files))
    aws("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/{key}",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py", **(environment or {})},
        },
    )
    return name


def say(word: str) -> str:
    """Return a script that answers every request with a word, but for a body that is `fail`."""
    return (
        "def model_fn(model_dir):\n    return None\n"
        "def transform_fn(model, body, kind, accept):\n"
        "    if body == 'fail': raise ValueError('told to')\n"
        f"    return {word!r}, 'text/plain'\n"
    )


def script_artifact(script: str) -> bytes:
    """Return a model.tar.gz with nothing but a script."""
    return archive({"code/inference.py": script.encode()})


def container(aws: Any, script: str) -> dict[str, Any]:
    """Store an artifact that is a script, and return its ContainerDefinition: it starts in no time."""
    key = f"{unique('script')}/model.tar.gz"
    aws("s3").put_object(Bucket=BUCKET, Key=key, Body=script_artifact(script))
    return {
        "Image": IMAGE,
        "ModelDataUrl": f"s3://{BUCKET}/{key}",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    }


def create_model(aws: Any, **members: Any) -> str:
    """Create a model; return its name."""
    name = unique("model")
    aws("sagemaker").create_model(ModelName=name, ExecutionRoleArn=ROLE, **members)
    return name


def saying(aws: Any, word: str, **members: Any) -> dict[str, Any]:
    """Return a production variant whose model answers with a word."""
    model = create_model(aws, PrimaryContainer=container(aws, say(word)))
    return {"VariantName": "AllTraffic", "ModelName": model, **members}


def make_config(aws: Any, *variants: dict[str, Any], script: str = MODEL_FN, **members: Any) -> str:
    """Create an endpoint configuration; without variants, of one model with that script."""
    name = unique("config")
    chosen = variants or ({"VariantName": "AllTraffic", "ModelName": make_model(aws, script)},)
    aws("sagemaker").create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            each
            if "ServerlessConfig" in each
            else {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1, **each}
            for each in chosen
        ],
        **members,
    )
    return name


def wait(aws: Any, endpoint: str) -> dict[str, Any]:
    """Wait until an endpoint has done what it is at; return its description."""
    end = time.monotonic() + SECONDS
    while True:
        found = aws("sagemaker").describe_endpoint(EndpointName=endpoint)
        if found["EndpointStatus"] in ("InService", "Failed"):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.05)
