"""What a model server sees of the machine, and what it does not."""

import asyncio
import json
import os
import tempfile
from pathlib import Path

import pytest
from tests.integration import served_models as models

from sagelocal import settings as configuration
from sagelocal import storage
from sagelocal.container import isolation
from sagelocal.jobs import modelserver
from sagelocal.serving import client

SCRIPT = """
import json, os
def model_fn(model_dir):
    return None
def transform_fn(model, body, kind, accept):
    return json.dumps([os.listdir(each) for each in json.loads(body)]), "application/json"
"""


@pytest.fixture
def machine():
    """Give a folder that is not below `/tmp`, where a job sees its own files only."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="machine-") as folder:
        yield Path(folder)


@pytest.fixture
def server(machine, monkeypatch):
    isolated = isolation.probe("auto")
    if not isolated.bwrap:
        pytest.skip(isolated.reason)
    cache = configuration.cache_folder(os.environ)
    monkeypatch.setenv("HOME", str(machine / "home"))
    bucket = storage.DirectoryStorage(machine / "s3")
    bucket.make_bucket("b")
    bucket.write("s3://b/model.tar.gz", models.script_artifact(SCRIPT))
    made = modelserver.ModelServer(
        folder=machine / "data" / "job",
        container={"Image": models.IMAGE, "ModelDataUrl": "s3://b/model.tar.gz", "Environment": {}},
        settings=configuration.Settings(data_dir=machine / "data", cache_dir=cache),
        storage=bucket,
        environ={},
        say=print,
        workers=1,
    )
    yield made
    made.stop(1)


def test_a_model_sees_no_credentials_and_no_state(server, machine):
    folders = [machine / "home" / ".aws", machine / "home", machine / "data"]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "file").touch()
    server.prepare()
    server.start()
    assert server.ready(stopping=lambda: False)
    body = json.dumps([str(each) for each in folders]).encode()

    async def ask():
        one = client.Client(server.socket)
        try:
            return await one.post("/invocations", {"Content-Type": "application/json"}, body, models.SECONDS)
        finally:
            one.close()

    reply = asyncio.run(ask())
    assert reply.status == 200, reply.body
    credentials, home, state = json.loads(reply.body)
    assert (credentials, sorted(home)) == ([], [".aws", "file"])
    assert "file" not in state  # what it must have of the folder is mounted there
