"""The life of endpoints: scaled, measured, captured, changed step by step, and taken back by an alarm."""

import contextlib
import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EventStreamError
from tests.integration import served_models as models

SECONDS = 90


@pytest.fixture(scope="module", autouse=True)
def bucket(aws):
    models.make_bucket(aws("s3"))


@pytest.fixture(scope="module")
def deploy(aws):
    """Deploy a configuration and wait; what was deployed is deleted at the end."""
    made = []

    def deploy(config):
        made.append(models.unique("endpoint"))
        aws("sagemaker").create_endpoint(EndpointName=made[-1], EndpointConfigName=config)
        found = models.wait(aws, made[-1])
        assert found["EndpointStatus"] == "InService", found
        return made[-1]

    yield deploy
    for name in made:
        aws("sagemaker").delete_endpoint(EndpointName=name)


@pytest.fixture(scope="module")
def captured(aws, deploy):
    """Give an endpoint whose requests are captured."""
    config = models.make_config(
        aws,
        models.saying(aws, "captured"),
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{models.BUCKET}/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )
    return deploy(config)


def invoke(aws, endpoint, **more):
    answer = aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, **{"Body": b"1,2\n", "ContentType": "text/csv", **more}
    )
    return answer["Body"].read().decode()


def until(look):
    """Return the first thing that `look` finds."""
    end = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return found


def test_invocations_are_captured_as_json_lines(aws, captured):
    kind = "text/csv; charset=utf-8"
    invoke(aws, captured, ContentType=kind, InferenceId="of-mine", CustomAttributes="trace=1")
    prefix = f"capture/{captured}/AllTraffic/"

    def lines():
        found = aws("s3").list_objects_v2(Bucket=models.BUCKET, Prefix=prefix).get("Contents", [])
        texts = [aws("s3").get_object(Bucket=models.BUCKET, Key=each["Key"])["Body"].read() for each in found]
        events = [json.loads(line) for text in texts for line in text.splitlines()]
        return [(found, event) for event in events if event["eventMetadata"].get("inferenceId") == "of-mine"]

    ((found, event),) = until(lines)
    assert found[0]["Key"].startswith(prefix + datetime.now(UTC).strftime("%Y/%m/%d/"))
    assert found[0]["Key"].endswith(".jsonl")
    assert event["captureData"] == {
        "endpointInput": {"observedContentType": kind, "mode": "INPUT", "data": "1,2\n", "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "text/plain",
            "mode": "OUTPUT",
            "data": "Y2FwdHVyZWQ=",
            "encoding": "BASE64",
        },
    }
    assert event["eventMetadata"]["customAttributes"] == ["trace=1"]
    assert event["eventVersion"] == "0"
    described = aws("sagemaker").describe_endpoint(EndpointName=captured)["DataCaptureConfig"]
    assert (described["CaptureStatus"], described["CurrentSamplingPercentage"]) == ("Started", 100)


def test_invocations_are_measured(aws, captured):
    before = datetime.now(UTC) - timedelta(minutes=5)
    invoke(aws, captured)
    with pytest.raises(ClientError, match="told to"):
        invoke(aws, captured, Body=b"fail")

    def total(metric, statistic="Sum", unit="None"):
        points = aws("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[
                {"Name": "EndpointName", "Value": captured},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            StartTime=before,
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=3600,
            Statistics=[statistic],
            Unit=unit,
        )["Datapoints"]
        return sum(point[statistic] for point in points)

    until(lambda: total("Invocation5XXErrors") == 1)
    assert total("Invocations") >= 2
    assert total("InvocationsPerInstance") == total("Invocations")
    assert total("Invocation4XXErrors") == 0
    assert total("ModelLatency", "Minimum", "Microseconds") > 100
    assert total("OverheadLatency", "Minimum", "Microseconds") > 0


def test_instances_follow_a_scalable_target_and_the_traffic(aws, captured):
    scaling, resource = aws("application-autoscaling"), f"endpoint/{captured}/variant/AllTraffic"
    where = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    tracking = {
        "TargetValue": 1.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "ScaleOutCooldown": 0,
    }
    policy = {**where, "PolicyName": "follow", "PolicyType": "TargetTrackingScaling"}
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        scaling.put_scaling_policy(**policy, TargetTrackingScalingPolicyConfiguration=tracking)
    scaling.register_scalable_target(**where, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(**policy, TargetTrackingScalingPolicyConfiguration=tracking)

    def count():
        assert invoke(aws, captured) == "captured"
        found = aws("sagemaker").describe_endpoint(EndpointName=captured)
        return found["ProductionVariants"][0]["CurrentInstanceCount"]

    until(lambda: count() == 2)
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["ResourceId"], target["MaxCapacity"]) == (resource, 2)
    (done,) = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    assert done["Cause"].startswith("policy follow: ")
    scaling.register_scalable_target(**where, MaxCapacity=1)
    until(lambda: count() == 1)
    scaling.deregister_scalable_target(**where)
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []


def test_weights_and_capacities_change_while_the_endpoint_serves(aws, deploy, sagelocal_service):
    sagemaker = aws("sagemaker")
    name = deploy(
        models.make_config(
            aws,
            models.saying(aws, "A", VariantName="A"),
            models.saying(aws, "B", VariantName="B", InitialVariantWeight=0.0),
        )
    )
    assert {invoke(aws, name) for _ in range(10)} == {"A"}

    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "A", "DesiredWeight": 0.0},
            {"VariantName": "B", "DesiredWeight": 1.0, "DesiredInstanceCount": 2},
        ],
    )
    found = sagemaker.describe_endpoint(EndpointName=name)
    assert found["EndpointStatus"] == "Updating"
    second = found["ProductionVariants"][1]
    assert (second["CurrentInstanceCount"], second["DesiredInstanceCount"]) == (1, 2)
    assert (second["CurrentWeight"], second["DesiredWeight"]) == (0.0, 1.0)
    while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating":
        assert invoke(aws, name) in ("A", "B")
    assert {invoke(aws, name) for _ in range(10)} == {"B"}
    found = sagemaker.describe_endpoint(EndpointName=name)
    assert found["ProductionVariants"][1]["CurrentInstanceCount"] == 2
    assert "FailureReason" not in found

    plan = json.dumps({"faults": [{"fault": "ping", "name": name}]}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{sagelocal_service.url}/_sagelocal/faults", plan)).close()
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "B", "DesiredInstanceCount": 3}]
    )
    found = models.wait(aws, name)
    assert "a planned fault" in found["FailureReason"]
    second = found["ProductionVariants"][1]
    assert (second["CurrentInstanceCount"], second["DesiredInstanceCount"]) == (2, 2)
    assert {invoke(aws, name) for _ in range(10)} == {"B"}

    for wish, words in (
        ({"VariantName": "C"}, "not present"),
        ({"VariantName": "B", "DesiredInstanceCount": 0}, "at least 1"),
    ):
        with pytest.raises(ClientError, match=words):
            sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=name, DesiredWeightsAndCapacities=[wish]
            )


def test_a_canary_is_taken_back_by_an_alarm_and_a_rolling_update_goes_through(aws, deploy):
    sagemaker, alarm = aws("sagemaker"), models.unique("alarm")
    old = models.make_config(aws, models.saying(aws, "old", InitialInstanceCount=2))
    new = models.make_config(aws, models.saying(aws, "new", InitialInstanceCount=2))
    name = deploy(old)
    aws("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="Tests",
        MetricName=alarm,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    canary = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 600,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            },
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, DeploymentConfig=canary)
    until(lambda: invoke(aws, name) == "new")
    assert {invoke(aws, name) for _ in range(30)} == {"old", "new"}
    found = sagemaker.describe_endpoint(EndpointName=name)
    (pending,) = found["PendingDeploymentSummary"]["ProductionVariants"]
    assert (found["EndpointStatus"], pending["VariantStatus"][0]["Status"]) == ("Updating", "Baking")

    aws("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test")
    found = models.wait(aws, name)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", old)
    assert alarm in found["FailureReason"]
    assert "PendingDeploymentSummary" not in found
    assert {invoke(aws, name) for _ in range(10)} == {"old"}

    rolling = {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
            "WaitIntervalInSeconds": 0,
        }
    }
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, DeploymentConfig=rolling)
    while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating":
        assert invoke(aws, name) in ("old", "new")
    found = sagemaker.describe_endpoint(EndpointName=name)
    assert (found["EndpointConfigName"], found["LastDeploymentConfig"]) == (new, rolling)
    assert {invoke(aws, name) for _ in range(10)} == {"new"}


def test_several_containers_answer_in_turn_or_by_name_and_many_models_by_theirs(aws, deploy):
    echo = (
        "def model_fn(d):\n    return None\n"
        "def transform_fn(m, body, kind, accept):\n"
        "    text = body if isinstance(body, str) else body.decode()\n"
        "    return f'{text}|{kind}|{accept}|SUFFIX', 'text/x-SUFFIX'\n"
    )
    chain = [models.container(aws, echo.replace("SUFFIX", each)) for each in ("one", "two")]
    named = [chain[0] | {"ContainerHostname": "first"}, chain[1] | {"ContainerHostname": "second"}]
    for key, script in (("a", "a"), ("b", "b"), ("broken", "")):
        body = models.script_artifact(models.say(script) if script else models.RAISES)
        aws("s3").put_object(Bucket=models.BUCKET, Key=f"many/{key}.tar.gz", Body=body)
    many = chain[0] | {
        "Mode": "MultiModel",
        "ModelDataUrl": f"s3://{models.BUCKET}/many/",
        "Environment": {"SAGELOCAL_MAX_MODELS": "1", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    }
    variants = [
        {"VariantName": "serial", "ModelName": models.create_model(aws, Containers=chain)},
        {
            "VariantName": "direct",
            "ModelName": models.create_model(
                aws, Containers=named, InferenceExecutionConfig={"Mode": "Direct"}
            ),
        },
        {"VariantName": "many", "ModelName": models.create_model(aws, PrimaryContainer=many)},
    ]
    name = deploy(models.make_config(aws, *variants))

    def ask(variant, **more):
        return invoke(aws, name, Body=b"1", TargetVariant=variant, Accept="text/plain", **more)

    assert ask("serial") == "1|text/csv|application/json|one|text/x-one|text/plain|two"
    assert ask("direct", TargetContainerHostname="second") == "1|text/csv|text/plain|two"
    assert [ask("many", TargetModel=f"{each}.tar.gz") for each in ("a", "b", "a")] == ["a", "b", "a"]
    for variant, more, code, words in (
        ("direct", {}, "ValidationError", "TargetContainerHostname"),
        ("direct", {"TargetContainerHostname": "third"}, "ValidationError", "Container third not found"),
        ("serial", {"TargetModel": "a.tar.gz"}, "ValidationError", "no multi-model endpoint"),
        ("many", {}, "ValidationError", "needs TargetModel"),
        ("many", {"TargetModel": "c.tar.gz"}, "ValidationError", "Failed to download model data"),
        ("many", {"TargetModel": "broken.tar.gz"}, "ModelError", "cannot be loaded"),
    ):
        with pytest.raises(ClientError, match=words) as caught:
            ask(variant, **more)
        assert caught.value.response["Error"]["Code"] == code


def test_an_asynchronous_endpoint_answers_on_s3_and_says_so_to_a_topic(aws, deploy):
    s3, sns, sqs = aws("s3"), aws("sns"), aws("sqs")
    topic = sns.create_topic(Name=models.unique("topic"))["TopicArn"]
    queue = sqs.create_queue(QueueName=models.unique("queue"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    output = {
        "S3OutputPath": f"s3://{models.BUCKET}/async/out",
        "S3FailurePath": f"s3://{models.BUCKET}/async/failed",
        "NotificationConfig": {"SuccessTopic": topic},
    }
    config = models.make_config(
        aws, models.saying(aws, "later"), AsyncInferenceConfig={"OutputConfig": output}
    )
    name = deploy(config)
    s3.put_object(Bucket=models.BUCKET, Key="async/in.csv", Body=b"1,2\n")
    runtime = aws("sagemaker-runtime")

    answer = runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{models.BUCKET}/async/in.csv", ContentType="text/csv"
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert read(s3, answer["OutputLocation"]) == b"later"
    (message,) = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["invocationStatus"], told["inferenceId"]) == ("Completed", answer["InferenceId"])
    assert told["responseParameters"]["outputLocation"] == answer["OutputLocation"]

    failing = runtime.invoke_endpoint_async(EndpointName=name, Body=b"fail", ContentType="text/csv")
    assert b"told to" in read(s3, failing["FailureLocation"])
    absent = runtime.invoke_endpoint_async(EndpointName=name, InputLocation=f"s3://{models.BUCKET}/async/no")
    assert b"async/no" in read(s3, absent["FailureLocation"])
    with pytest.raises(ClientError, match="asynchronous"):
        invoke(aws, name)


def test_an_asynchronous_request_without_a_type_has_that_of_its_object(aws, deploy):
    s3, runtime = aws("s3"), aws("sagemaker-runtime")
    script = (
        "def model_fn(folder): pass\n"
        "def transform_fn(model, body, kind, accept): return str(kind), 'text/plain'"
    )
    model = models.create_model(aws, PrimaryContainer=models.container(aws, script))
    output = {"S3OutputPath": f"s3://{models.BUCKET}/typed/out"}
    config = models.make_config(
        aws,
        {"VariantName": "AllTraffic", "ModelName": model},
        AsyncInferenceConfig={"OutputConfig": output},
    )
    name = deploy(config)

    def ask(stored, **given):
        s3.put_object(Bucket=models.BUCKET, Key="typed/in", Body=b"1,2\n", **stored)
        answer = runtime.invoke_endpoint_async(
            EndpointName=name, InputLocation=f"s3://{models.BUCKET}/typed/in", **given
        )
        return read(s3, answer["OutputLocation"])

    assert ask({"ContentType": "text/csv"}) == b"text/csv"
    assert ask({"ContentType": "text/csv"}, ContentType="text/plain") == b"text/plain"
    assert ask({}) == b"application/json"  # the container's own


def read(s3, uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")

    def look():
        try:
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None

    return until(look)


def test_an_answer_is_streamed_as_the_model_makes_it(aws, deploy):
    script = (
        "def model_fn(d):\n    return None\n"
        "def transform_fn(m, body, kind, accept):\n"
        "    def parts():\n"
        "        yield 'one '\n"
        "        yield b'two'\n"
        "        if body == 'break': raise ValueError('broken off')\n"
        "        while body == 'endless': yield 'more' * 10_000\n"
        "    if body == 'whole': return 'all at once', 'text/plain'\n"
        "    if body == 'fail': raise ValueError('told to')\n"
        "    return parts(), 'text/plain'\n"
    )
    model = models.create_model(aws, PrimaryContainer=models.container(aws, script))
    name = deploy(models.make_config(aws, {"VariantName": "AllTraffic", "ModelName": model}))

    def begin(body):
        answer = aws("sagemaker-runtime").invoke_endpoint_with_response_stream(
            EndpointName=name, Body=body, ContentType="text/csv"
        )
        assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/plain", "AllTraffic")
        return contextlib.closing(answer["Body"])

    def stream(body):
        with begin(body) as events:
            return [event["PayloadPart"]["Bytes"] for event in events]

    assert b"".join(stream(b"1")) == b"one two"
    assert stream(b"whole") == [b"all at once"]
    assert invoke(aws, name, Body=b"1") == "one two"
    with pytest.raises(ClientError, match="told to") as caught:
        stream(b"fail")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    with pytest.raises(EventStreamError, match="broke off"):
        stream(b"break")
    with begin(b"endless") as events:
        next(iter(events))
    assert b"".join(stream(b"1")) == b"one two"  # the only worker has ended what nobody takes


def test_a_serverless_variant_sleeps_and_wakes_and_takes_so_many_at_a_time(serve, emulator):
    service = serve(SAGELOCAL_SERVERLESS_IDLE_SECONDS="1", **emulator.client_environment)
    aws, name = service.client, models.unique("serverless")
    slow = models.say("awake").replace("    if body", "    import time; time.sleep(1)\n    if body")
    model = models.create_model(aws, PrimaryContainer=models.container(aws, slow))
    config = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    variant = {"VariantName": "AllTraffic", "ModelName": model, "ServerlessConfig": config}
    aws("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=models.make_config(aws, variant))
    found = models.wait(aws, name)
    assert found["ProductionVariants"][0]["CurrentServerlessConfig"] == config
    folder = service.data_dir / "jobs" / "endpoint" / name / "1" / "AllTraffic-0"
    until(lambda: not folder.exists())
    assert aws("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(invoke, aws, name)
        until(folder.exists)
        with pytest.raises(ClientError, match="MaxConcurrency") as caught:
            invoke(aws, name)
        assert caught.value.response["Error"]["Code"] == "ThrottlingException"
        assert first.result() == "awake"

    wider = {"MaxConcurrency": 2, "ProvisionedConcurrency": 1}
    aws("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "ServerlessUpdateConfig": wider}],
    )
    found = models.wait(aws, name)
    assert found["ProductionVariants"][0]["CurrentServerlessConfig"] == config | wider
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: invoke(aws, name), range(2))) == ["awake", "awake"]


def test_a_killed_service_goes_on_with_its_queue_and_with_a_deployment(serve, emulator):
    service = serve(**emulator.client_environment)
    aws, queued, baking = service.client, models.unique("queued"), models.unique("baking")
    slow = models.say("late").replace("    if body", "    import time; time.sleep(3)\n    if body")
    model = models.create_model(aws, PrimaryContainer=models.container(aws, slow))
    output = {"S3OutputPath": f"s3://{models.BUCKET}/killed"}
    config = models.make_config(
        aws,
        {"VariantName": "AllTraffic", "ModelName": model},
        AsyncInferenceConfig={
            "OutputConfig": output,
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1},
        },
    )
    old, new = (models.make_config(aws, models.saying(aws, word)) for word in ("old", "new"))
    for name, first in ((queued, config), (baking, old)):
        aws("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=first)
    for name in (queued, baking):
        assert models.wait(aws, name)["EndpointStatus"] == "InService"
    linear = {
        "Type": "LINEAR",
        "WaitIntervalInSeconds": 600,
        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
    }
    aws("sagemaker").update_endpoint(
        EndpointName=baking,
        EndpointConfigName=new,
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": linear}},
    )
    until(lambda: invoke(aws, baking) == "new")
    answers = [
        aws("sagemaker-runtime").invoke_endpoint_async(EndpointName=queued, Body=b"1", ContentType="text/csv")
        for _ in range(2)
    ]
    service.kill()

    again = serve(
        data_dir=service.data_dir, SAGELOCAL_DEPLOYMENT_WAIT_PERCENT="0", **emulator.client_environment
    )
    assert [read(again.client("s3"), answer["OutputLocation"]) for answer in answers] == [b"late", b"late"]
    found = models.wait(again.client, baking)
    assert (found["EndpointConfigName"], invoke(again.client, baking)) == (new, "new")
    assert "FailureReason" not in found
