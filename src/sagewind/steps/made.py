"""The jobs of a model or of a DAG: found by their names, and where a name tells too little by their tags.

Lists tell no tags, ListTags is a call for each job, and Search, which finds by tags, knows neither processing
nor transform jobs, and of others what is indexed already. A job's name begins as its DAG's; but a tuning
job's has 32 characters, too few for the names of some. Its training jobs have its tags
(CreateHyperParameterTuningJob, `Tags`), so one of them is asked for all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind import naming
from sagewind.jobs import identity, kinds

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

_KINDS = (kinds.TRAINING, kinds.PROCESSING, kinds.TRANSFORM)
_OF_TUNING = re.compile(r"-\d{3,}-[0-9a-f]{8}$")
"""What SageMaker adds to a tuning job's name for each of its training jobs."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as a list tells of it."""

    kind: kinds.Kind
    name: str
    arn: str

    @property
    def tuning(self) -> str:
        """The name of the tuning job whose training job it is; empty: it is none's."""
        found = _OF_TUNING.search(self.name) if self.kind is kinds.TRAINING else None
        return self.name[: found.start()] if found else ""

    def may_begin(self, beginning: str) -> bool:
        """Whether it may have been given a name that begins so."""
        if self.tuning:
            return identity.may_be(self.tuning, beginning, kinds.TUNING.longest)
        return identity.may_be(self.name, beginning, self.kind.longest)


class Jobs:
    """Finds jobs with a boto3 `sagemaker` client, and remembers the tags that it was told."""

    def __init__(self, sagemaker: Any) -> None:
        self._client = sagemaker
        self._tags: dict[str, dict[str, str]] = {}

    def since(self, start: dt.datetime, *dag_ids: str) -> Iterator[Job]:
        """Yield each job made since `start` that may be one of the DAGs'."""
        beginnings = dict.fromkeys(naming.beginning(each) for each in dag_ids if naming.slug(each))
        for kind in _KINDS:
            found = {job.name: job for each in beginnings for job in self._listed(kind, start, each)}
            yield from found.values()

    def tags(self, job: Job) -> dict[str, str]:
        """Return a job's tags."""
        asked = job.tuning or job.arn
        if asked not in self._tags:
            pages = self._client.get_paginator("list_tags").paginate(ResourceArn=job.arn)
            self._tags[asked] = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        return self._tags[asked]

    def describe(self, job: Job) -> dict[str, Any]:
        """Return what AWS describes a job as."""
        described: dict[str, Any] = getattr(self._client, f"describe_{job.kind.method}")(
            **{job.kind.name_key: job.name}
        )
        return described

    def _listed(self, kind: kinds.Kind, start: dt.datetime, beginning: str) -> Iterator[Job]:
        shortest = kinds.TUNING.longest if kind is kinds.TRAINING else kind.longest
        pages = self._client.get_paginator(f"list_{kind.method}s").paginate(
            NameContains=identity.stem(beginning, shortest),
            CreationTimeAfter=start,
            SortBy="CreationTime",
            SortOrder="Descending",
        )
        for page in pages:
            for each in page[f"{kind.key}Summaries"]:
                job = Job(kind=kind, name=each[kind.name_key], arn=kind.arn(each))
                if job.may_begin(beginning):
                    yield job
