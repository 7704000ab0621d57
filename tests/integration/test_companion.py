"""The emulator that a service starts for itself: the service reaches it, and it comes back when it dies."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

SECONDS = 60
BUCKET = "companion"
DEFINITION = {
    "Version": "2020-12-01",
    "Steps": [{"Name": "no", "Type": "Fail", "Arguments": {"ErrorMessage": "told to"}}],
}


def emulators(service):
    """Return the processes of the service's emulator."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == service.process.pid and "boot.py" in (entry / "cmdline").read_text():
                found.append(int(entry.name))
    return found


def pipeline(service, name):
    """Have the service itself read from S3."""
    place = {"Bucket": BUCKET, "ObjectKey": "definition"}
    service.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinitionS3Location=place,
        RoleArn="arn:aws:iam::123456789012:role/R",
        ClientRequestToken=f"{name:-<40}",
    )
    return service.client("sagemaker").describe_pipeline(PipelineName=name)["PipelineDefinition"]


def test_it_serves_the_service_and_comes_back_on_its_port_when_it_dies(serve):
    service = serve(AWS_ENDPOINT_URL="")
    s3 = service.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="definition", Body=json.dumps(DEFINITION).encode())
    assert json.loads(pipeline(service, "before")) == DEFINITION

    (dead,) = emulators(service)
    os.kill(dead, signal.SIGKILL)
    assert json.loads(pipeline(service, "after")) == DEFINITION  # it waits
    (again,) = emulators(service)
    assert again != dead
    assert s3.list_buckets()["Buckets"]

    assert service.end() == 0
    deadline = time.monotonic() + SECONDS
    while Path(f"/proc/{again}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
