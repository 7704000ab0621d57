"""Models whose behaviour their artifact decides: right, wrong, slow, not loading."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from typing import Any, Self

from tests.integration import training_jobs as jobs

SERVE = """
import json, os, time

def model_fn(model_dir):
    with open(os.path.join(model_dir, "behaviour.json")) as file:
        behaviour = json.load(file)
    time.sleep(behaviour.get("load_seconds", 0))
    if behaviour.get("broken"):
        raise RuntimeError("this model does not load")
    print("this model is loaded", flush=True)
    return behaviour

def input_fn(body, content_type):
    text = body if isinstance(body, str) else body.decode()
    return [line for line in text.splitlines() if line]

def predict_fn(rows, model):
    time.sleep(model.get("seconds", 0))
    return [model["answer"] for _ in rows]

def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


def model_request(s3: Any, name: str, **behaviour: Any) -> dict[str, Any]:
    """Upload an artifact that behaves so, and return a CreateModel request for it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        body = json.dumps(behaviour).encode()
        member = tarfile.TarInfo("behaviour.json")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    key = f"{jobs.unique('artifact')}/model.tar.gz"
    s3.put_object(Bucket=jobs.BUCKET, Key=key, Body=packed.getvalue())
    source = jobs.put_source(s3, {"serve.py": SERVE})
    return {
        "ModelName": name,
        "ExecutionRoleArn": jobs.ROLE,
        "PrimaryContainer": {
            "Image": jobs.IMAGE.format("1.9-0"),
            "ModelDataUrl": f"s3://{jobs.BUCKET}/{key}",
            "Environment": {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": source},
        },
    }


def deployment(s3: Any, endpoint: str, **behaviour: Any) -> dict[str, Any]:
    """Return what the endpoint operator takes: model, configuration, endpoint."""
    name = jobs.unique(endpoint)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }
    return {
        "Model": model_request(s3, name, **behaviour),
        "EndpointConfig": {"EndpointConfigName": name, "ProductionVariants": [variant]},
        "Endpoint": {"EndpointName": endpoint, "EndpointConfigName": name},
    }


class Traffic:
    """Asks an endpoint again and again, at least `least` times, until the block ends; keeps every answer."""

    def __init__(self, runtime: Any, endpoint: str, least: int) -> None:
        self._runtime, self._endpoint, self._least = runtime, endpoint, least
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answers: list[Any] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._enough.is_set() or len(self.answers) < self._least:
            try:
                answer = self._runtime.invoke_endpoint(
                    EndpointName=self._endpoint, Body=b"1,2\n", ContentType="text/csv"
                )
                self.answers.append(json.loads(answer["Body"].read()))
            except Exception as error:  # noqa: BLE001 - any error is an answer that failed the test
                self.answers.append(repr(error))
