"""What is kept of pipelines: the pipeline, a row per version of its definition, a row per execution.

A pipeline's ARN is `…:pipeline/<name>`, an execution's `…:pipeline/<name>/execution/<id>`. The bodies of
versions and executions have a few members that no answer shows:

| member of an execution | meaning |
|---|---|
| `Values` | the parameters' values, in their own types |
| `Steps` | the steps that have begun, by name: what ListPipelineExecutionSteps shows, and more |
| `Attempts` | how often each step was tried, over all retries of the execution |
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sagelocal.api.kinds import PIPELINE, PIPELINE_EXECUTION
from sagelocal.jobs.store import AlreadyExistsError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagelocal.api.account import Account
    from sagelocal.jobs.store import Resource, Store

VERSION = "pipeline-version"
EXECUTION = PIPELINE_EXECUTION.kind
_EXECUTION_WORD = "/execution/"

Body = dict[str, Any]


class PipelineRecords:
    """The rows of pipelines."""

    def __init__(self, store: Store, account: Account) -> None:
        self._store = store
        self._account = account
        self.changing = threading.Lock()
        """Held by whoever changes which pipelines, versions and executions there are."""

    def arn(self, name: str) -> str:
        """Return the ARN that a pipeline or an execution has, or would have, by its name here."""
        return self._account.arn(PIPELINE.kind, name)

    # -- pipelines

    def create(self, name: str, body: Body, tags: dict[str, str]) -> None:
        """Add a pipeline.

        Raises:
            ServiceError: the kind's own, when the name is taken.

        """
        try:
            self._store.create(PIPELINE.kind, name, self.arn(name), body, tags)
        except AlreadyExistsError as error:
            raise PIPELINE.already_exists(self._account, name) from error

    def get(self, name_or_arn: str) -> Resource:
        """Return a pipeline by its name or ARN.

        Raises:
            ResourceNotFound: there is none.

        """
        name = name_or_arn.rpartition("/")[2]
        try:
            return self._store.get(PIPELINE.kind, name)
        except MissingError as error:
            raise PIPELINE.not_found(self._account, name) from error

    def all(self) -> Sequence[Resource]:
        """Return all pipelines, oldest first."""
        return self._store.list(PIPELINE.kind)

    def update(self, name: str, change: Callable[[Body], None]) -> Resource:
        """Change a pipeline's body in place."""
        try:
            return self._store.update(PIPELINE.kind, name, change)
        except MissingError as error:
            raise PIPELINE.not_found(self._account, name) from error

    def remove(self, name: str) -> None:
        """Remove a pipeline with all that belongs to it; whatever ends this midway, it can be done again."""
        for each in self.executions(name):
            self._store.delete(EXECUTION, each.name)
        versions = self.versions(name)
        self._store.delete(PIPELINE.kind, name)
        for each in versions:
            self._store.delete(VERSION, each.name)

    # -- versions

    def put_version(self, name: str, number: int, body: Body) -> None:
        """Add a version; one that an unfinished change left is replaced."""
        key = f"{name}/{number}"
        try:
            self._store.create(VERSION, key, f"{self.arn(name)}:{VERSION}:{number}", body)
        except AlreadyExistsError:
            self._store.update(VERSION, key, lambda _: body)

    def versions(self, name: str) -> list[Resource]:
        """Return a pipeline's versions, oldest first."""
        last = self.get(name).body["LastVersion"]
        return [self._store.get(VERSION, f"{name}/{number}") for number in range(1, last + 1)]

    def version(self, name: str, number: int) -> Resource:
        """Return one version.

        Raises:
            ResourceNotFound: there is none.

        """
        if 1 <= number <= self.get(name).body["LastVersion"]:
            return self._store.get(VERSION, f"{name}/{number}")
        raise PIPELINE.missing_error(f"Pipeline '{self.arn(name)}' has no version {number}")

    def update_version(self, name: str, number: int, change: Callable[[Body], None]) -> None:
        """Change a version's body in place."""
        self.version(name, number)
        self._store.update(VERSION, f"{name}/{number}", change)

    # -- executions

    def create_execution(self, name: str, body: Body) -> bool:
        """Add an execution; tell whether it is new."""
        try:
            self._store.create(EXECUTION, name, self.arn(name), body)
        except AlreadyExistsError:
            return False
        return True

    def execution(self, name_or_arn: str) -> Resource:
        """Return an execution by its name here, `<pipeline>/execution/<id>`, or its ARN.

        Raises:
            ResourceNotFound: there is none.

        """
        name = name_or_arn.partition(f":{PIPELINE.kind}/")[2] or name_or_arn
        try:
            return self._store.get(EXECUTION, name)
        except MissingError as error:
            raise PIPELINE_EXECUTION.not_found(self._account, self.arn(name)) from error

    def executions(self, pipeline: str) -> list[Resource]:
        """Return the executions of a pipeline, oldest first."""
        start = f"{pipeline}{_EXECUTION_WORD}"
        return [each for each in self._store.list(EXECUTION) if each.name.startswith(start)]

    def all_executions(self) -> Sequence[Resource]:
        """Return the executions of all pipelines, oldest first."""
        return self._store.list(EXECUTION)

    def update_execution(self, name: str, change: Callable[[Body], None]) -> Resource:
        """Change an execution's body in place."""
        try:
            return self._store.update(EXECUTION, name, change)
        except MissingError as error:
            raise PIPELINE_EXECUTION.not_found(self._account, self.arn(name)) from error

    def close(self) -> None:
        """Close this thread's connection."""
        self._store.close()


def execution_name(pipeline: str, identifier: str) -> str:
    """Return what an execution is called here."""
    return f"{pipeline}{_EXECUTION_WORD}{identifier}"
