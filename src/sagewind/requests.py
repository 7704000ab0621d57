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
    from sagewind.sections import Tuning

Request = dict[str, Any]

MODEL_TAG = "sagewind:model"
VERIFIED_TAG = "sagewind:verified"
EXPIRES_TAG = "sagewind:expires"
"""On an endpoint: the ISO 8601 time, with a zone, from which it may be deleted."""


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


def defaults(model: spec.Model) -> dict[str, str]:
    """Return what a run sends to the script when nobody chooses: each hyperparameter's default."""
    return {name: str(each.default) for name, each in model.hyperparameters.items()}


def training(
    model: spec.Model,
    *,
    name: str,
    place: Place,
    data: str,
    output: str,
    hyperparameters: Mapping[str, str],
    instance_type: str,
    validation: str = "",
) -> Request:
    """Return the request of CreateTrainingJob.

    `data` is the S3 address of the `train` channel, `validation` that of an algorithm's second one, `output`
    the prefix of `<job>/output/model.tar.gz`.
    Script mode (`sagemaker_program` …): https://github.com/aws/sagemaker-training-toolkit
    """
    return {
        "TrainingJobName": name,
        "HyperParameters": {**hyperparameters, **_script(model, place)},
        **_job(model, place, data=data, output=output, instance_type=instance_type, validation=validation),
        "Tags": tags(model),
    }


def tuning(
    model: spec.Model,
    *,
    name: str,
    place: Place,
    data: str,
    output: str,
    hyperparameters: Mapping[str, str],
    instance_type: str,
    validation: str = "",
) -> Request:
    """Return the request of CreateHyperParameterTuningJob, whose training jobs are as `training`'s.

    Values of a script's own hyperparameters are JSON, as the training toolkit reads them.

    Raises:
        ValueError: the spec has no section `tuning`.

    """
    wanted = model.tuning
    if wanted is None:
        raise ValueError(f"model {model.name}: the spec has no section tuning")
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": wanted.strategy,
            "HyperParameterTuningJobObjective": {"Type": wanted.goal, "MetricName": wanted.objective},
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": wanted.max_jobs,
                "MaxParallelTrainingJobs": wanted.parallel,
            },
            "ParameterRanges": _ranges(wanted),
            "RandomSeed": wanted.seed,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {**hyperparameters, **_script(model, place)},
            **_job(
                model, place, data=data, output=output, instance_type=instance_type, validation=validation
            ),
        },
        "Tags": tags(model),
    }


def _ranges(wanted: Tuning) -> dict[str, list[Request]]:
    found: dict[str, list[Request]] = {}
    for each in wanted.ranges.values():
        kind = "IntegerParameterRanges" if each.is_integer else "ContinuousParameterRanges"
        found.setdefault(kind, []).append(
            {
                "Name": each.name,
                "MinValue": str(each.minimum),
                "MaxValue": str(each.maximum),
                "ScalingType": each.scale,
            }
        )
    return found


def evaluation_arguments(model: spec.Model) -> list[str]:
    """Return the arguments of the evaluation script: the target, the id column, and the spec's own."""
    arguments = {"target": model.data.target, "id": model.data.id_column, **model.evaluation.arguments}
    return [f"--{key}={value}" for key, value in arguments.items()]


def evaluation(
    model: spec.Model, *, name: str, place: Place, scripts: str, artifact: str, test: str, output: str
) -> Request:
    """Return the request of CreateProcessingJob: the evaluation script on the held-out rows.

    `scripts` is the prefix of the code's files, `artifact` the model.tar.gz, `test` the prefix of the rows.
    """
    root = "/opt/ml/processing"
    wanted = model.evaluation
    cluster = {
        "InstanceType": wanted.instance_type,
        "InstanceCount": 1,
        "VolumeSizeInGB": wanted.volume_gb,
        **({"VolumeKmsKeyId": model.account.kms_key} if model.account.kms_key else {}),
    }
    result = {"S3Uri": output, "LocalPath": f"{root}/evaluation", "S3UploadMode": "EndOfJob"}
    vpc = {"NetworkConfig": network(model)} if model.account.subnets else {}
    return {
        "ProcessingJobName": name,
        "RoleArn": place.role,
        "AppSpecification": {
            "ImageUri": place.image,
            "ContainerEntrypoint": ["python3", f"{root}/code/{wanted.entry_point}"],
            "ContainerArguments": evaluation_arguments(model),
        },
        "ProcessingInputs": [
            _processing_input(key, uri, f"{root}/{key}")
            for key, uri in (("code", scripts), ("model", artifact), ("test", test))
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "evaluation", "S3Output": result}],
            **({"KmsKeyId": model.account.kms_key} if model.account.kms_key else {}),
        },
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": wanted.max_runtime_seconds},
        **vpc,
        "Tags": tags(model),
    }


def create_model(model: spec.Model, *, name: str, place: Place, artifact: str) -> Request:
    """Return the request of CreateModel: the artifact served by the same script in the same image."""
    variables = serving_environment(model, place)
    container = {"Image": place.image, "ModelDataUrl": artifact}
    return {
        "ModelName": name,
        "ExecutionRoleArn": place.role,
        "PrimaryContainer": {**container, **({"Environment": variables} if variables else {})},
        **network(model),
        "Tags": tags(model),
    }


def serving_environment(model: spec.Model, place: Place) -> dict[str, str]:
    """Return what tells the serving container which code to serve with; empty for an algorithm."""
    if model.is_algorithm:
        return {}
    return {
        "SAGEMAKER_PROGRAM": model.source.entry_point,
        "SAGEMAKER_SUBMIT_DIRECTORY": place.code,
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "SAGEMAKER_REGION": place.region,
    }


def endpoint(
    model: spec.Model, *, name: str, model_name: str, capture: str = "", expires: str = ""
) -> Request:
    """Return what the endpoint operator takes: a new config `name`, and the endpoint that shall have it.

    `capture` is the S3 prefix that requests and answers are written to, when the spec asks for it.
    `expires` is the time (ISO 8601) after which the janitor may delete the endpoint; empty: it stays.
    """
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model_name,
        "InstanceType": model.endpoint.instance_type,
        "InitialInstanceCount": model.endpoint.instance_count,
        "InitialVariantWeight": 1.0,
    }
    config: Request = {"EndpointConfigName": name, "ProductionVariants": [variant], "Tags": tags(model)}
    if model.account.kms_key:
        config["KmsKeyId"] = model.account.kms_key
    if model.endpoint.capture_percent and capture:
        config["DataCaptureConfig"] = _capture(model, capture)
    until = [{"Key": EXPIRES_TAG, "Value": expires}] if expires else []
    place = {
        "EndpointName": model.endpoint_name,
        "EndpointConfigName": name,
        "Tags": [*tags(model), *until],
    }
    return {"EndpointConfig": config, "Endpoint": place}


def transform(
    model: spec.Model,
    *,
    name: str,
    model_name: str,
    data: str,
    output: str,
    kind: str = "S3Prefix",
    processing: Mapping[str, str] | None = None,
) -> Request:
    """Return the request of CreateTransformJob: CSV rows in, the same rows with the prediction appended out.

    `data` is one object, a prefix, or with the kind `ManifestFile` a list of objects; each object becomes
    `<output>/<its name>.out`. `processing` is the request's DataProcessing, when it is another.
    """
    batch, key = model.transform, model.account.kms_key
    return {
        "TransformJobName": name,
        "ModelName": model_name,
        "BatchStrategy": batch.strategy,
        "MaxPayloadInMB": batch.max_payload_mb,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": data}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": output,
            "Accept": "text/csv",
            "AssembleWith": "Line",
            **({"KmsKeyId": key} if key else {}),
        },
        "DataProcessing": dict(processing or {"JoinSource": "Input"}),
        "TransformResources": {
            "InstanceType": batch.instance_type,
            "InstanceCount": batch.instance_count,
            **({"VolumeKmsKeyId": key} if key else {}),
        },
        "Tags": tags(model),
    }


def tags(model: spec.Model) -> list[dict[str, str]]:
    """Return the tags of everything that is made for a model."""
    return [{"Key": key, "Value": value} for key, value in {MODEL_TAG: model.name, **model.tags}.items()]


def _script(model: spec.Model, place: Place) -> dict[str, str]:
    """Return the hyperparameters of script mode; empty for an algorithm."""
    if model.is_algorithm:
        return {}
    return {
        "sagemaker_program": model.source.entry_point,
        "sagemaker_submit_directory": place.code,
        "sagemaker_container_log_level": "20",
        "sagemaker_region": place.region,
    }


def _job(
    model: spec.Model, place: Place, *, data: str, output: str, instance_type: str, validation: str
) -> Request:
    """Return what a training job and a tuning job's definition of one have in common."""
    key = model.account.kms_key
    algorithm: Request = {"TrainingImage": place.image, "TrainingInputMode": "File"}
    if not model.is_algorithm:
        algorithm["MetricDefinitions"] = [{"Name": m.name, "Regex": m.regex} for m in model.metrics.values()]
    channels = {"train": data, **({"validation": validation} if validation else {})}
    return {
        "RoleArn": place.role,
        "AlgorithmSpecification": algorithm,
        "InputDataConfig": [_channel(name, uri) for name, uri in channels.items()],
        "OutputDataConfig": {"S3OutputPath": output, **({"KmsKeyId": key} if key else {})},
        "ResourceConfig": {
            "InstanceType": instance_type,
            "InstanceCount": model.training.instance_count,
            "VolumeSizeInGB": model.training.volume_gb,
            **({"VolumeKmsKeyId": key} if key else {}),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": model.training.max_runtime_seconds},
        **network(model),
    }


def _capture(model: spec.Model, uri: str) -> Request:
    """Return the request's DataCaptureConfig: both sides, text as text."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": model.endpoint.capture_percent,
        "DestinationS3Uri": uri,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": ["text/csv"],
            "JsonContentTypes": ["application/json"],
        },
    }


def network(model: spec.Model) -> Request:
    """Return `VpcConfig` of a job or a model, nothing when the spec names no VPC."""
    account = model.account
    if not account.subnets:
        return {}
    return {
        "VpcConfig": {"Subnets": list(account.subnets), "SecurityGroupIds": list(account.security_groups)}
    }


def _processing_input(name: str, uri: str, path: str) -> Request:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def _channel(name: str, uri: str) -> Request:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": "text/csv"}
