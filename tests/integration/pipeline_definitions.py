"""Pipeline definitions for tests, as the SDKs write them: a dict per step."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.integration.training_jobs import BUCKET, IMAGE, ROLE, put_source, unique

OVER = {"Succeeded", "Failed", "Stopped"}
SECONDS = 120

SCORES = """
import json, sys
with open("/opt/ml/processing/output/scores.json", "w") as file:
    json.dump({"metrics": [{"name": "accuracy", "value": float(sys.argv[1])}]}, file)
"""
TRAINS = """
import argparse, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--pause", type=float, default=0.0)
parser.add_argument("--wait-for", default="")
args, _ = parser.parse_known_args()
time.sleep(args.pause)
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("a model")
"""
RAISES = 'raise ValueError("bad row 7")'


def get(name: str) -> dict[str, str]:
    """Return a reference."""
    return {"Get": name}


def join(*values: Any) -> dict[str, Any]:
    """Return a text put together at run time."""
    return {"Std:Join": {"On": "", "Values": list(values)}}


def step(name: str, kind: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a step."""
    return {"Name": name, "Type": kind, "Arguments": arguments, **more}


def training(s3: Any, name: str, script: str = TRAINS, *, hyperparameters: Any = None, **more: Any) -> Any:
    """Return a Training step."""
    parameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": json.dumps(put_source(s3, {"train.py": script})),
        **(hyperparameters or {}),
    }
    return step(
        name,
        "Training",
        {
            "AlgorithmSpecification": {"TrainingImage": IMAGE.format("1.9-0"), "TrainingInputMode": "File"},
            "HyperParameters": parameters,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/pipelines"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 300},
            "RoleArn": ROLE,
        },
        **more,
    )


def processing(s3: Any, name: str, *, accuracy: Any = "0.9", script: str = SCORES, **more: Any) -> Any:
    """Return a Processing step that writes a property file."""
    key = f"{unique('code')}/score.py"
    s3.put_object(Bucket=BUCKET, Key=key, Body=script.encode())
    return step(
        name,
        "Processing",
        {
            "AppSpecification": {
                "ImageUri": IMAGE.format("1.9-0"),
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/score.py"],
                "ContainerArguments": [accuracy],
            },
            "ProcessingInputs": [
                {
                    "InputName": "code",
                    "AppManaged": False,
                    "S3Input": {
                        "S3Uri": f"s3://{BUCKET}/{key}",
                        "LocalPath": "/opt/ml/processing/input/code",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "scores",
                        "S3Output": {
                            "S3Uri": join(f"s3://{BUCKET}/", get("Execution.PipelineExecutionId"), "/scores"),
                            "LocalPath": "/opt/ml/processing/output",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
            },
            "RoleArn": ROLE,
        },
        PropertyFiles=[
            {"PropertyFileName": "scores", "OutputName": "scores", "FilePath": "scores.json"},
        ],
        **more,
    )


def condition(name: str, scored: str, if_steps: list[Any], else_steps: list[Any]) -> Any:
    """Return a step that goes by the accuracy in another's property file."""
    accuracy = {
        "Std:JsonGet": {
            "PropertyFile": get(f"Steps.{scored}.PropertyFiles.scores"),
            "Path": "metrics[0].value",
        }
    }
    wanted = {"Type": "GreaterThanOrEqualTo", "LeftValue": accuracy, "RightValue": get("Parameters.Least")}
    return step(name, "Condition", {"Conditions": [wanted], "IfSteps": if_steps, "ElseSteps": else_steps})


def registration(name: str, group: str, trained: str) -> Any:
    """Return a step that registers another's model."""
    container = {
        "Image": IMAGE.format("1.9-0"),
        "ModelDataUrl": get(f"Steps.{trained}.ModelArtifacts.S3ModelArtifacts"),
    }
    return step(
        name,
        "RegisterModel",
        {
            "ModelPackageGroupName": group,
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        },
    )


def definition(*steps: Any, parameters: Any = (), experiment: Any = None) -> str:
    """Return a definition's text."""
    return json.dumps(
        {
            "Version": "2020-12-01",
            "Metadata": {},
            "Parameters": list(parameters),
            "PipelineExperimentConfig": experiment,
            "Steps": list(steps),
        }
    )


def create(sagemaker: Any, *steps: Any, **more: Any) -> str:
    """Create a pipeline and return its name."""
    name = unique("pipeline")
    sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition(*steps, **more))
    return name


def start(sagemaker: Any, name: str, parameters: dict[str, str] | None = None, **more: Any) -> str:
    """Start an execution and return its ARN."""
    given = [{"Name": key, "Value": value} for key, value in (parameters or {}).items()]
    answer = sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=given, **more)
    return str(answer["PipelineExecutionArn"])


def steps_of(sagemaker: Any, arn: str) -> dict[str, Any]:
    """Return the steps that have begun, by name, the first first."""
    answer = sagemaker.list_pipeline_execution_steps(
        PipelineExecutionArn=arn, SortOrder="Ascending", MaxResults=100
    )
    return {each["StepName"]: each for each in answer["PipelineExecutionSteps"]}


def wait(sagemaker: Any, arn: str, until: Any = None) -> dict[str, Any]:
    """Describe an execution until it is over, or its steps are as `until` wants them."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        described: dict[str, Any] = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if described["PipelineExecutionStatus"] in OVER:
            return described
        if until is not None and until(steps_of(sagemaker, arn)):
            return described
        time.sleep(0.05)
    raise AssertionError(f"{described} {steps_of(sagemaker, arn)} after {SECONDS} s")
