"""Spec + run → the requests that boto3 takes. Pure: no clock, no network, no Airflow.

What a run decides (names, addresses, what the person chose in the form) comes in as text. It may be a Jinja
template, which Airflow renders when the task runs; so the same functions serve a DAG file, a golden test and
a plan on paper. What is a number for AWS comes from the spec and stays a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewind import spec

Request = dict[str, Any]

MODEL_TAG = "sagewind:model"
VERIFIED_TAG = "sagewind:verified"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run happens: role, image, region and code."""

    role: str
    """ARN of the role that the jobs assume."""
    image: str
    """Address of the container image."""
    region: str
    code: str
    """S3 address of `sourcedir.tar.gz`."""

    @classmethod
    def from_task(cls, task_id: str) -> Place:
        """Take each of them from what the task `task_id` returned, by template."""
        names = cls.__dataclass_fields__
        return cls(**{name: returned(task_id, name) for name in names})


def returned(task_id: str, *path: str) -> str:
    """Return the template of a value in what a task returned: `returned("model", "Model", "ModelName")`."""
    steps = "".join(f"[{step!r}]" for step in path)
    return "{{ ti.xcom_pull(" + repr(task_id) + ")" + steps + " }}"


def chosen(name: str) -> str:
    """Return the template of what a person chose in the trigger form."""
    return "{{ params[" + repr(name) + "] }}"


def hyperparameters(model: spec.Model) -> dict[str, str]:
    """Return what a run sends to the script: the fixed values as they are, the rest as chosen in the form."""
    return {
        name: str(each.default) if each.fixed else chosen(name)
        for name, each in model.hyperparameters.items()
    }


def training(
    model: spec.Model,
    *,
    name: str,
    place: Place,
    data: str,
    output: str,
    hyperparameters: Mapping[str, str],
    instance_type: str,
) -> Request:
    """Return the request of CreateTrainingJob.

    `data` is the S3 address of the `train` channel, `output` the prefix of `<job>/output/model.tar.gz`.
    Script mode (`sagemaker_program` …): https://github.com/aws/sagemaker-training-toolkit
    """
    script = {
        "sagemaker_program": model.source.entry_point,
        "sagemaker_submit_directory": place.code,
        "sagemaker_container_log_level": "20",
        "sagemaker_region": place.region,
    }
    return {
        "TrainingJobName": name,
        "RoleArn": place.role,
        "AlgorithmSpecification": {
            "TrainingImage": place.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": m.name, "Regex": m.regex} for m in model.metrics.values()],
        },
        "HyperParameters": {**hyperparameters, **script},
        "InputDataConfig": [_channel("train", data)],
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {
            "InstanceType": instance_type,
            "InstanceCount": model.training.instance_count,
            "VolumeSizeInGB": model.training.volume_gb,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": model.training.max_runtime_seconds},
        "Tags": tags(model),
    }


def create_model(model: spec.Model, *, name: str, place: Place, artifact: str) -> Request:
    """Return the request of CreateModel: the artifact served by the same script in the same image."""
    return {
        "ModelName": name,
        "ExecutionRoleArn": place.role,
        "PrimaryContainer": {
            "Image": place.image,
            "ModelDataUrl": artifact,
            "Environment": {
                "SAGEMAKER_PROGRAM": model.source.entry_point,
                "SAGEMAKER_SUBMIT_DIRECTORY": place.code,
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
                "SAGEMAKER_REGION": place.region,
            },
        },
        "Tags": tags(model),
    }


def endpoint(model: spec.Model, *, name: str, model_name: str) -> Request:
    """Return what the endpoint operator takes: a new config `name`, and the endpoint that shall have it."""
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model_name,
        "InstanceType": model.endpoint.instance_type,
        "InitialInstanceCount": model.endpoint.instance_count,
        "InitialVariantWeight": 1.0,
    }
    config = {"EndpointConfigName": name, "ProductionVariants": [variant], "Tags": tags(model)}
    place = {"EndpointName": model.endpoint_name, "EndpointConfigName": name, "Tags": tags(model)}
    return {"EndpointConfig": config, "Endpoint": place}


def transform(model: spec.Model, *, name: str, model_name: str, data: str, output: str) -> Request:
    """Return the request of CreateTransformJob: CSV rows in, the same rows with the prediction appended out.

    `data` is one object or a prefix; each object becomes `<output>/<its name>.out`.
    """
    batch = model.transform
    return {
        "TransformJobName": name,
        "ModelName": model_name,
        "BatchStrategy": batch.strategy,
        "MaxPayloadInMB": batch.max_payload_mb,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": output, "Accept": "text/csv", "AssembleWith": "Line"},
        "DataProcessing": {"JoinSource": "Input"},
        "TransformResources": {"InstanceType": batch.instance_type, "InstanceCount": batch.instance_count},
        "Tags": tags(model),
    }


def tags(model: spec.Model) -> list[dict[str, str]]:
    """Return the tags of everything that is made for a model."""
    return [{"Key": key, "Value": value} for key, value in {MODEL_TAG: model.name, **model.tags}.items()]


def _channel(name: str, uri: str) -> Request:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": "text/csv"}
