"""A model on the real services: data up, trained, a day scored, repaired, scored by another model."""

import io
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from sagewind import holdout, pack, partition
from sagewind.objects import Address, Objects
from sagewind.partition import Partition

ROOT = Path(__file__).parents[2]
DATA = ROOT / "dags" / "data" / "diabetes.csv"
BUCKET = "model-life-tests"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
SECONDS = 180


@pytest.fixture(scope="module")
def objects(aws):
    aws("s3").create_bucket(Bucket=BUCKET)
    return Objects(aws("s3"))


@pytest.fixture(scope="module")
def code(objects):
    key, archive = pack.pack(ROOT / "sm_code" / "diabetes")
    address = Address(BUCKET, f"code/{key}/sourcedir.tar.gz")
    objects.write(address, archive)
    return str(address)


def finished(describe, status):
    """Describe until the job is over."""
    deadline = time.monotonic() + SECONDS
    while (job := describe())[status] not in {"Completed", "Failed", "Stopped"}:
        assert time.monotonic() < deadline, job
        time.sleep(0.1)
    assert job[status] == "Completed", job.get("FailureReason")
    return job


def model(aws, objects, code, name, trees):
    """Train on the part that is not held out, and return the model's name."""
    sagemaker = aws("sagemaker")
    train = Address(BUCKET, "train/diabetes.csv")
    objects.write(train, holdout.split(DATA.read_bytes(), share=0.25, name="d", id_column="id").train)
    script = {"sagemaker_program": "train.py", "sagemaker_submit_directory": code}
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train/"}
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={**script, "n-estimators": trees},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    job = finished(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")
    container = {
        "Image": IMAGE,
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": code},
    }
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    return name


def transform(aws, plan, name):
    """Run the job that the plan asks for."""
    sagemaker = aws("sagemaker")
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=plan.partition.model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": str(plan.manifest)}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": str(plan.output), "Accept": "text/csv", "AssembleWith": "Line"},
        DataProcessing=partition.processing(len(FEATURES)),
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    finished(lambda: sagemaker.describe_transform_job(TransformJobName=name), "TransformJobStatus")


def test_a_large_object_goes_in_parts(objects):
    body, to = b"0123456789abcde\n" * (2 << 20), Address(BUCKET, "data/big.csv")
    objects.write(to, body, content_type="text/csv")
    kept = objects.client.head_object(Bucket=to.bucket, Key=to.key)
    assert (kept["ContentType"], kept["ETag"].strip('"').rpartition("-")[2]) == ("text/csv", "2")
    assert objects.read(to) == body


def test_a_day_is_scored_repeated_resumed_and_scored_by_another_model(aws, objects, code):
    first = model(aws, objects, code, "life-first", "20")
    day = Partition(
        root=Address(BUCKET, "scores"), ds="2026-01-05", model=first, id_column="id", features=FEATURES
    )
    source = holdout.split(DATA.read_bytes(), share=0.25, name="d", id_column="id").test

    plan = partition.prepare(objects, source, day, name="d", shard_rows=40)
    assert len(plan.pending) == 3
    transform(aws, plan, "life-score-1")
    facts = partition.publish(objects, plan)
    scores = objects.read(day.scores)
    table = parquet.read_table(io.BytesIO(objects.read(day.home / "scores.parquet")))
    assert facts["rows"] == table.num_rows == scores.count(b"\n") - 1 == 109
    assert str(table.schema.field("prediction").type) == "double"
    assert partition.prepare(objects, source, day, name="d", shard_rows=40).done

    # A shard's result and the mark of success are lost: only that shard is scored again, to the same bytes.
    objects.delete([plan.output / "part-00001.csv.out", day.home / "_SUCCESS", day.scores])
    resumed = partition.prepare(objects, source, day, name="d", shard_rows=40)
    assert resumed.pending == ("part-00001.csv",)
    transform(aws, resumed, "life-score-2")
    assert partition.publish(objects, resumed) == facts
    assert objects.read(day.scores) == scores

    second = model(aws, objects, code, "life-second", "150")
    other = Partition(**(vars(day) | {"model": second}))
    replaced = partition.prepare(objects, source, other, name="d", shard_rows=40)
    transform(aws, replaced, "life-score-3")
    assert partition.publish(objects, replaced)["sha256"] != facts["sha256"]
