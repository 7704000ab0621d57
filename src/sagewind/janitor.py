"""Finds what Sagewind made and nobody needs, and deletes it when told to.

Ours is what carries the tag `sagewind:model`; nothing else is ever touched. An endpoint is an orphan after
the time in its tag `sagewind:expires`; an endpoint config or a model when nothing refers to it; a running
job when the Airflow run in its tags `sagewind:dag` and `sagewind:run` is over.

What a run made is left alone until the run is over: days may pass between a model and the endpoint that
shall serve it. Of a run that is not known, only an endpoint that has expired is taken, since it costs.
Things younger than a grace period are left alone, too, and so is the newest verified model of each name,
which scores batches, and for a day the one before it: a batch that was prepared with it may still wait for a
pool. The default is to list only.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sagewind.errors import SagewindError
from sagewind.jobs.identity import DAG_TAG, RUN_TAG
from sagewind.requests import EXPIRES_TAG, MODEL_TAG, VERIFIED_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

GRACE = timedelta(hours=1)
HANDOVER = timedelta(days=1)


class JanitorError(SagewindError):
    """Something that the janitor relies on is not as it should be."""


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """Something of ours that nobody needs, and why."""

    kind: str
    """endpoint, endpoint-config, model, training-job, processing-job or transform-job."""
    name: str
    arn: str
    reason: str
    created: datetime


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a sweep found, deleted (or stopped), and could not."""

    found: tuple[Orphan, ...]
    deleted: tuple[Orphan, ...] = ()
    failed: tuple[tuple[Orphan, str], ...] = ()


@dataclass(frozen=True)
class _Job:
    """How one kind of job is listed, and stopped."""

    kind: str
    word: str

    @property
    def stop(self) -> tuple[str, str]:
        return f"stop_{self.kind.replace('-', '_')}", f"{self.word}Name"


_JOBS = (
    _Job("training-job", "TrainingJob"),
    _Job("processing-job", "ProcessingJob"),
    _Job("transform-job", "TransformJob"),
)
_DELETES = {
    "endpoint": ("delete_endpoint", "EndpointName"),
    "endpoint-config": ("delete_endpoint_config", "EndpointConfigName"),
    "model": ("delete_model", "ModelName"),
    **{job.kind: job.stop for job in _JOBS},
}


class Janitor:
    """Finds orphans with a boto3 `sagemaker` client.

    `run_is_over` tells it of a run, `<dag id>/<run id>`; None: the run is not known.
    """

    def __init__(
        self,
        client: Any,
        *,
        now: datetime,
        run_is_over: Callable[[str], bool | None],
        grace: timedelta = GRACE,
    ) -> None:
        self._client = client
        self._now = now.astimezone(UTC)
        self._run_is_over = functools.cache(run_is_over)
        self._grace = grace

    def sweep(self, *, delete: bool = False) -> Sweep:
        """List the orphans and, only when told to, delete them (jobs are stopped).

        What refers goes before what is referred to; an endpoint's tags are read again right before. A
        deletion that AWS refuses is reported, and does not keep the others from being tried.
        """
        found = tuple(self.find())
        if not delete:
            return Sweep(found=found)
        deleted, failed = [], []
        for orphan in found:
            if orphan.kind == "endpoint" and self._expired(self._tags(orphan.arn), orphan.name) is None:
                continue
            try:
                operation, parameter = _DELETES[orphan.kind]
                getattr(self._client, operation)(**{parameter: orphan.name})
                deleted.append(orphan)
            except ClientError as error:
                failed.append((orphan, error.response["Error"]["Message"]))
        return Sweep(found=found, deleted=tuple(deleted), failed=tuple(failed))

    def find(self) -> Iterator[Orphan]:
        """Yield the orphans: jobs, endpoints, configs that no endpoint uses, models that nothing uses.

        A config that only an expired endpoint uses is found once that endpoint is gone.
        """
        for job in _JOBS:
            yield from self._jobs(job)
        endpoints = list(self._list("endpoints", "Endpoints"))
        yield from self._endpoints(endpoints)
        used = self._configs_in_use(endpoints)
        configs = list(self._list("endpoint_configs", "EndpointConfigs"))
        for each in configs:
            name = each["EndpointConfigName"]
            arn = each["EndpointConfigArn"]
            if name not in used and self._is_old(each) and self._is_left(self._tags(arn)):
                yield _orphan("endpoint-config", name, arn, "no endpoint uses it", each)
        yield from self._models(configs)

    def _jobs(self, job: _Job) -> Iterator[Orphan]:
        plural = f"{job.kind.replace('-', '_')}s"
        running = self._list(plural, f"{job.word}Summaries", StatusEquals="InProgress")
        for each in running:
            arn = each[f"{job.word}Arn"]
            tags = self._tags(arn)
            run = _run(tags)
            if MODEL_TAG in tags and run and self._run_is_over(run):
                yield _orphan(job.kind, each[f"{job.word}Name"], arn, f"its run {run} is over", each)

    def _endpoints(self, endpoints: list[dict[str, Any]]) -> Iterator[Orphan]:
        for each in endpoints:
            name, arn = each["EndpointName"], each["EndpointArn"]
            expired = self._expired(self._tags(arn), name)
            if expired is not None:
                yield _orphan("endpoint", name, arn, f"expired at {expired.isoformat()}", each)

    def _models(self, configs: list[dict[str, Any]]) -> Iterator[Orphan]:
        used = self._models_in_use(configs)
        followed: dict[str, datetime] = {}
        for each in self._list("models", "Models", SortBy="CreationTime", SortOrder="Descending"):
            name, tags = each["ModelName"], self._tags(each["ModelArn"])
            ours = tags.get(MODEL_TAG, "")
            scores = bool(ours) and VERIFIED_TAG in tags and self._is_new(followed.get(ours))
            if ours and VERIFIED_TAG in tags:
                followed[ours] = each["CreationTime"]
            if not scores and name not in used and self._is_old(each) and self._is_left(tags):
                reason = "no endpoint config and no running transform job uses it"
                yield _orphan("model", name, each["ModelArn"], reason, each)

    def _expired(self, tags: Mapping[str, str], name: str) -> datetime | None:
        """Return when an endpoint of ours expired, None when it has not, is not ours, or its run goes on."""
        if MODEL_TAG not in tags or EXPIRES_TAG not in tags:
            return None
        try:
            at = datetime.fromisoformat(tags[EXPIRES_TAG])
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            got = tags[EXPIRES_TAG]
            raise JanitorError(f"endpoint {name}: tag {EXPIRES_TAG} is {got!r}; expected a time with a zone")
        run = _run(tags)
        goes_on = run and self._run_is_over(run) is False
        return at if at <= self._now and not goes_on else None

    def _configs_in_use(self, endpoints: list[dict[str, Any]]) -> set[str]:
        """Return the configs of all endpoints, ours or not; one that is being updated keeps both."""
        used: set[str] = set()
        for each in endpoints:
            described = self._client.describe_endpoint(EndpointName=each["EndpointName"])
            pending = described.get("PendingDeploymentSummary", {})
            used.update(
                part["EndpointConfigName"] for part in (described, pending) if "EndpointConfigName" in part
            )
        return used

    def _models_in_use(self, configs: list[dict[str, Any]]) -> set[str]:
        """Return the models of all endpoint configs and of the transform jobs that run."""
        used: set[str] = set()
        for each in configs:
            config = self._client.describe_endpoint_config(EndpointConfigName=each["EndpointConfigName"])
            variants = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", ())]
            used.update(variant["ModelName"] for variant in variants if "ModelName" in variant)
        for each in self._list("transform_jobs", "TransformJobSummaries", StatusEquals="InProgress"):
            used.add(
                self._client.describe_transform_job(TransformJobName=each["TransformJobName"])["ModelName"]
            )
        return used

    def _is_left(self, tags: Mapping[str, str]) -> bool:
        """Whether something is ours, and no run may still use what it has made."""
        run = _run(tags)
        return MODEL_TAG in tags and (not run or bool(self._run_is_over(run)))

    def _is_new(self, followed: datetime | None) -> bool:
        """Whether a verified model is the newest of its name, or was until a day ago."""
        return followed is None or self._now - followed < HANDOVER

    def _is_old(self, each: Mapping[str, Any]) -> bool:
        return bool(self._now - each["CreationTime"] >= self._grace)

    def _tags(self, arn: str) -> dict[str, str]:
        pages = self._client.get_paginator("list_tags").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    def _list(self, plural: str, key: str, **filters: str) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator(f"list_{plural}").paginate(**filters):
            yield from page[key]


def _run(tags: Mapping[str, str]) -> str:
    """Return the run that made something, `<dag id>/<run id>`; empty when its tags do not say it."""
    return f"{tags[DAG_TAG]}/{tags[RUN_TAG]}" if DAG_TAG in tags and RUN_TAG in tags else ""


def _orphan(kind: str, name: str, arn: str, reason: str, summary: Mapping[str, Any]) -> Orphan:
    return Orphan(kind=kind, name=name, arn=arn, reason=reason, created=summary["CreationTime"])
