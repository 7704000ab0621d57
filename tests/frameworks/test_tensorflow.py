"""TensorFlow for real: a job exports a SavedModel, served as TensorFlow Serving would, and by a script."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.integration import served_models

VERSION = "2.18.0-cpu"
TRAIN = (Path(__file__).parent / "workspace" / "tensorflow" / "train.py").read_text()
INFERENCE = """
import json

def input_handler(data, context):
    assert context.request_content_type == "text/plain"
    return json.dumps({"instances": [[float(word) for word in data.read().decode().split()]]})

def output_handler(response, context):
    if response.status_code != 200:
        raise ValueError(response.content.decode())
    return str(response.json()["predictions"][0][0]), "text/plain"
"""


@pytest.fixture(scope="module")
def artifact():
    """Keep the artifact of the first test for the second."""
    return {}


def test_a_saved_model_answers_as_tensorflow_serving_does(train, serve, artifact):
    job = train(f"tensorflow-training:{VERSION}-py310", TRAIN)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    artifact["uri"] = job["ModelArtifacts"]["S3ModelArtifacts"]

    invoke = serve(f"tensorflow-inference:{VERSION}", artifact["uri"])
    for kind, body in [
        ("application/json", '{"instances": [[1, 1], [0, 2]]}'),
        ("application/json", "[[1, 1], [0, 2]]"),
        ("application/jsonlines", "[1, 1]\n[0, 2]\n"),
        ("text/csv", "1,1\n0,2\n"),
    ]:
        assert json.loads(invoke(body, kind)[0]) == {"predictions": [[6.0], [7.0]]}, body
    assert json.loads(invoke('{"inputs": [[1, 1]]}', "application/json")[0]) == {"outputs": [[6.0]]}
    named = '{"signature_name": "both", "instances": [{"a": 1, "b": "x"}, {"a": 2, "b": {"b64": "eQ=="}}]}'
    assert json.loads(invoke(named, "application/json")[0])["predictions"] == [
        {"loud": "X", "twice": 2},
        {"loud": "Y", "twice": 4},
    ]
    with pytest.raises(ClientError, match=r"client error \(400\)"):
        invoke('{"instances": [["a", 1]]}', "application/json")
    with pytest.raises(ClientError, match=r"\(415\).*Unsupported Media Type: text/x-other"):
        invoke("1", "text/x-other")


def test_a_scripts_handlers_go_through_the_rest_address(s3, serve, artifact):
    bucket, _, key = artifact["uri"].removeprefix("s3://").partition("/")
    files = served_models.unpack(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    packed = served_models.archive(files | {"code/inference.py": INFERENCE.encode()})
    s3.put_object(Bucket=bucket, Key=f"{key}-script.tar.gz", Body=packed)
    invoke = serve(f"tensorflow-inference:{VERSION}", f"s3://{bucket}/{key}-script.tar.gz")
    assert invoke("1 1", "text/plain") == ("6.0", "text/plain")
    with pytest.raises(ClientError, match=r"\(500\)"):
        invoke("1 1 1", "text/plain")
