"""Batch transform for real: boto3, the service as a process, objects on S3, a model server per job."""

import gzip
import json
import os
import time

import pytest
from tests.integration import served_models as models

OVER = {"Completed", "Failed", "Stopped"}
FORKED = "The script runs in a process forked from a preloaded interpreter"


@pytest.fixture(scope="module", autouse=True)
def bucket(aws):
    models.make_bucket(aws("s3"))


@pytest.fixture(scope="module")
def model(aws):
    return models.make_model(aws)


@pytest.fixture
def transform(aws):
    """Run a job on objects by key; return its description and its results by key."""

    def transform(model, objects, *, wait=True, **request):
        name = models.unique("transform")
        for key, data in objects.items():
            aws("s3").put_object(Bucket=models.BUCKET, Key=f"{name}/in/{key}", Body=data)
        given = {"ContentType": "text/csv", "SplitType": "Line", **request.pop("TransformInput", {})}
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{models.BUCKET}/{name}/in/"}
        given.setdefault("DataSource", {"S3DataSource": source})
        result = {"Accept": "text/csv", "AssembleWith": "Line", **request.pop("TransformOutput", {})}
        aws("sagemaker").create_transform_job(
            TransformJobName=name,
            ModelName=model,
            TransformInput=given,
            TransformOutput={"S3OutputPath": f"s3://{models.BUCKET}/{name}/out", **result},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **request,
        )
        return finished(aws, name) if wait else name

    return transform


def finished(aws, name):
    end = time.monotonic() + models.SECONDS
    while True:
        job = aws("sagemaker").describe_transform_job(TransformJobName=name)
        if job["TransformJobStatus"] in OVER:
            break
        assert time.monotonic() < end, job
        time.sleep(0.05)
    listed = aws("s3").list_objects_v2(Bucket=models.BUCKET, Prefix=f"{name}/out/").get("Contents", [])
    results = {
        each["Key"].removeprefix(f"{name}/out/"): aws("s3")
        .get_object(Bucket=models.BUCKET, Key=each["Key"])["Body"]
        .read()
        for each in listed
    }
    return job, results


def test_every_row_is_scored_in_its_place_object_by_object(transform, model):
    part = models.CSV[:60].rsplit(b"\n", 1)[0]  # without a last line end
    job, results = transform(model, {"iris.csv": models.CSV, "deep/part.csv": part, "empty.csv": b""})
    assert job["TransformJobStatus"] == "Completed", job
    assert set(results) == {"iris.csv.out", "deep/part.csv.out", "empty.csv.out"}
    assert [int(line) for line in results["iris.csv.out"].splitlines()] == models.WANT
    assert len(results["deep/part.csv.out"].splitlines()) == len(part.splitlines())
    assert results["empty.csv.out"] == b""
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert "FailureReason" not in job


def lines(aws, group, prefix=""):
    """Return what the log streams say whose names begin so; the emulator's filter does not mind a prefix."""
    logs, group = aws("logs"), f"/aws/sagemaker/{group}"
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
    streams = [each["logStreamName"] for page in pages for each in page["logStreams"]]
    events = [
        event
        for name in streams
        if name.startswith(prefix)
        for event in logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)["events"]
    ]
    return [event["message"] for event in events]


def test_the_first_job_of_an_image_waits_for_its_preloaded_interpreter(aws, transform, model):
    job, _ = transform(model, {"a.csv": models.CSV})
    assert FORKED in lines(aws, "TransformJobs", f"{job['TransformJobName']}/")


@pytest.mark.parametrize(
    ("count", "strategy", "is_shared"),
    [(1, "MultiRecord", False), (2, "MultiRecord", True), (1, "SingleRecord", True)],
)
def test_a_job_has_no_more_workers_than_requests(aws, transform, model, count, strategy, is_shared):
    objects = {f"{number}.csv": models.CSV for number in range(count)}
    job, _ = transform(model, objects, BatchStrategy=strategy, MaxConcurrentTransforms=2)
    log = lines(aws, "TransformJobs", f"{job['TransformJobName']}/")
    told = [line for line in log if "default handlers in 2 worker processes" in line]
    assert bool(told) == (is_shared and (os.cpu_count() or 1) > 1), log


def test_an_endpoint_is_forked_from_the_interpreter_that_jobs_have_left(aws, transform, model):
    transform(model, {"a.csv": models.CSV})
    name = models.unique("forked")
    aws("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=models.make_config(aws))
    try:
        assert models.wait(aws, name)["EndpointStatus"] == "InService"
        runtime = aws("sagemaker-runtime")
        answer = runtime.invoke_endpoint(EndpointName=name, Body=models.CSV, ContentType="text/csv")
        assert json.load(answer["Body"]) == models.WANT
        end = time.monotonic() + models.SECONDS
        while FORKED not in lines(aws, f"Endpoints/{name}"):  # its log is sent while it serves
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        aws("sagemaker").delete_endpoint(EndpointName=name)


def test_single_records_are_sent_one_by_one(transform, model):
    rows = b"".join(models.CSV.splitlines(keepends=True)[:12])
    job, results = transform(
        model,
        {"a.csv": rows},
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=4,
        TransformOutput={"Accept": "application/json"},
    )
    assert job["TransformJobStatus"] == "Completed", job
    assert [json.loads(line) for line in results["a.csv.out"].splitlines()] == [[w] for w in models.WANT[:12]]


def test_an_id_column_is_left_out_and_joined_with_the_answer(transform, model):
    rows = b"".join(b"id%d,%b" % pair for pair in enumerate(models.CSV.splitlines(keepends=True)))
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    job, results = transform(model, {"a.csv": rows}, DataProcessing=processing)
    assert job["TransformJobStatus"] == "Completed", job
    want = [f"id{number},{label}" for number, label in enumerate(models.WANT)]
    assert results["a.csv.out"].decode().splitlines() == want


def test_compressed_objects_of_a_manifest(aws, transform, model):
    prefix = models.unique("manifest")
    s3 = aws("s3")
    for key in ("one.csv.gz", "sub/two.csv.gz"):
        s3.put_object(Bucket=models.BUCKET, Key=f"{prefix}/{key}", Body=gzip.compress(models.CSV))
    manifest = [{"prefix": f"s3://{models.BUCKET}/{prefix}/"}, "one.csv.gz", "sub/two.csv.gz"]
    s3.put_object(Bucket=models.BUCKET, Key=f"{prefix}.manifest", Body=json.dumps(manifest).encode())
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{models.BUCKET}/{prefix}.manifest"}
    given = {"DataSource": {"S3DataSource": source}, "CompressionType": "Gzip"}
    job, results = transform(model, {}, TransformInput=given)
    assert job["TransformJobStatus"] == "Completed", job
    for key in ("one.csv.gz.out", "sub/two.csv.gz.out"):
        assert [int(line) for line in results[key].splitlines()] == models.WANT


def test_a_bad_row_fails_the_job_names_itself_and_spares_the_other_objects(aws, transform, model):
    bad = models.CSV + b"5.1,3.5,sepal,0.2\n"
    job, results = transform(model, {"bad.csv": bad, "good.csv": models.CSV})
    assert job["TransformJobStatus"] == "Failed"
    assert "in/bad.csv: records 1 to 151: the model answered 500" in job["FailureReason"]
    assert "CSV line 151: could not convert string to float: b'sepal'" in job["FailureReason"]
    assert set(results) == {"good.csv.out"}
    name = job["TransformJobName"]
    found = aws("logs").filter_log_events(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=f"{name}/"
    )
    streams = {event["logStreamName"] for event in found["events"]}
    assert any(stream.endswith("/data-log") for stream in streams)
    assert any("bad.csv: AlgorithmError: records 1 to 151" in event["message"] for event in found["events"])
    assert any("ValueError: CSV line 151" in event["message"] for event in found["events"])


def test_a_record_that_is_too_large_is_named(transform, model):
    rows = models.CSV + b"1" * (1 << 20) + b",2,3,4\n"
    job, results = transform(model, {"a.csv": rows}, MaxPayloadInMB=1)
    assert (job["TransformJobStatus"], results) == ("Failed", {})
    assert "a.csv: record 151: Too much data for max payload size" in job["FailureReason"]


def test_the_container_is_told_that_it_runs_in_batch(aws, transform):
    script = models.MODEL_FN + (
        "import json\ndef output_fn(p, a):\n    return json.dumps(dict(os.environ))\n"
    )
    job, results = transform(
        models.make_model(aws, script),
        {"a.csv": models.CSV},
        MaxPayloadInMB=2,
        BatchStrategy="MultiRecord",
        Environment={"OWN": "yes"},
    )
    assert job["TransformJobStatus"] == "Completed", job
    seen = json.loads(results["a.csv.out"])
    assert (seen["SAGEMAKER_BATCH"], seen["OWN"]) == ("true", "yes")
    assert (seen["SAGEMAKER_MAX_PAYLOAD_IN_MB"], seen["SAGEMAKER_BATCH_STRATEGY"]) == ("2", "MULTI_RECORD")
    assert "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS" not in seen


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (models.RAISES, "RuntimeError: the weights are gone"),
        (models.MODEL_FN + "import not_there\n", "No module named 'not_there'"),
    ],
)
def test_a_model_that_does_not_load_fails_the_job_with_the_logs_end(aws, transform, script, words):
    job, results = transform(models.make_model(aws, script), {"a.csv": models.CSV})
    assert (job["TransformJobStatus"], results) == ("Failed", {})
    assert words in job["FailureReason"]
    assert job["TransformStartTime"] <= job["TransformEndTime"]  # an instance was paid for


def test_a_prefix_without_objects_fails_the_job(transform, model):
    job, _ = transform(model, {})
    assert job["TransformJobStatus"] == "Failed"
    assert "No S3 objects found under S3 URL" in job["FailureReason"]


SLOW = """
import time
seen = []
def predict_fn(data, model):
    if seen:
        time.sleep(600)
    seen.append(data)
    return [0] * len(data)
"""


def test_a_stop_ends_the_job_and_leaves_no_half_result(aws, transform):
    slow = models.make_model(aws, models.MODEL_FN + SLOW)
    rows = {"a.csv": models.CSV, "b.csv": models.CSV}
    name = transform(slow, rows, wait=False, MaxConcurrentTransforms=1)
    end = time.monotonic() + models.SECONDS
    while not aws("s3").list_objects_v2(Bucket=models.BUCKET, Prefix=f"{name}/out/").get("Contents"):
        assert time.monotonic() < end
        time.sleep(0.05)
    aws("sagemaker").stop_transform_job(TransformJobName=name)
    job, results = finished(aws, name)
    assert (job["TransformJobStatus"], list(results)) == ("Stopped", ["a.csv.out"])
