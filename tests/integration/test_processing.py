"""Processing jobs on the real service: inputs, outputs, arguments, messages, failures and stops."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from tests.integration.training_jobs import IMAGE, ROLE

BUCKET = "processing-tests"
OVER = {"Completed", "Failed", "Stopped"}
SECONDS = 120
SCRIPT = """
import json, os, pathlib, sys
import pandas as pd

table = pd.read_csv("/opt/ml/processing/input/data/numbers.csv")
out = pathlib.Path("/opt/ml/processing/output")
(out / "nested").mkdir()
table.head(int(sys.argv[2])).to_csv(out / "nested" / "head.csv", index=False)
config = json.loads(pathlib.Path("/opt/ml/config/processingjobconfig.json").read_text())
hosts = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())
print("name", config["ProcessingJobName"], "on", hosts["current_host"], "with", os.environ["COLOUR"])
pathlib.Path("/opt/ml/output/message").write_text("rows=%d" % len(table))
"""


@pytest.fixture(scope="module")
def s3(aws):
    client = aws("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="in/numbers.csv", Body=b"a,b\n1,2\n3,4\n5,6\n")
    return client


def process(aws, s3, script, *, arguments=(), upload="EndOfJob", until=OVER, **changes):
    """Create a job as the SDK's script processor does, and return its name and description."""
    name = f"process-{uuid.uuid4().hex[:8]}"
    s3.put_object(Bucket=BUCKET, Key=f"{name}/run.py", Body=script.encode())
    sources = {"code": f"s3://{BUCKET}/{name}/run.py", "data": f"s3://{BUCKET}/in"}
    request = {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": IMAGE.format("1.9-0"),
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
            **({"ContainerArguments": list(arguments)} if arguments else {}),
        },
        "ProcessingInputs": [
            {
                "InputName": key,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"/opt/ml/processing/input/{key}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for key, uri in sources.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/{name}/out",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": upload,
                    },
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        },
        "Environment": {"COLOUR": "green"},
        **changes,
    }
    aws("sagemaker").create_processing_job(**request)
    return name, wait(aws("sagemaker"), name, until)


def wait(sagemaker, name, until=OVER):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        job = sagemaker.describe_processing_job(ProcessingJobName=name)
        if job["ProcessingJobStatus"] in until:
            return job
        time.sleep(0.1)
    raise AssertionError(f"{job['ProcessingJobStatus']} after {SECONDS} s")


def outputs(s3, name):
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/out/").get("Contents", [])
    return [entry["Key"].removeprefix(f"{name}/out/") for entry in found]


def log_lines(logs, name):
    group = "/aws/sagemaker/ProcessingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    (stream,) = [each["logStreamName"] for each in streams]
    assert stream.startswith(f"{name}/algo-1-")
    events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_a_script_processes(aws, s3):
    name, job = process(aws, s3, SCRIPT, arguments=["--rows", "2"])

    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "rows=3"
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1
    assert outputs(s3, name) == ["nested/head.csv"]
    body = s3.get_object(Bucket=BUCKET, Key=f"{name}/out/nested/head.csv")["Body"].read()
    assert body == b"a,b\n1,2\n3,4\n"
    assert f"name {name} on algo-1 with green" in log_lines(aws("logs"), name)
    listed = aws("sagemaker").list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert [(each["ProcessingJobName"], each["ProcessingJobStatus"]) for each in listed] == [
        (name, "Completed")
    ]


@pytest.mark.parametrize(("upload", "left"), [("EndOfJob", []), ("Continuous", ["half.txt"])])
def test_a_script_that_raises_fails_the_job(aws, s3, upload, left):
    script = "open('/opt/ml/processing/output/half.txt', 'w').write('1')\nraise ValueError('no such luck')\n"
    name, job = process(aws, s3, script, upload=upload)

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "ValueError: no such luck" in job["FailureReason"]
    assert job["FailureReason"].endswith("exit code: 1")
    assert outputs(s3, name) == left


def test_missing_data_fails_the_job(aws, s3):
    missing = {
        "InputName": "none",
        "S3Input": {
            "S3Uri": f"s3://{BUCKET}/nowhere",
            "LocalPath": "/opt/ml/processing/input/none",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }

    _, job = process(aws, s3, "", ProcessingInputs=[missing])

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


def test_of_two_inputs_that_would_be_one_file_none_is_lost(aws, s3):
    s3.put_object(Bucket=BUCKET, Key="first/x.csv", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key="second/deep/x.csv", Body=b"2")
    places = {"first": "/opt/ml/processing/input/deep", "second": "/opt/ml/processing/input/"}
    both = [
        {
            "InputName": key,
            "S3Input": {"S3Uri": f"s3://{BUCKET}/{key}/", "LocalPath": place, "S3DataType": "S3Prefix"},
        }
        for key, place in places.items()
    ]

    _, job = process(aws, s3, "", ProcessingInputs=both)

    assert job["FailureReason"] == (
        f'ClientError: Data download failed: "s3://{BUCKET}/first/x.csv" and '
        f'"s3://{BUCKET}/second/deep/x.csv" are both the file input/deep/x.csv'
    )


@pytest.mark.parametrize(
    ("last_words", "reason"),
    [
        ("raise ValueError('no such luck')", "AlgorithmError: "),
        ("", "ClientError: /opt/ml/output/message is no UTF-8"),
    ],
)
def test_a_message_that_is_no_text_hides_no_failure(aws, s3, last_words, reason):
    script = f"open('/opt/ml/output/message', 'wb').write(b'\\xff')\n{last_words}\n"

    _, job = process(aws, s3, script)

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)


def test_continuous_outputs_arrive_while_the_job_runs_and_a_stop_ends_it(aws, s3):
    script = (
        "import pathlib, time\n"
        "pathlib.Path('/opt/ml/processing/output/early.txt').write_text('1')\n"
        "time.sleep(300)\n"
    )
    name, _ = process(aws, s3, script, upload="Continuous", until={"InProgress"})
    deadline = time.monotonic() + SECONDS
    while not outputs(s3, name) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert outputs(s3, name) == ["early.txt"]

    aws("sagemaker").stop_processing_job(ProcessingJobName=name)

    assert wait(aws("sagemaker"), name)["ProcessingJobStatus"] == "Stopped"


def test_the_time_limit_stops_the_job(aws, s3):
    limit = {"StoppingCondition": {"MaxRuntimeInSeconds": 1}}

    _, job = process(aws, s3, "import time; time.sleep(300)", **limit)

    assert job["ProcessingJobStatus"] == "Stopped"


def test_two_instances_share_the_data(aws, s3):
    s3.put_object(Bucket=BUCKET, Key="parts/1.csv", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key="parts/2.csv", Body=b"2")
    script = (
        "import json, os\n"
        "host = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']\n"
        "files = os.listdir('/opt/ml/processing/input/parts')\n"
        "json.dump(files, open(f'/opt/ml/processing/output/{host}.json', 'w'))\n"
    )
    name = f"shared-{uuid.uuid4().hex[:8]}"
    s3.put_object(Bucket=BUCKET, Key=f"{name}/run.py", Body=script.encode())
    inputs = [
        {
            "InputName": key,
            "S3Input": {
                "S3Uri": uri,
                "LocalPath": f"/opt/ml/processing/input/{key}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
                "S3DataDistributionType": how,
            },
        }
        for key, uri, how in (
            ("code", f"s3://{BUCKET}/{name}/run.py", "FullyReplicated"),
            ("parts", f"s3://{BUCKET}/parts/", "ShardedByS3Key"),
        )
    ]
    two = {"ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}}

    job_name, job = process(aws, s3, script, ProcessingInputs=inputs, ProcessingResources=two)

    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    parts = {
        host: json.loads(s3.get_object(Bucket=BUCKET, Key=f"{job_name}/out/{host}.json")["Body"].read())
        for host in ("algo-1", "algo-2")
    }
    assert parts == {"algo-1": ["1.csv"], "algo-2": ["2.csv"]}


def test_the_reason_is_that_of_the_host_that_failed_and_not_of_those_stopped_for_it(aws, s3):
    script = (
        "import json, time\n"
        "host = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']\n"
        "if host == 'algo-2': raise ValueError('bad host')\n"
        "time.sleep(300)\n"
    )
    cluster = {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}

    _, job = process(aws, s3, script, ProcessingResources={"ClusterConfig": cluster})

    assert "ValueError: bad host" in job["FailureReason"]
    assert job["FailureReason"].endswith("exit code: 1")
