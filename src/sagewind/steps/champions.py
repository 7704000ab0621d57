"""The champion of a model: which version it is, what it takes, and the SageMaker model that serves it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sagewind import profile, requests
from sagewind.approvals import Approvals
from sagewind.errors import NotYetError
from sagewind.objects import Address
from sagewind.registry import Registry
from sagewind.steps import rows

if TYPE_CHECKING:
    from sagewind import spec
    from sagewind.objects import Objects
    from sagewind.registry import Version


class ChampionError(NotYetError):
    """There is no champion to score or to compare with."""


def current(sagemaker: Any, model: spec.Model, *, until: str = "") -> Version | None:
    """Return today's champion; with `until` (ISO 8601, with a zone) that of the moment; None: nobody."""
    approvals = Approvals(Registry(sagemaker))
    if not until:
        return approvals.champion(model.name)
    return approvals.champion_as_of(model.name, dt.datetime.fromisoformat(until))


def required(sagemaker: Any, model: spec.Model, *, until: str = "") -> Version:
    """Return the champion.

    Raises:
        ChampionError: there is none.

    """
    found = current(sagemaker, model, until=until)
    if found is None:
        when = f" at {until}" if until else ""
        raise ChampionError(
            f"model {model.name} has no approved version{when}: run the DAG {model.name!r} to its end first"
        )
    return found


def features(objects: Objects, model: spec.Model, version: Version) -> tuple[str, ...]:
    """Return the columns that a version was trained on, in its order.

    Its baseline tells; of a version without one they are those that the spec's table has now.
    """
    if not version.statistics:
        return rows.features(model, rows.own_header(model))
    where = Address.parse(version.statistics)
    known = profile.from_statistics(objects.read_json(where), source=str(where)).features
    return tuple(name for name in known if name != rows.PREDICTION)


def sagemaker_model(sagemaker: Any, model: spec.Model, version: Version, *, role: str) -> str:
    """Return the name of the SageMaker model that serves a version, made when it is not there.

    The name is made from the version's number and content, so every task that asks gets the same.
    """
    name = f"{model.name}-v{version.number}-{(version.content or 'other')[:12]}"
    try:
        sagemaker.describe_model(ModelName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
    else:
        return name
    described = sagemaker.describe_model_package(ModelPackageName=version.arn)
    container = described["InferenceSpecification"]["Containers"][0]
    kept = {key: container[key] for key in ("Image", "ModelDataUrl", "Environment") if container.get(key)}
    try:
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=role,
            PrimaryContainer=kept,
            Tags=requests.tags(model),
            **requests.network(model),
        )
    except ClientError as error:
        if "already existing" not in error.response["Error"]["Message"]:
            raise
    return name
