"""Spark for real: a processing job as the SDK's PySparkProcessor sends it."""

import uuid
from pathlib import Path

import pytest
from tests.frameworks.conftest import ACCOUNT, until
from tests.integration.training_jobs import BUCKET, OVER, ROLE

WORKSPACE = Path(__file__).parent / "workspace" / "spark"
APP = (WORKSPACE / "app.py").read_text()
HELPER = (WORKSPACE / "helper.py").read_text()
CONF = '[{"Classification": "spark-defaults", "Properties": {"spark.test.colour": "green"}}]'


@pytest.fixture
def submit(aws, s3):
    """Run an application; return the description of the job and the keys of its outputs."""

    def submit(app: str) -> tuple[dict, list[str]]:
        name = f"spark-{uuid.uuid4().hex[:8]}"
        files = {"code/app.py": app, "py-files/helper.py": HELPER, "conf/configuration.json": CONF}
        for path, text in (files | {"data/rows.csv": "species,n\na,1\nb,2\na,3\n"}).items():
            s3.put_object(Bucket=BUCKET, Key=f"{name}/{path}", Body=text.encode())
        base = "/opt/ml/processing"
        inputs = [
            {
                "InputName": folder,
                "S3Input": {
                    "S3Uri": f"s3://{BUCKET}/{name}/{folder}",
                    "LocalPath": f"{base}/input/{folder}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for folder in ("code", "py-files", "conf", "data")
        ]
        outputs = [
            {
                "OutputName": folder,
                "S3Output": {
                    "S3Uri": f"s3://{BUCKET}/{name}/out/{folder}",
                    "LocalPath": f"{base}/{folder}",
                    "S3UploadMode": mode,
                },
            }
            for folder, mode in (("spark-events", "Continuous"), ("output", "EndOfJob"))
        ]
        command = ["smspark-submit", "--local-spark-event-logs-dir", f"{base}/spark-events/"]
        client = aws("sagemaker")
        client.create_processing_job(
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={
                "ImageUri": f"{ACCOUNT}/sagemaker-spark-processing:3.5-cpu-py312-v1.2",
                "ContainerEntrypoint": [
                    *command,
                    *("--py-files", f"{base}/input/py-files", f"{base}/input/code/app.py"),
                ],
                "ContainerArguments": [f"{base}/input/data/rows.csv", f"{base}/output/totals"],
            },
            ProcessingInputs=inputs,
            ProcessingOutputConfig={"Outputs": outputs},
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 5}
            },
        )
        job = until(
            lambda: client.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus", OVER
        )
        listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/out/").get("Contents", [])
        return job, [entry["Key"].removeprefix(f"{name}/out/") for entry in listed]

    return submit


def test_an_application_with_its_files_is_run(submit, s3):
    job, keys = submit(APP)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    (part,) = [key for key in keys if key.startswith("output/totals/part-")]
    body = s3.get_object(Bucket=BUCKET, Key=f"{job['ProcessingJobName']}/out/{part}")["Body"].read()
    assert sorted(body.split()) == [b"a,4", b"b,2", b"species,total"]
    (events,) = [key for key in keys if key.startswith("spark-events/")]
    assert not events.endswith(".inprogress")


def test_an_application_that_fails_fails_the_job(submit):
    job, _ = submit("raise ValueError('no such luck')")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "spark failed with a non-zero exit code: 1" in job["FailureReason"]
