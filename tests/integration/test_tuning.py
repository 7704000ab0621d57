"""Tuning jobs on the real service: their training jobs are real, and crashes neither lose nor repeat one."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid

import pytest
from tests.integration.training_jobs import BUCKET, IMAGE, ROLE, put_source

OVER = {"Completed", "Failed", "Stopped"}
SECONDS = 180
SCRIPT = """
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--kind", default="good")
parser.add_argument("--steps", type=int, default=1)
parser.add_argument("--pause", type=float, default=0.0)
args, _ = parser.parse_known_args()
if args.kind == "raises":
    print("score=9;", flush=True)  # better than the others, if it counted
    raise ValueError("told to")
for step in range(args.steps):
    print("score=%f;" % (1 - (args.rate - 0.3) ** 2), flush=True)
    time.sleep(args.pause)
"""


@pytest.fixture(scope="module")
def source(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket=BUCKET)
    return put_source(s3, {"train.py": SCRIPT})


def request(source, *, strategy="Random", jobs=3, parallel=2, static=None, ranges=None, **config):
    name = f"tune-{uuid.uuid4().hex[:8]}"
    limits = {"MaxParallelTrainingJobs": parallel} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
    continuous = {"ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}]}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": limits,
            "ParameterRanges": ranges or continuous,
            **config,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {
                "sagemaker_program": json.dumps("train.py"),
                "sagemaker_submit_directory": json.dumps(source),
                **(static or {}),
            },
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE.format("1.9-0"),
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([-0-9.]+);"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        },
    }


def wait(sagemaker, name, until=lambda job: job["HyperParameterTuningJobStatus"] in OVER):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if until(job):
            return job
        time.sleep(0.1)
    raise AssertionError(
        f"{job['HyperParameterTuningJobStatus']} {job['TrainingJobStatusCounters']} after {SECONDS} s"
    )


def tune(sagemaker, what):
    sagemaker.create_hyper_parameter_tuning_job(**what)
    return wait(sagemaker, what["HyperParameterTuningJobName"])


def children(sagemaker, name, **more):
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    found = []
    for page in pages.paginate(HyperParameterTuningJobName=name, **more):
        found += page["TrainingJobSummaries"]
    return found


def test_a_tuning_job_finds_the_best_of_its_training_jobs(aws, source):
    sagemaker, what = aws("sagemaker"), request(source)
    name = what["HyperParameterTuningJobName"]

    job = tune(sagemaker, what)

    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    assert job["TrainingJobStatusCounters"]["Completed"] == 3
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    static = job["TrainingJobDefinition"]["StaticHyperParameters"]
    asked = what["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static == asked | {"_tuning_objective_metric": "score"}
    found = children(
        sagemaker, name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=2
    )
    values = [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in found]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    assert job["BestTrainingJob"]["TrainingJobName"] == found[0]["TrainingJobName"]
    best = sagemaker.describe_training_job(TrainingJobName=found[0]["TrainingJobName"])
    assert best["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert best["HyperParameters"]["rate"] == job["BestTrainingJob"]["TunedHyperParameters"]["rate"]
    assert values[0] == pytest.approx(1 - (float(best["HyperParameters"]["rate"]) - 0.3) ** 2, abs=1e-5)
    assert found[0]["TrainingJobName"].startswith(f"{name}-00")
    names = [each["TrainingJobName"] for each in children(sagemaker, name, MaxResults=2)]
    assert names == sorted(each["TrainingJobName"] for each in found)
    listed = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]
    assert [(each["HyperParameterTuningJobName"], each["Strategy"]) for each in listed] == [(name, "Random")]


def test_a_training_job_is_described_as_one_that_was_made_by_itself(aws, source):
    sagemaker, what = aws("sagemaker"), request(source, jobs=1)
    definition = what["TrainingJobDefinition"]
    definition["StoppingCondition"] = {}
    definition["HyperParameterTuningResourceConfig"] = definition.pop("ResourceConfig") | {
        "VolumeKmsKeyId": "key"
    }

    job = tune(sagemaker, what)

    found = sagemaker.describe_training_job(TrainingJobName=job["BestTrainingJob"]["TrainingJobName"])
    assert found["ResourceConfig"] == job["TrainingJobDefinition"]["ResourceConfig"]
    # What is told may be asked for again.
    again = {"HyperParameterTuningJobName": f"{what['HyperParameterTuningJobName'][:25]}-again"}
    again["TrainingJobDefinition"] = job["TrainingJobDefinition"]
    assert tune(sagemaker, what | again)["HyperParameterTuningJobStatus"] == "Completed"
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert found["ResourceConfig"]["VolumeKmsKeyId"] == "key"
    yes_or_no = (
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    )
    assert [found[key] for key in yes_or_no] == [False] * 3


def test_a_grid_with_a_failing_point(aws, source):
    kinds = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["good", "raises"]}]}
    what = request(source, strategy="Grid", jobs=0, ranges=kinds, static={"rate": "0.5"})

    job = tune(aws("sagemaker"), what)

    counters = job["TrainingJobStatusCounters"]
    assert (counters["Completed"], counters["NonRetryableError"]) == (1, 1)
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"kind": "good"}
    failed = children(aws("sagemaker"), what["HyperParameterTuningJobName"], StatusEquals="Failed")
    assert "told to" in failed[0]["FailureReason"]


def test_a_grid_of_several_definitions_has_all_points_of_each(aws, source):
    what = request(source, strategy="Grid", jobs=0)
    config, job = what["HyperParameterTuningJobConfig"], what.pop("TrainingJobDefinition")
    objective = config.pop("HyperParameterTuningJobObjective")
    del config["ParameterRanges"]
    points = {"one": ["0.1"], "three": ["0.1", "0.3", "0.5"]}
    what["TrainingJobDefinitions"] = [
        job
        | {
            "DefinitionName": name,
            "TuningObjective": objective,
            "HyperParameterRanges": {"CategoricalParameterRanges": [{"Name": "rate", "Values": values}]},
        }
        for name, values in points.items()
    ]

    best = tune(aws("sagemaker"), what)["BestTrainingJob"]

    found = children(aws("sagemaker"), what["HyperParameterTuningJobName"])
    tried = [(each["TrainingJobDefinitionName"], each["TunedHyperParameters"]["rate"]) for each in found]
    assert tried == [("one", "0.1"), ("three", "0.1"), ("three", "0.3"), ("three", "0.5")]
    assert (best["TrainingJobDefinitionName"], best["TunedHyperParameters"]) == ("three", {"rate": "0.3"})


def test_all_training_jobs_fail(aws, source):
    job = tune(aws("sagemaker"), request(source, jobs=1, static={"kind": "raises"}))

    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("All training jobs failed.")
    assert "BestTrainingJob" not in job


def test_an_objective_that_no_job_prints_is_said(aws, source):
    what = request(source, jobs=1)
    definition = what["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"][0]
    definition["Regex"] = "never=(.*)"
    job = tune(aws("sagemaker"), what)
    assert job["FailureReason"].startswith("No objective metrics found after running 1 training jobs.")
    assert job["TuningJobCompletionDetails"] == {"NumberOfTrainingJobsObjectiveNotImproving": 0}

    definition["Name"] = "other"
    sagemaker = aws("sagemaker")
    with pytest.raises(sagemaker.exceptions.ClientError, match=r"A metric is required .*'score', .* other"):
        sagemaker.create_hyper_parameter_tuning_job(**what)


def warm_start(source, parent, kind, **config):
    what = request(source, jobs=1, parallel=1, **config)
    what["WarmStartConfig"] = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent}],
        "WarmStartType": kind,
    }
    return what


def test_a_warm_start_knows_its_parent(aws, source):
    sagemaker = aws("sagemaker")
    parent = request(source, jobs=1, parallel=1)
    before = tune(sagemaker, parent)
    name = parent["HyperParameterTuningJobName"]

    job = tune(sagemaker, warm_start(source, name, "IdenticalDataAndAlgorithm", strategy="Bayesian"))
    transfer = tune(sagemaker, warm_start(source, name, "TransferLearning"))

    value = lambda best: best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]  # noqa: E731
    overall = max(value(before["BestTrainingJob"]), value(job["BestTrainingJob"]))
    assert value(job["OverallBestTrainingJob"]) == overall
    # Values on other data cannot be compared.
    assert "OverallBestTrainingJob" not in transfer
    category = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["0.5"]}]}
    with pytest.raises(
        sagemaker.exceptions.ClientError, match=rf"'rate' is categorical, .* {name!r} continuous"
    ):
        sagemaker.create_hyper_parameter_tuning_job(
            **warm_start(source, name, "TransferLearning", ranges=category)
        )


def test_a_stop_stops_the_training_jobs(aws, source):
    sagemaker = aws("sagemaker")
    what = request(source, jobs=5, static={"steps": "600", "pause": "0.1"})
    name = what["HyperParameterTuningJobName"]
    sagemaker.create_hyper_parameter_tuning_job(**what)
    wait(sagemaker, name, lambda job: job["TrainingJobStatusCounters"]["InProgress"] == 2)

    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = wait(sagemaker, name)

    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert {each["TrainingJobStatus"] for each in children(sagemaker, name)} == {"Stopped"}


def test_hyperband_stops_the_worse_ones(aws, source):
    ranges = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["0.3", "5", "9"]}]}
    what = request(
        source,
        strategy="Hyperband",
        jobs=3,
        parallel=3,
        ranges=ranges,
        static={"steps": "60", "pause": "0.1"},
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 60}},
    )

    job = tune(aws("sagemaker"), what)

    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "0.3"}
    assert job["BestTrainingJob"]["TrainingJobStatus"] == "Completed"


def test_a_killed_service_and_a_killed_supervisor_lose_and_repeat_nothing(serve, tmp_path):
    data = tmp_path / "data"
    environ = {"SAGELOCAL_MAX_RUNNING_JOBS": "2"}
    first = serve(data_dir=data, AWS_ENDPOINT_URL="", **environ)
    s3 = first.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    what = request(put_source(s3, {"train.py": SCRIPT}), jobs=4, static={"steps": "10", "pause": "0.2"})
    name = what["HyperParameterTuningJobName"]
    first.client("sagemaker").create_hyper_parameter_tuning_job(**what)
    wait(first.client("sagemaker"), name, lambda job: job["TrainingJobStatusCounters"]["InProgress"] > 0)
    folder = data / "jobs" / "hyper-parameter-tuning-job" / name

    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    first.kill()
    second = serve(data_dir=data, AWS_ENDPOINT_URL="", **environ)
    job = wait(second.client("sagemaker"), name)

    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    assert job["TrainingJobStatusCounters"]["Completed"] == 4
    found = second.client("sagemaker").list_training_jobs(NameContains=name, MaxResults=100)
    assert len(found["TrainingJobSummaries"]) == 4
