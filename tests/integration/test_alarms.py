"""A model's alarms on a real CloudWatch API: made once, silent without drift, and raised by it."""

import dataclasses
import time
from pathlib import Path

import boto3
import pytest

from sagewind import load, sections
from sagewind.steps import alarms

ROOT = Path(__file__).parents[2]
PLAIN = load.load(ROOT / "dags" / "models" / "diabetes.yaml", environ={})
TOPIC = "arn:aws:sns:us-east-1:123456789012:drift"
SECONDS = 30


@pytest.fixture
def cloudwatch(emulator):
    known = emulator.client_environment
    return boto3.client(
        "cloudwatch",
        endpoint_url=known["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
    )


def states(cloudwatch, names):
    found = cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    return {each["AlarmName"]: each["StateValue"] for each in found}


def awaited(cloudwatch, names, wanted):
    deadline = time.monotonic() + SECONDS
    while (seen := states(cloudwatch, names)) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


def test_drift_raises_the_alarm_of_drift_alone(cloudwatch):
    watched = sections.Monitor(alarm=True, alarm_actions=(TOPIC,))
    model = dataclasses.replace(PLAIN, monitor=watched)
    assert alarms.ensure(cloudwatch, dataclasses.replace(PLAIN, monitor=sections.Monitor())) == ()
    names = alarms.ensure(cloudwatch, model)
    assert (
        alarms.ensure(cloudwatch, model) == names == ("sagewind-diabetes-drift", "sagewind-diabetes-quality")
    )
    [drift] = cloudwatch.describe_alarms(AlarmNames=[names[0]])["MetricAlarms"]
    assert (drift["AlarmActions"], drift["Dimensions"]) == ([TOPIC], [{"Name": "Model", "Value": "diabetes"}])

    alarms.measure(cloudwatch, model, {alarms.DRIFT: 0, alarms.QUALITY: 0, "rmse": 55.5})
    assert awaited(cloudwatch, names, dict.fromkeys(names, "OK")) == dict.fromkeys(names, "OK")
    alarms.measure(cloudwatch, model, {alarms.DRIFT: 2, alarms.QUALITY: 0})
    wanted = {names[0]: "ALARM", names[1]: "OK"}
    assert awaited(cloudwatch, names, wanted) == wanted
    told = cloudwatch.list_metrics(Namespace=alarms.NAMESPACE)["Metrics"]
    assert {each["MetricName"] for each in told} == {alarms.DRIFT, alarms.QUALITY, "rmse"}
