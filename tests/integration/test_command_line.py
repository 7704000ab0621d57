"""The command line as people use it: processes beside a running service."""

import contextlib
import json
import os
import socket
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError
from tests.integration import served_models, training_jobs

SECONDS = 60
SAYS = """
import time
for number in range(3):
    print(f"line {number}", flush=True)
    time.sleep(0.3)
"""


def run(*arguments, data_dir=None, given=b"", **environ):
    """Run a command, and return its exit code and what it wrote."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGELOCAL_"))
    }
    where = ["--data", str(data_dir)] if data_dir else []
    return subprocess.run(
        [sys.executable, "-m", "sagelocal", *arguments, *where],
        env=inherited | environ,
        input=given,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def sagemaker(aws):
    aws("s3").create_bucket(Bucket=training_jobs.BUCKET)
    return aws("sagemaker")


def test_a_job_is_listed_and_followed_to_its_end(aws, sagemaker, sagelocal_service):
    name = training_jobs.unique("said")
    request = training_jobs.request(aws("s3"), name, {"train.py": SAYS})
    sagemaker.create_training_job(**request)
    listed = run("ps", "--all", "--json", data_dir=sagelocal_service.data_dir)
    assert name in {each["name"] for each in json.loads(listed.stdout)}
    followed = run("logs", "-f", name, data_dir=sagelocal_service.data_dir)
    assert followed.returncode == 0, followed.stderr
    lines = followed.stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("line")] == ["line 0", "line 1", "line 2"]
    assert sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Completed"
    again = run("logs", name, data_dir=sagelocal_service.data_dir)
    assert again.stdout == followed.stdout
    now = run("ps", data_dir=sagelocal_service.data_dir).stdout.decode()
    assert now.startswith("KIND")
    assert name not in now
    shown = run("ps", "--all", data_dir=sagelocal_service.data_dir).stdout.decode()
    (row,) = [line.split() for line in shown.splitlines() if name in line]
    assert row[:3] == ["training", name, "Completed"]


def test_an_endpoint_is_invoked_and_its_log_printed(aws, sagemaker, sagelocal_service, tmp_path):
    served_models.make_bucket(aws("s3"))
    name = served_models.unique("asked")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=served_models.make_config(aws))
    assert served_models.wait(aws, name)["EndpointStatus"] == "InService"
    rows = tmp_path / "rows.csv"
    rows.write_bytes(served_models.CSV)
    data_dir = sagelocal_service.data_dir
    answer = run("invoke", name, "-d", str(rows), "--accept", "application/json", data_dir=data_dir)
    assert json.loads(answer.stdout) == served_models.WANT, answer.stderr
    piped = run(
        *("invoke", name, "--content-type", "text/csv", "--accept", "application/json"),
        data_dir=data_dir,
        given=served_models.CSV,
    )
    assert piped.stdout == answer.stdout
    assert b"starting" in run("logs", name, data_dir=data_dir).stdout
    bad = run("invoke", name, "-d", str(rows), "--content-type", "image/png", data_dir=data_dir)
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert b"ModelError" in bad.stderr
    sagemaker.delete_endpoint(EndpointName=name)


def test_what_does_not_exist_is_told_in_a_line(sagelocal_service, tmp_path):
    data_dir = sagelocal_service.data_dir
    for arguments, where, words in (
        (("logs", "nobody"), data_dir, "no job or endpoint 'nobody'"),
        (("invoke", "nobody", "-d", "/dev/null"), data_dir, "nobody"),
        (("invoke", "nobody", "-d", "/no/such"), data_dir, "/no/such cannot be read"),
        (("ps",), tmp_path, "no sagelocal serves the data directory"),
        (("logs", "nobody"), tmp_path, "is no data directory of sagelocal"),
        (("reset", "--yes"), tmp_path, "is no data directory of sagelocal"),
        (("reset", "--yes"), data_dir, "stop it first"),
    ):
        ended = run(*arguments, data_dir=where)
        assert ended.returncode == 1
        assert words in ended.stderr.decode()
        assert len(ended.stderr.splitlines()) == 1


def test_reset_asks_and_removes_only_what_is_ours(serve):
    service = serve()
    service.end()
    mine = service.data_dir / "notes.txt"
    mine.write_text("mine")
    assert run("reset", data_dir=service.data_dir, given=b"n\n").returncode == 1
    assert (service.data_dir / "state.db").exists()
    done = run("reset", data_dir=service.data_dir, given=b"y\n")
    assert done.returncode == 0
    assert b"notes.txt" in done.stdout
    assert list(service.data_dir.iterdir()) == [mine]
    assert run("reset", "--yes", data_dir=service.data_dir).returncode == 1


def test_fixed_credentials_are_the_only_ones(serve, aws):
    service = serve(SAGELOCAL_CREDENTIALS="AKIALOCAL:a-long-secret")
    for key, secret, code in (
        ("AKIALOCAL", "another-secret", "SignatureDoesNotMatch"),
        ("AKIAOTHER", "a-long-secret", "InvalidClientTokenId"),
    ):
        service.addresses.update(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
        with pytest.raises(ClientError) as refused:
            service.client("sagemaker").list_models()
        assert refused.value.response["Error"]["Code"] == code
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    service.addresses.update(AWS_ACCESS_KEY_ID="AKIALOCAL", AWS_SECRET_ACCESS_KEY="a-long-secret")
    assert service.client("sagemaker").list_models()["Models"] == []
    # The path is encoded twice in what is signed.
    with pytest.raises(ClientError) as unknown:
        service.client("sagemaker-runtime").invoke_endpoint(EndpointName="none", Body=b"1,2\n")
    assert unknown.value.response["Error"]["Code"] == "ValidationError"
    listed = run("ps", data_dir=service.data_dir, SAGELOCAL_CREDENTIALS="AKIALOCAL:a-long-secret")
    assert listed.returncode == 0, listed.stderr


def test_a_head_that_does_not_end_is_cut_off(control_plane):
    host, _, port = control_plane.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as door:
        door.sendall(b"GET /_sagelocal/health HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                door.sendall(b"a" * 65536)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = door.recv(4096)
    # A reset connection may take the answer with it.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("command", ["serve", "emulator"])
def test_where_neither_state_nor_a_socket_can_be_is_told_in_a_line(command, tmp_path):
    file = tmp_path / "file"
    file.touch()
    words = {
        ("--data", str(file)): f"{file} cannot be a data directory: File exists; choose one by --data",
        ("--data", str(file / "below")): f"{file / 'below'} cannot be a data directory: Not a directory",
        ("--port", "65536"): "the port is 65536; 0 (any free one) to 65535 are allowed",
        ("--port", "-1"): "the port is -1; 0 (any free one) to 65535 are allowed",
        ("--host", "nowhere.invalid"): "cannot listen on nowhere.invalid:",
    }
    for given, wanted in words.items():
        ended = run(command, "--port", "0", "--data", str(tmp_path / "data"), *given)
        assert ended.returncode == 1
        (told,) = ended.stderr.decode().splitlines()
        assert told.startswith("sagelocal: ")
        assert wanted in told
