"""What a job's page shows, asked of AWS when the page is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind import aws
from sagewind.errors import SagewindError

if TYPE_CHECKING:
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


def look(kind: Kind, name: str, clients: aws.Clients = aws.client) -> Job:
    """Describe a job and read the end of its log.

    Raises:
        JobMissingError: there is none of that name.
        botocore.exceptions.ClientError: AWS refuses for another reason.

    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - heavy, and only the page needs it

    try:
        found = getattr(clients("sagemaker"), kind.describe)(**{kind.result[1]: name})
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ValidationException", "ResourceNotFound"}:
            raise JobMissingError(f"SageMaker knows no {kind.slug} named {name!r}") from error
        raise
    rest = {key: value for key, value in found.items() if key not in _SHOWN_APART}
    return Job(
        kind=kind,
        name=name,
        status=found.get(kind.status, "") if kind.status else "",
        failure=found.get("FailureReason", ""),
        metrics=tuple((each["MetricName"], each["Value"]) for each in found.get("FinalMetricDataList", [])),
        steps=tuple(_step(each) for each in found.get("SecondaryStatusTransitions", [])),
        description=json.dumps(rest, indent=2, default=_text),
        log=tuple(_tail(kind, name, clients("logs"))) if kind.log_group else (),
    )


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
