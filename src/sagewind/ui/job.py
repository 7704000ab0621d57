"""What a job's page shows, asked of AWS when the page is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind import aws
from sagewind.errors import SagewindError
from sagewind.jobs import masking
from sagewind.jobs.identity import DAG_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sagewind.ui.kinds import Kind

LOG_LINES = 200
_SHOWN_APART = {"ResponseMetadata", "FinalMetricDataList", "SecondaryStatusTransitions"}


class JobMissingError(SagewindError):
    """SageMaker knows no such job."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A described job."""

    kind: Kind
    name: str
    status: str
    failure: str
    metrics: tuple[tuple[str, float], ...]
    steps: tuple[tuple[str, str, str], ...]
    """Each: when (ISO 8601), status, message."""
    description: str
    """The rest of the description, as JSON."""
    log: tuple[str, ...]
    """The last lines."""


def look(kind: Kind, name: str, *, may_see: Callable[[str], bool], clients: aws.Clients = aws.client) -> Job:
    """Describe a job and read the end of its log, without secrets.

    `may_see` is asked with the id of the DAG whose the job is by its tags; empty: they name none, or may not
    be read.

    Raises:
        JobMissingError: there is none of that name, or none that may be seen.
        botocore.exceptions.ClientError: AWS refuses for another reason.

    """
    sagemaker = clients("sagemaker")
    found = _described(sagemaker, kind.describe, **{kind.result[1]: name})
    if found is None or not may_see(_dag_id(sagemaker, found[kind.arn])):
        raise JobMissingError(f"SageMaker knows no {kind.slug} named {name!r}")
    told = masking.masked(found)
    rest = {key: value for key, value in told.items() if key not in _SHOWN_APART}
    return Job(
        kind=kind,
        name=name,
        status=found.get(kind.status, "") if kind.status else "",
        failure=told.get("FailureReason", ""),
        metrics=tuple((each["MetricName"], each["Value"]) for each in told.get("FinalMetricDataList", [])),
        steps=tuple(_step(each) for each in told.get("SecondaryStatusTransitions", [])),
        description=json.dumps(rest, indent=2, default=_text),
        log=_log(kind, name, found, clients) if kind.log_group else (),
    )


def _described(sagemaker: Any, describe: str, **name: str) -> dict[str, Any] | None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - heavy, and only the page needs it

    try:
        found: dict[str, Any] = getattr(sagemaker, describe)(**name)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ValidationException", "ResourceNotFound"}:
            return None
        raise
    return found


def _dag_id(sagemaker: Any, arn: str) -> str:
    from sagewind.jobs import service  # noqa: PLC0415 - as above

    tags = service.tags_of(service.Caller(sagemaker, patience=0.0), arn) or {}
    return tags.get(DAG_TAG, "")


def _log(kind: Kind, name: str, found: dict[str, Any], clients: aws.Clients) -> tuple[str, ...]:
    hidden = masking.secrets([found, *_served(clients("sagemaker"), found)])
    return tuple(masking.masked_text(line, hidden) for line in _tail(kind, name, clients("logs")))


def _served(sagemaker: Any, found: dict[str, Any]) -> Iterator[dict[str, Any] | None]:
    """Yield the models whose containers write an endpoint's or a transform job's log."""
    config = found.get("EndpointConfigName")
    holder = _described(sagemaker, "describe_endpoint_config", EndpointConfigName=config) if config else found
    variants = [found, *(holder or {}).get("ProductionVariants", ())]
    for name in {each["ModelName"] for each in variants if "ModelName" in each}:
        yield _described(sagemaker, "describe_model", ModelName=name)


def _step(each: dict[str, Any]) -> tuple[str, str, str]:
    return _text(each["StartTime"]), each["Status"], each.get("StatusMessage", "")


def _text(value: Any) -> str:
    return str(value.isoformat(timespec="seconds")) if hasattr(value, "isoformat") else str(value)


def _tail(kind: Kind, name: str, logs: Any) -> list[str]:
    """Return the last lines of the newest stream; none when there is no log yet."""
    group = kind.log_group.format(name=name)
    prefix = {"logStreamNamePrefix": kind.log_prefix.format(name=name)} if kind.log_prefix else {}
    try:
        streams = logs.describe_log_streams(logGroupName=group, **prefix)["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    if not streams:
        return []
    newest = max(streams, key=lambda stream: stream.get("lastEventTimestamp", stream.get("creationTime", 0)))
    events = logs.get_log_events(
        logGroupName=group, logStreamName=newest["logStreamName"], limit=LOG_LINES, startFromHead=False
    )["events"]
    return [str(event["message"]).rstrip("\n") for event in events]
