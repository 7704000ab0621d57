"""Endpoints for real: boto3, the service as a process, model servers in the image's environment."""

import io
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from botocore.exceptions import ClientError
from tests.integration import served_models as models

SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def bucket(aws):
    models.make_bucket(aws("s3"))


@pytest.fixture
def deploy(aws):
    """Deploy a configuration and wait; what was deployed is deleted at the end."""
    made = []

    def deploy(config: str) -> str:
        made.append(models.unique("endpoint"))
        aws("sagemaker").create_endpoint(EndpointName=made[-1], EndpointConfigName=config)
        models.wait(aws, made[-1])
        return made[-1]

    yield deploy
    for name in made:
        aws("sagemaker").delete_endpoint(EndpointName=name)
        gone(aws, name)


@pytest.fixture(scope="module")
def iris(aws):
    """Give one endpoint with default handlers to the tests that only ask it."""
    name = models.unique("iris")
    aws("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=models.make_config(aws))
    assert models.wait(aws, name)["EndpointStatus"] == "InService"
    yield name
    aws("sagemaker").delete_endpoint(EndpointName=name)
    gone(aws, name)


def gone(aws, name):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if name not in {each["EndpointName"] for each in aws("sagemaker").list_endpoints()["Endpoints"]}:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} is still there")


def invoke(aws, endpoint, body=b"5.1,3.5,1.4,0.2\n", kind="text/csv", **more):
    answer = aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=body, ContentType=kind, **more
    )
    return answer["Body"].read(), answer["ContentType"], answer["InvokedProductionVariant"]


def processes(word):
    """Return the ids of processes whose command line holds a word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if word in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_csv_json_and_npy_are_answered_as_the_model_predicts(aws, iris):
    assert json.loads(invoke(aws, iris, models.CSV)[0]) == models.WANT
    rows = json.dumps(models.ROWS.tolist()).encode()
    body, kind, variant = invoke(aws, iris, rows, "application/json", Accept="text/csv")
    assert ([int(line) for line in body.split()], kind) == (models.WANT, "text/csv; charset=utf-8")
    assert variant == "AllTraffic"
    packed = io.BytesIO()
    np.save(packed, models.ROWS)
    body, kind, _ = invoke(aws, iris, packed.getvalue(), "application/x-npy", Accept="application/x-npy")
    assert np.load(io.BytesIO(body)).tolist() == models.WANT


def test_many_at_once_get_each_its_own_answer(aws, iris):
    client = aws("sagemaker-runtime", max_pool_connections=16)

    def ask(row):
        body = ",".join(map(str, row)).encode()
        return client.invoke_endpoint(EndpointName=iris, Body=body, ContentType="text/csv")["Body"].read()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, models.ROWS))
    assert [json.loads(answer)[0] for answer in answers] == models.WANT


def test_describe_shows_what_serves(aws, iris):
    found = aws("sagemaker").describe_endpoint(EndpointName=iris)
    (variant,) = found["ProductionVariants"]
    assert variant["DeployedImages"][0]["SpecifiedImage"] == models.IMAGE
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (1, 1.0)
    assert "PendingDeploymentSummary" not in found
    assert "FailureReason" not in found


def test_the_log_is_in_the_endpoints_group(aws, iris):
    end = time.monotonic() + SECONDS
    lines = ""
    while "model server: compiled trees" not in lines:
        assert time.monotonic() < end, lines
        found = aws("logs").filter_log_events(
            logGroupName=f"/aws/sagemaker/Endpoints/{iris}", logStreamNamePrefix="AllTraffic/i-"
        )
        lines = "\n".join(event["message"] for event in found["events"])
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("kind", "more", "status"), [("image/png", {}, 415), ("text/csv", {"Accept": "a/b"}, 406)]
)
def test_an_answer_of_the_container_that_is_an_error_is_a_model_error(aws, iris, kind, more, status):
    with pytest.raises(ClientError) as caught:
        invoke(aws, iris, kind=kind, **more)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ModelError", 424)
    assert answer["OriginalStatusCode"] == status
    assert "is not supported by this framework" in answer["OriginalMessage"]
    assert answer["LogStreamArn"].endswith(f"/aws/sagemaker/Endpoints/{iris}")
    assert answer["Error"]["Message"].startswith(
        f"Received client error ({status}) from primary with message"
    )


def test_an_unknown_endpoint_and_an_unknown_variant_are_validation_errors(aws, iris):
    for name, more, words in (
        ("nowhere", {}, "Endpoint nowhere of account 123456789012 not found."),
        (iris, {"TargetVariant": "Other"}, "Variant Other not found"),
    ):
        with pytest.raises(ClientError, match=words) as caught:
            invoke(aws, name, **more)
        assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_a_model_fn_that_raises_fails_the_endpoint_with_the_logs_end_and_leaves_nothing_running(aws, deploy):
    name = deploy(models.make_config(aws, script=models.RAISES))
    found = aws("sagemaker").describe_endpoint(EndpointName=name)
    assert found["EndpointStatus"] == "Failed"
    assert found["FailureReason"].startswith(
        "The primary container for production variant AllTraffic did not pass the ping health check."
    )
    assert found["FailureReason"].endswith("RuntimeError: the weights are gone")
    assert processes(f"/endpoint/{name}/") == []


def test_an_artifact_that_is_not_there_fails_the_endpoint(aws, deploy):
    model = models.make_model(aws)
    aws("s3").delete_object(Bucket=models.BUCKET, Key=f"{model}/model.tar.gz")
    name = deploy(models.make_config(aws, {"VariantName": "V", "ModelName": model}))
    found = aws("sagemaker").describe_endpoint(EndpointName=name)
    assert found["EndpointStatus"] == "Failed"
    assert f"s3://{models.BUCKET}/{model}/model.tar.gz" in found["FailureReason"]


def test_an_update_switches_when_the_new_fleet_is_whole_and_a_bad_one_rolls_back(aws, deploy):
    name = deploy(models.make_config(aws))
    new = models.make_config(aws, script=models.MODEL_FN + "def output_fn(p, accept):\n    return 'new'\n")
    sagemaker = aws("sagemaker")
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    seen = set()
    while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating":
        seen.add(invoke(aws, name)[0])
    assert seen <= {b"[0]", b"new"}
    assert b"[0]" in seen
    assert invoke(aws, name)[0] == b"new"
    bad = models.make_config(aws, script=models.RAISES)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    while (found := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] != "InService":
        assert found["EndpointStatus"] in ("Updating", "RollingBack")
        assert invoke(aws, name)[0] == b"new"
    assert found["EndpointConfigName"] == new
    assert "the weights are gone" in found["FailureReason"]
    assert processes(f"/endpoint/{name}/")


def test_variants_share_the_traffic_by_weight_and_instances_serve_beside_each_other(aws, deploy):
    def variant(name, weight, count):
        script = models.MODEL_FN + f"def output_fn(p, accept):\n    return '{name}'\n"
        return {
            "VariantName": name,
            "ModelName": models.make_model(aws, script, {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}),
            "InitialVariantWeight": weight,
            "InitialInstanceCount": count,
        }

    name = deploy(models.make_config(aws, variant("A", 1.0, 2), variant("B", 0.0, 1)))
    assert {invoke(aws, name)[::2] for _ in range(10)} == {(b"A", "A")}
    assert invoke(aws, name, TargetVariant="B")[::2] == (b"B", "B")
    assert len(processes(f"/endpoint/{name}/1/A-")) >= 2


def test_a_model_server_that_dies_comes_back(aws, deploy):
    script = models.MODEL_FN + (
        "import os, time\n"
        "def predict_fn(rows, model):\n"
        "    if rows.flat[0] == 99: os._exit(3)\n"
        "    return model.predict(rows.reshape(-1, 4))\n"
    )
    name = deploy(models.make_config(aws, script=script))
    with pytest.raises(ClientError) as caught:
        invoke(aws, name, b"99,1,1,1\n")
    assert caught.value.response["Error"]["Code"] in ("ModelError", "ServiceUnavailable")
    end = time.monotonic() + SECONDS
    while True:
        try:
            assert invoke(aws, name)[0] == b"[0]"
            break
        except ClientError:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_requirements_of_the_model_are_installed(aws, deploy):
    script = models.MODEL_FN + "import cowsay\ndef output_fn(p, a):\n    return cowsay.__name__\n"
    model = models.make_model(aws, script, **{"code/requirements.txt": b"cowsay==6.1\n"})
    assert (
        invoke(aws, deploy(models.make_config(aws, {"VariantName": "V", "ModelName": model})))[0] == b"cowsay"
    )


def test_handlers_as_in_the_samples_of_inference_pipelines_are_served(aws, deploy):
    script = (
        models.MODEL_FN
        + """
from sagemaker_containers.beta.framework import (
    content_types, encoders, env, modules, transformer, worker)
from sagemaker_inference import errors
def input_fn(body, content_type):
    if content_type != content_types.CSV:
        raise errors.GenericInferenceToolkitError(415, f"{content_type} not supported by script!")
    return encoders.decode(body, content_type).reshape(1, -1)
def predict_fn(data, model):
    return model.predict(data)
def output_fn(prediction, accept):
    return worker.Response(encoders.encode(prediction, accept), mimetype=accept)
"""
    )
    endpoint = deploy(models.make_config(aws, script=script))

    assert invoke(aws, endpoint, Accept="text/csv")[:2] == (b"0\n", "text/csv; charset=utf-8")
    assert invoke(aws, endpoint, Accept="application/json")[:2] == (b"[0]", "application/json")
    with pytest.raises(ClientError) as caught:
        invoke(aws, endpoint, kind="image/png")
    assert caught.value.response["OriginalStatusCode"] == 415


def test_delete_stops_every_process(aws, deploy):
    name = deploy(models.make_config(aws))
    assert processes(f"/endpoint/{name}/")
    aws("sagemaker").delete_endpoint(EndpointName=name)
    gone(aws, name)
    assert processes(f"/endpoint/{name}/") == []
    aws("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=models.make_config(aws))


def test_an_endpoint_survives_the_service_and_a_killed_instance_is_started_again(serve, emulator):
    service = serve(**emulator.client_environment)
    name = models.unique("survivor")
    service.client("sagemaker").create_endpoint(
        EndpointName=name, EndpointConfigName=models.make_config(service.client)
    )
    assert models.wait(service.client, name)["EndpointStatus"] == "InService"
    kept = service.data_dir / "jobs" / "endpoint" / name / "1" / "AllTraffic-0" / "pid"
    pid = int(kept.read_text())
    assert pid in processes("sagelocal.jobs.template")  # forked, and yet it outlives all of the service
    before = processes(f"/endpoint/{name}/")
    service.kill()
    assert processes(f"/endpoint/{name}/") == before
    again = serve(data_dir=service.data_dir, **emulator.client_environment)
    assert invoke(again.client, name)[0] == b"[0]"
    assert processes(f"/endpoint/{name}/") == before
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + SECONDS
    while True:
        try:
            assert invoke(again.client, name)[0] == b"[0]"
        except ClientError:
            assert time.monotonic() < end
            time.sleep(0.1)
        else:
            if int(kept.read_text()) != pid:
                break
    assert again.end() == 0
    assert processes(f"/endpoint/{name}/") == []


def test_an_update_goes_on_after_the_service_was_killed_in_the_middle(serve, emulator):
    service = serve(**emulator.client_environment)
    sagemaker, name = service.client("sagemaker"), models.unique("halfway")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=models.make_config(service.client))
    assert models.wait(service.client, name)["EndpointStatus"] == "InService"
    script = models.MODEL_FN + "def output_fn(p, accept):\n    return 'new'\n"
    new = models.make_config(service.client, script=script)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    service.kill()
    again = serve(data_dir=service.data_dir, **emulator.client_environment)
    assert invoke(again.client, name)[0] in (b"[0]", b"new")
    found = models.wait(again.client, name)
    assert (found["EndpointConfigName"], invoke(again.client, name)[0]) == (new, b"new")
    again.client("sagemaker").delete_endpoint(EndpointName=name)
    gone(again.client, name)
    assert processes(f"/endpoint/{name}/") == []
