"""Pipelines on the real service: their jobs are real, and crashes neither lose nor repeat one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.integration import pipeline_definitions as pipelines
from tests.integration.pipeline_definitions import get, join, step
from tests.integration.training_jobs import BUCKET, IMAGE, ROLE, unique

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "pipelines.md"
LEAST = {"Name": "Least", "Type": "Float", "DefaultValue": 0.8}
SCORE = {"Name": "Score", "Type": "String", "DefaultValue": "0.9"}
PRINTS = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
args, _ = parser.parse_known_args()
print("score=%f;" % args.rate)
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write(str(args.rate))
"""


@pytest.fixture(scope="module")
def s3(aws):
    client = aws("s3")
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def sagemaker(aws):
    return aws("sagemaker")


def life(s3, group):
    """Train, score, and register the model when it is good enough."""
    return (
        pipelines.training(s3, "Train"),
        pipelines.processing(s3, "Score", accuracy=get("Parameters.Score"), DependsOn=["Train"]),
        pipelines.condition(
            "GoodEnough",
            "Score",
            [pipelines.registration("Register", group, "Train")],
            [step("Bad", "Fail", {"ErrorMessage": join("below ", get("Parameters.Least"))})],
        ),
    )


def statuses(steps):
    return {name: each["StepStatus"] for name, each in steps.items()}


def test_a_model_that_is_good_enough_is_registered(sagemaker, s3):
    group = unique("group")
    experiment = {
        "ExperimentName": get("Execution.PipelineName"),
        "TrialName": get("Execution.PipelineExecutionId"),
    }
    name = pipelines.create(sagemaker, *life(s3, group), parameters=[LEAST, SCORE], experiment=experiment)

    arn = pipelines.start(sagemaker, name, {"Score": "0.95"}, PipelineExecutionDisplayName="first")
    described = pipelines.wait(sagemaker, arn)

    steps = pipelines.steps_of(sagemaker, arn)
    assert described["PipelineExecutionStatus"] == "Succeeded", steps
    assert described["PipelineExecutionDisplayName"] == "first"
    assert statuses(steps) == dict.fromkeys(["Train", "Score", "GoodEnough", "Register"], "Succeeded")
    assert steps["GoodEnough"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    job = steps["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    assert job.startswith(f"pipelines-{arn.rpartition('/')[2]}-Train-")
    trained = sagemaker.describe_training_job(TrainingJobName=job)
    trial = {"ExperimentName": name, "TrialName": arn.rpartition("/")[2]}
    assert trained["ExperimentConfig"] == trial
    assert described["PipelineExperimentConfig"] == trial
    assert sagemaker.describe_trial(TrialName=trial["TrialName"])["ExperimentName"] == name
    tags = sagemaker.list_tags(ResourceArn=trained["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "sagemaker:pipeline-execution-arn", "Value": arn}]
    package = sagemaker.describe_model_package(
        ModelPackageName=steps["Register"]["Metadata"]["RegisterModel"]["Arn"]
    )
    (container,) = package["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == trained["ModelArtifacts"]["S3ModelArtifacts"]
    parameters = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    assert {each["Name"]: each["Value"] for each in parameters["PipelineParameters"]} == {
        "Least": "0.8",
        "Score": "0.95",
    }


def test_a_model_that_is_not_good_enough_fails_the_execution_with_the_message(sagemaker, s3):
    group = unique("group")
    name = pipelines.create(sagemaker, *life(s3, group), parameters=[LEAST, SCORE])

    arn = pipelines.start(sagemaker, name, {"Score": "0.5"})
    described = pipelines.wait(sagemaker, arn)

    steps = pipelines.steps_of(sagemaker, arn)
    assert described["PipelineExecutionStatus"] == "Failed"
    assert described["FailureReason"] == "Step failure: One or multiple steps failed."
    assert "Register" not in steps
    assert steps["Bad"]["FailureReason"] == "below 0.8"
    assert steps["Bad"]["Metadata"] == {"Fail": {"ErrorMessage": "below 0.8"}}
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_a_failing_step_carries_the_jobs_reason_and_stops_what_needs_it(sagemaker, s3):
    name = pipelines.create(
        sagemaker,
        pipelines.processing(s3, "Raise", script=pipelines.RAISES),
        pipelines.processing(s3, "After", DependsOn=["Raise"]),
        pipelines.processing(s3, "Beside"),
    )

    arn = pipelines.start(sagemaker, name)

    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    steps = pipelines.steps_of(sagemaker, arn)
    assert statuses(steps) == {"Raise": "Failed", "Beside": "Succeeded"}
    job = steps["Raise"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    reason = sagemaker.describe_processing_job(ProcessingJobName=job)["FailureReason"]
    assert steps["Raise"]["FailureReason"] == f"ClientError: {reason}"


def test_a_request_that_sagemaker_refuses_fails_its_step(sagemaker):
    name = pipelines.create(sagemaker, step("Transform", "Transform", {"ModelName": "nowhere"}))

    arn = pipelines.start(sagemaker, name)

    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    (failed,) = pipelines.steps_of(sagemaker, arn).values()
    assert failed["FailureReason"].startswith(
        "ClientError: Failed to invoke sagemaker:CreateTransformJob. Error Details: "
    )


def test_a_stop_stops_the_jobs_and_a_retry_goes_on_from_there(sagemaker, s3):
    fast = pipelines.processing(s3, "Fast")
    slow = pipelines.training(
        s3, "Slow", hyperparameters={"pause": get("Parameters.Pause")}, DependsOn=["Fast"]
    )
    pause = {"Name": "Pause", "Type": "String", "DefaultValue": "4"}
    name = pipelines.create(sagemaker, fast, slow, parameters=[pause])
    arn = pipelines.start(sagemaker, name)
    pipelines.wait(sagemaker, arn, lambda steps: "Metadata" in steps.get("Slow", {}))

    with pytest.raises(ClientError, match="stop it first"):
        sagemaker.delete_pipeline(PipelineName=name)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    before = pipelines.steps_of(sagemaker, arn)
    assert statuses(before) == {"Fast": "Succeeded", "Slow": "Stopped"}
    with pytest.raises(ClientError, match="Only pipelines with 'Executing' status can be stopped"):
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)

    sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    after = pipelines.steps_of(sagemaker, arn)
    assert after["Fast"] == before["Fast"]
    assert after["Slow"]["Metadata"] != before["Slow"]["Metadata"]
    sagemaker.delete_pipeline(PipelineName=name)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)


def test_a_cached_step_is_not_run_again_and_a_selected_one_alone(sagemaker, s3):
    kept = {"CacheConfig": {"Enabled": True, "ExpireAfter": "PT1H"}}
    name = pipelines.create(
        sagemaker,
        pipelines.processing(s3, "Score", accuracy=get("Parameters.Score"), **kept),
        pipelines.condition("GoodEnough", "Score", [], []),
        parameters=[LEAST, SCORE],
    )
    first = pipelines.start(sagemaker, name)
    assert pipelines.wait(sagemaker, first)["PipelineExecutionStatus"] == "Succeeded"
    ran = pipelines.steps_of(sagemaker, first)["Score"]

    second = pipelines.start(sagemaker, name)
    assert pipelines.wait(sagemaker, second)["PipelineExecutionStatus"] == "Succeeded"
    hit = pipelines.steps_of(sagemaker, second)["Score"]
    assert hit["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert hit["Metadata"] == ran["Metadata"]

    other = pipelines.start(sagemaker, name, {"Score": "0.1"})
    assert pipelines.wait(sagemaker, other)["PipelineExecutionStatus"] == "Succeeded"
    missed = pipelines.steps_of(sagemaker, other)
    assert "CacheHitResult" not in missed["Score"]
    assert missed["GoodEnough"]["Metadata"] == {"Condition": {"Outcome": "False"}}

    selected = pipelines.start(
        sagemaker,
        name,
        {"Least": "0.99"},
        SelectiveExecutionConfig={
            "SourcePipelineExecutionArn": first,
            "SelectedSteps": [{"StepName": "GoodEnough"}],
        },
    )
    assert pipelines.wait(sagemaker, selected)["PipelineExecutionStatus"] == "Succeeded"
    steps = pipelines.steps_of(sagemaker, selected)
    assert steps["Score"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": first}
    assert steps["GoodEnough"]["Metadata"] == {"Condition": {"Outcome": "False"}}


def test_the_best_model_of_a_tuning_step(sagemaker, s3):
    trained = pipelines.training(s3, "Unused", PRINTS)["Arguments"]
    parameters = trained.pop("HyperParameters")
    trained["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "score=([0-9.]+);"}]
    tune = step(
        "Tune",
        "Tuning",
        {
            "HyperParameterTuningJobConfig": {
                "Strategy": "Grid",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
                "ResourceLimits": {"MaxParallelTrainingJobs": 2},
                "ParameterRanges": {
                    "CategoricalParameterRanges": [{"Name": "rate", "Values": ["0.25", "0.5"]}]
                },
            },
            "TrainingJobDefinition": {"StaticHyperParameters": parameters, **trained},
        },
    )
    best = get("Steps.Tune.TrainingJobSummaries[0].TrainingJobName")
    model = step(
        "Model",
        "Model",
        {
            "PrimaryContainer": {
                "Image": IMAGE.format("1.9-0"),
                "ModelDataUrl": join(f"s3://{BUCKET}/pipelines/", best, "/output/model.tar.gz"),
                "Environment": {"RATE": get("Steps.Tune.BestTrainingJob.TunedHyperParameters.rate")},
            }
        },
    )
    name = pipelines.create(sagemaker, tune, model)

    arn = pipelines.start(sagemaker, name)

    described = pipelines.wait(sagemaker, arn)
    steps = pipelines.steps_of(sagemaker, arn)
    assert described["PipelineExecutionStatus"] == "Succeeded", steps
    job = steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    tuned = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
    model_name = steps["Model"]["Metadata"]["Model"]["Arn"].rpartition("/")[2]
    made = sagemaker.describe_model(ModelName=model_name)
    container = made["PrimaryContainer"]
    assert made["ExecutionRoleArn"] == ROLE
    assert container["Environment"] == {"RATE": "0.5"}
    assert tuned["BestTrainingJob"]["TrainingJobName"] in container["ModelDataUrl"]


def test_the_page_about_pipelines_runs(sagelocal_service, sagemaker, monkeypatch):
    for variable, value in sagelocal_service.addresses.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", sagelocal_service.url)
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names = {}
    exec(script, names)  # what a reader would
    arn = names["started"]["PipelineExecutionArn"]
    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    sagemaker.delete_pipeline(PipelineName="hello")


def test_retry_policies(serve, tmp_path):
    plan = tmp_path / "faults.json"
    faults = [
        {"fault": "capacity", "name": "pipelines-*-Score-*"},
        {"fault": "throttle", "operation": "CreateModel", "times": 1},
        {"fault": "limit", "operation": "CreateTrainingJob"},
    ]
    plan.write_text(json.dumps({"faults": faults}))
    service = serve("--faults", str(plan), AWS_ENDPOINT_URL="")
    s3, sagemaker = service.client("s3"), service.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    again = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 0, "MaxAttempts": 1}
    model = {"PrimaryContainer": {"Image": IMAGE.format("1.9-0")}, "ExecutionRoleArn": ROLE}
    name = pipelines.create(
        sagemaker,
        pipelines.processing(s3, "Score", RetryPolicies=[again]),
        step("Model", "Model", model),
        pipelines.training(s3, "Train"),
    )

    arn = pipelines.start(sagemaker, name)

    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    steps = pipelines.steps_of(sagemaker, arn)
    assert {name: (each["StepStatus"], each["AttemptCount"]) for name, each in steps.items()} == {
        "Score": ("Succeeded", 2),  # by its policy
        "Model": ("Succeeded", 2),  # throttling is always retried
        "Train": ("Failed", 1),  # a limit is not
    }
    assert "service limit" in steps["Train"]["FailureReason"]


def test_a_token_starts_one_execution_and_wrong_parameters_start_none(sagemaker):
    fail = step("Fail", "Fail", {"ErrorMessage": get("Parameters.Kind")})
    kind = {"Name": "Kind", "Type": "String", "EnumValues": ["a", "b"]}
    count = {"Name": "Count", "Type": "Integer", "DefaultValue": 1}
    name = pipelines.create(sagemaker, fail, parameters=[kind, count])

    for wrong, words in (
        ({}, "has no default"),
        ({"Kind": "c"}, "allowed are a, b"),
        ({"Kind": "a", "Count": "many"}, "it is a Integer"),
        ({"Kind": "a", "Other": "1"}, "no parameter 'Other'"),
    ):
        with pytest.raises(ClientError, match=words):
            pipelines.start(sagemaker, name, wrong)
    token = "t" * 32
    arns = {pipelines.start(sagemaker, name, {"Kind": "a"}, ClientRequestToken=token) for _ in range(2)}
    assert len(arns) == 1
    (arn,) = arns
    pipelines.wait(sagemaker, arn)
    (listed,) = sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert listed["PipelineExecutionArn"] == arn
    assert listed["PipelineExecutionFailureReason"] == "Step failure: One or multiple steps failed."


def test_versions_of_a_pipeline(sagemaker):
    one = step("One", "Fail", {"ErrorMessage": "one"})
    name = pipelines.create(sagemaker, one)
    one = pipelines.definition(one)
    first = pipelines.start(sagemaker, name)
    pipelines.wait(sagemaker, first)
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=one)
    two = pipelines.definition(step("Two", "Fail", {"ErrorMessage": "two"}))
    answer = sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=two)
    assert answer["PipelineVersionId"] == 2
    versions = sagemaker.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"]
    assert [each["PipelineVersionId"] for each in versions] == [2, 1]
    assert versions[1]["LastExecutionPipelineExecutionArn"] == first
    assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == two
    old = sagemaker.describe_pipeline(PipelineName=name, PipelineVersionId=1)["PipelineDefinition"]
    of_first = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=first)
    assert of_first["PipelineDefinition"] == old != two
    again = pipelines.start(sagemaker, name, PipelineVersionId=1)
    pipelines.wait(sagemaker, again)
    assert list(pipelines.steps_of(sagemaker, again)) == ["One"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("{", "not JSON"),
        (pipelines.definition(step("L", "Lambda", {})), "cannot run step 'L' of type Lambda"),
        (pipelines.definition(step("T", "Training", {"Nonsense": 1})), "the argument 'Nonsense'"),
    ],
)
def test_a_definition_that_cannot_run_is_refused(sagemaker, wrong, words):
    with pytest.raises(ClientError, match=words):
        sagemaker.create_pipeline(PipelineName=unique("wrong"), RoleArn=ROLE, PipelineDefinition=wrong)


def test_a_killed_service_and_a_killed_job_lose_and_repeat_nothing(serve, tmp_path):
    data = tmp_path / "data"
    first = serve(data_dir=data, AWS_ENDPOINT_URL="")
    s3, sagemaker = first.client("s3"), first.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    again = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 0, "MaxAttempts": 1}
    name = pipelines.create(
        sagemaker,
        pipelines.training(s3, "Long", hyperparameters={"pause": "3"}),
        pipelines.training(s3, "Killed", hyperparameters={"pause": "3"}, RetryPolicies=[again]),
        pipelines.processing(s3, "After", DependsOn=["Long", "Killed"]),
    )
    arn = pipelines.start(sagemaker, name)

    def are_running(steps):
        arns = [each.get("Metadata", {}).get("TrainingJob", {}).get("Arn") for each in steps.values()]
        return len(arns) == 2 and all(each and (folder(each) / "started").exists() for each in arns)

    def folder(job_arn):
        return data / "jobs" / "training-job" / job_arn.rpartition("/")[2]

    pipelines.wait(sagemaker, arn, are_running)
    killed = pipelines.steps_of(sagemaker, arn)["Killed"]["Metadata"]["TrainingJob"]["Arn"]

    first.kill()
    os.kill(int((folder(killed) / "pid").read_text()), signal.SIGKILL)
    second = serve(data_dir=data, AWS_ENDPOINT_URL="")
    sagemaker = second.client("sagemaker")

    assert pipelines.wait(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    steps = pipelines.steps_of(sagemaker, arn)
    assert {name: each["AttemptCount"] for name, each in steps.items()} == {
        "Long": 1,
        "Killed": 2,
        "After": 1,
    }
    jobs = sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    assert sorted(each["TrainingJobStatus"] for each in jobs) == ["Completed", "Completed", "Failed"]
