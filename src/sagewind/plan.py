"""Every AWS request that a run of a model would make, in order, without making one.

What only the run can know (the account, what was uploaded, an approved champion) is shown in angle brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind import images, partition, requests
from sagewind.steps.rows import features, own_header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind import sources, spec


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: the task that makes it, the service and operation, and the parameters."""

    task: str
    service: str
    operation: str
    parameters: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dict(vars(self))


def plan(model: spec.Model, region: str) -> Iterator[Call]:
    """Yield the requests of the pipeline, then those of one day's scoring.

    Raises:
        ImageError: Amazon publishes no such image in the region.

    """
    bucket = model.account.bucket or f"sagemaker-{region}-<account>"
    role = model.account.role
    arn = role if role.startswith("arn:") else f"arn:aws:iam::<account>:role/{role}"
    base = f"s3://{bucket}/{model.name}"
    place = requests.Place(
        role=arn,
        image=images.uri(model.image, region),
        region=region,
        code=f"{base}/code/<hash>/sourcedir.tar.gz" if not model.is_algorithm else "",
    )
    yield Call(task="ready", service="sts", operation="GetCallerIdentity", parameters={})
    yield from _arrivals(model, bucket)
    yield from _uploads(model, bucket)
    yield from _pipeline(model, place, base)
    yield from _scoring(model, base, bucket)


def _arrivals(model: spec.Model, bucket: str) -> Iterator[Call]:
    """Yield what the tasks ask that wait for a run's rows, or fetch them."""
    table, stream = model.data.dynamodb, model.data.landing
    if table is not None:
        operation, parameters = _export(model, table, bucket)
        yield Call(task="data.export", service="dynamodb", operation=operation, parameters=parameters)
    if stream is not None:
        yield _listing("data.landed", stream)


def _export(model: spec.Model, table: sources.DynamoDB, bucket: str) -> tuple[str, dict[str, Any]]:
    if table.export == "scan":
        return "Scan", {"TableName": table.table}
    return "ExportTableToPointInTime", {
        "TableArn": f"arn:aws:dynamodb:<region>:<account>:table/{table.table}",
        "ExportTime": "<the interval's end>",
        "S3Bucket": bucket,
        "S3Prefix": f"{model.name}/exports/{model.name}-data-export-<hash>/",
        "ExportFormat": "DYNAMODB_JSON",
    }


def _listing(task: str, stream: sources.Landing) -> Call:
    unit = "<YYYY/MM/DD/HH>/" if stream.awaits == "hour" else "<YYYY/MM/DD>/"
    where = {"Bucket": stream.bucket, "Prefix": f"{stream.key}{unit}"}
    return Call(task=task, service="s3", operation="ListObjectsV2", parameters=where)


def _uploads(model: spec.Model, bucket: str) -> Iterator[Call]:
    keys = ["data/<hash>/train/", "data/<hash>/test/", "data/<hash>/statistics.json"]
    keys += [] if model.is_algorithm else ["code/<hash>/sourcedir.tar.gz", "code/<hash>/files/"]
    for key in keys:
        where = {"Bucket": bucket, "Key": f"{model.name}/{key}"}
        yield Call(task="ready", service="s3", operation="PutObject", parameters=where)


def _pipeline(model: spec.Model, place: requests.Place, base: str) -> Iterator[Call]:
    def sagemaker(task: str, operation: str, parameters: dict[str, Any]) -> Call:
        return Call(task=task, service="sagemaker", operation=operation, parameters=parameters)

    arguments: dict[str, Any] = {
        "name": f"{model.name}-train-job-<hash>",
        "place": place,
        "data": f"{base}/data/<hash>/train/",
        "output": f"{base}/models",
        "hyperparameters": requests.defaults(model),
        "instance_type": model.training.instance_type,
        "validation": f"{base}/data/<hash>/validation/" if model.is_algorithm else "",
    }
    if model.tuning:
        tuning = requests.tuning(model, **arguments)
        yield sagemaker("train.job", "CreateHyperParameterTuningJob", tuning)
    else:
        yield sagemaker("train.job", "CreateTrainingJob", requests.training(model, **arguments))
    artifact = f"{base}/models/<training job>/output/model.tar.gz"
    serving = f"{model.name}-train-model-<hash>"
    made = requests.create_model(model, name=serving, place=place, artifact=artifact)
    yield sagemaker("train.model", "CreateModel", made)
    for who in ("challenger", "champion") if model.gate.challenge else ("challenger",):
        yield sagemaker("evaluate.job", *_evaluation(model, place, base, who=who, serving=serving))
    group = {"ModelPackageGroupName": model.name}
    yield sagemaker("register.enrol", "CreateModelPackageGroup", group)
    yield sagemaker("register.enrol", "CreateModelPackage", group)
    status = "Approved" if model.approval.by == "gate" else "<as answered>"
    yield sagemaker("register.settle", "UpdateModelPackage", {"ModelApprovalStatus": status})
    name = f"{model.name}-deploy-endpoint-<hash>"
    config = requests.endpoint(model, name=name, model_name=serving, capture=f"{base}/capture")
    yield sagemaker("deploy.endpoint", "CreateEndpointConfig", config["EndpointConfig"])
    yield sagemaker("deploy.endpoint", "CreateEndpoint", config["Endpoint"])
    if model.endpoint.temporary:
        yield sagemaker("deploy.teardown", "DeleteEndpoint", {"EndpointName": model.endpoint_name})


def _evaluation(
    model: spec.Model, place: requests.Place, base: str, *, who: str, serving: str
) -> tuple[str, dict[str, Any]]:
    name, output = f"{model.name}-evaluate-{who}-<hash>", f"{base}/runs/<run>/evaluation/{who}"
    if not model.evaluates_by_script:
        held_out = f"{base}/data/<hash>/held-out/test.csv"
        return "CreateTransformJob", requests.transform(
            model,
            name=name,
            model_name=serving if who == "challenger" else f"{model.name}-v<number>-<hash>",
            data=held_out,
            output=output,
            processing=partition.processing(len(features(model, own_header(model)))),
        )
    return "CreateProcessingJob", requests.evaluation(
        model,
        name=name,
        place=place,
        scripts=f"{base}/code/<hash>/files/",
        artifact=f"{base}/models/<training job of the {who}>/output/model.tar.gz",
        test=f"{base}/data/<hash>/test/",
        output=output,
    )


def _scoring(model: spec.Model, base: str, bucket: str) -> Iterator[Call]:
    if model.score.landing is not None:
        yield _listing("score.landed", model.score.landing)
        where = {"Bucket": bucket, "Key": f"{model.name}/incoming/ds=<day>/rows.csv"}
        yield Call(task="score.land", service="s3", operation="PutObject", parameters=where)
    work = f"{base}/scores/ds=<day>/_work/<hash>"
    yield Call(
        task="score.job",
        service="sagemaker",
        operation="CreateTransformJob",
        parameters=requests.transform(
            model,
            name=f"{model.name}-score-score-job-<hash>",
            model_name=f"{model.name}-v<number>-<hash>",
            data=f"{work}/manifest.json",
            output=f"{work}/out",
            kind="ManifestFile",
            processing=partition.processing(len(features(model, own_header(model)))),
        ),
    )
    for name in ("scores.csv", "scores.parquet", "_SUCCESS"):
        where = {"Bucket": bucket, "Key": f"{model.name}/scores/ds=<day>/{name}"}
        yield Call(task="score.publish", service="s3", operation="PutObject", parameters=where)
