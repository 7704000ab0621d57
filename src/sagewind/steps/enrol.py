"""A model that passed the gate becomes a version in the registry, with its card beside the artifact."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from sagewind import aws, evaluation, load, naming, profile, requests
from sagewind.approvals import Approvals
from sagewind.card import Card, page, parse_importance
from sagewind.errors import SagewindError
from sagewind.gate import Check, Decision
from sagewind.jobs import outcome
from sagewind.objects import Address, Objects
from sagewind.registry import Artifacts, Candidate, Lineage, Registry, Serving, Version
from sagewind.steps.contend import CHALLENGER, output
from sagewind.steps.judge import plain
from sagewind.steps.rows import PREDICTION

if TYPE_CHECKING:
    from pathlib import Path

    from sagewind import spec

_NAMED = 2


class ApprovalError(SagewindError):
    """An answer to the question of approval is none."""


def enrol(
    spec_file: Path | str,
    *,
    made: dict[str, Any],
    judged: dict[str, Any],
    training_job: str,
    clients: aws.Clients = aws.client,
) -> dict[str, Any]:
    """Register the model and write its card; both are the same when repeated.

    `made` and `judged` are what `ready` and `judge` returned. Returns `arn`, `version`, the card's `card`
    (HTML) and `card_json` addresses, and the `page` of Airflow's UI that shows it.

    Raises:
        RegistryError: there are more facts than a version can carry.

    """
    model = load.load(spec_file)
    sagemaker = clients("sagemaker")
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    job = sagemaker.describe_training_job(TrainingJobName=training_job)
    freeze = _freeze(objects, made)
    candidate = _candidate(model, {**made, "statistics": _baseline(objects, made)}, judged, job, freeze)
    version = Registry(sagemaker).register(candidate)
    card = _card(model, objects, made=made, judged=judged, candidate=candidate, version=version)
    home = Address.parse(version.model_data).key.rpartition("/")[0]
    beside = Address(Address.parse(version.model_data).bucket, home)
    objects.write(beside / "card.html", card.to_html(), content_type="text/html; charset=utf-8")
    objects.write(beside / "card.json", card.to_json_text(), content_type="application/json")
    return {
        "arn": version.arn,
        "version": version.number,
        "status": version.status,
        "card": str(beside / "card.html"),
        "card_json": str(beside / "card.json"),
        "page": page(model.name, version.number),
        "metrics": dict(judged["metrics"]),
    }


def settle(
    spec_file: Path | str,
    *,
    enrolled: dict[str, Any],
    answer: str,
    by: str,
    at: str,
    clients: aws.Clients = aws.client,
) -> dict[str, Any]:
    """Write the answer (`Approve` or `Reject`) into the registry, from `at` (ISO 8601; empty: now) on.

    Returns the version's `arn`, its number as `version`, its `status`, and the number of today's `champion`.

    Raises:
        ApprovalError: the answer is another.

    """
    load.load(spec_file)
    registry = Registry(clients("sagemaker"))
    approvals = Approvals(registry)
    verbs = {"Approve": approvals.approve, "Reject": approvals.reject}
    if answer not in verbs:
        raise ApprovalError(f"approval: got {answer!r}; expected Approve or Reject")
    version = registry.describe(enrolled["arn"])
    moment = dt.datetime.fromisoformat(at) if at else dt.datetime.now(dt.UTC)
    done = verbs[answer](version, at=moment, by=by, why=f"{answer} by {by}")
    champion = approvals.champion(done.group)
    return {
        "arn": done.arn,
        "version": done.number,
        "status": done.status,
        "champion": champion and champion.number,
    }


def _candidate(
    model: spec.Model, made: dict[str, Any], judged: dict[str, Any], job: dict[str, Any], freeze: Address
) -> Candidate:
    home = output(made["run"], CHALLENGER)
    place = requests.Place(**{key: made[key] for key in ("role", "image", "region", "code")})
    return Candidate(
        group=model.name,
        description=model.description,
        lineage=Lineage(
            job=job["TrainingJobName"],
            code_hash=made["code_hash"],
            data_hash=made["data_hash"],
            environment_hash=naming.content_hash(freeze.key.encode()),
            hyperparameters=outcome.hyperparameters(job),
            metrics=judged["metrics"],
        ),
        artifacts=Artifacts(
            model_data=job["ModelArtifacts"]["S3ModelArtifacts"],
            evaluation=judged["evaluation"],
            statistics=made["statistics"],
            constraints=made["constraints"],
            importance=str(home / "importance.json") if model.evaluates_by_script else "",
            environment=str(freeze),
        ),
        serving=Serving(
            image=made["image"],
            environment=requests.serving_environment(model, place),
            instance_types=tuple(
                dict.fromkeys((model.endpoint.instance_type, model.transform.instance_type))
            ),
        ),
        tags={requests.MODEL_TAG: model.name, **model.tags},
    )


def _freeze(objects: Objects, made: dict[str, Any]) -> Address:
    """Put what the job's environment was made of (image and requirements) under its content; return where."""
    needed = objects.read(Address.parse(made["requirements"])).decode() if made["requirements"] else ""
    text = f"# image {made['image']}\n{needed}"
    base = Address.parse(made["models"])
    home = Address(base.bucket, base.key.rpartition("/")[0])
    where = home / "environments" / f"{naming.content_hash(text.encode())}.txt"
    if objects.head(where) is None:
        objects.write(where, text)
    return where


def _baseline(objects: Objects, made: dict[str, Any]) -> str:
    """Put the profile of the training rows with that of the held-out predictions beside the evaluation."""
    home = output(made["run"], CHALLENGER)
    found = evaluation.parse(objects.read(home / "evaluation.json").decode(), source=str(home))
    told = evaluation.parse_predictions(objects.read(home / "predictions.csv").decode(), source=str(home))
    base = profile.from_statistics(
        objects.read_json(Address.parse(made["statistics"])), source=made["statistics"]
    )
    answers = profile.profile(
        {PREDICTION: [plain(each) for each in told.predictions]},
        text=(PREDICTION,) if found.problem.is_classification else (),
    )
    whole = profile.Profile(rows=base.rows, features={**answers.features, **base.features})
    objects.write_json(home / "statistics.json", profile.to_statistics(whole))
    return str(home / "statistics.json")


def _card(
    model: spec.Model,
    objects: Objects,
    *,
    made: dict[str, Any],
    judged: dict[str, Any],
    candidate: Candidate,
    version: Version,
) -> Card:
    home = output(made["run"], CHALLENGER)
    importance = home / "importance.json"
    found = None
    if objects.head(importance) is not None:
        found = parse_importance(objects.read(importance).decode(), source=str(importance))
    where = judged["evaluation"]
    lineage = candidate.lineage
    predictions = home / "predictions.csv"
    return Card(
        model=model.name,
        version=str(version.number),
        created=version.created.astimezone(dt.UTC).isoformat(timespec="seconds"),
        description=model.description,
        evaluation=evaluation.parse(objects.read(Address.parse(where)).decode(), source=where),
        predictions=evaluation.parse_predictions(objects.read(predictions).decode(), source=str(predictions)),
        decision=Decision(checks=tuple(Check(**each) for each in judged["decision"]["checks"])),
        importance=found,
        data=profile.from_statistics(
            json.loads(objects.read(Address.parse(made["statistics"]))), source=made["statistics"]
        ),
        parameters=dict(lineage.hyperparameters),
        lineage={
            "training job": lineage.job,
            "code": f"{lineage.code_hash} {made['code']}",
            "data": f"{lineage.data_hash} {_first_and_last(made['files'])}",
            "data until": made["until"],
            "environment": candidate.artifacts.environment,
            "artifact": candidate.artifacts.model_data,
            "version": version.arn,
        },
        intended_use=model.card.intended_use,
        limits=model.card.limits,
    )


def _first_and_last(files: list[str]) -> str:
    """Name a few files whole, many by the first and the last of them."""
    return ", ".join(files) if len(files) <= _NAMED else f"{files[0]} … {files[-1]} ({len(files)} files)"
