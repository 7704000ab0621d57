"""From a step to the requests of SageMaker's API that carry it out. Pure.

Resources are named after the execution, the step and the attempt, so that an attempt that was cut off midway
finds what it has made already and makes nothing twice. As on AWS, a name that the definition gives is a
prefix at most: an execution never asks for a name that another has taken.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.pipelines import steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.pipelines.steps import StepKind

_SHORT_STEP = 8
_RANDOM = 10
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt at a step."""

    execution_arn: str
    step: str
    number: int

    @property
    def digest(self) -> str:
        """What is this attempt's alone: 64 characters."""
        return hashlib.sha256(f"{self.execution_arn} {self.step} {self.number}".encode()).hexdigest()


def job_name(kind: StepKind, attempt: Attempt, prefix: str = "") -> str:
    """Return the name of an attempt's resource: `pipelines-<execution>-<step>-<letters>`."""
    identifier = attempt.execution_arn.rpartition("/")[2]
    step = re.sub(r"[^A-Za-z0-9]+", "-", attempt.step).strip("-")
    if prefix:
        start = prefix
    elif kind.longest_name < len("pipelines-") + len(identifier) + _SHORT_STEP + _RANDOM:
        start = f"{identifier}-{step[:_SHORT_STEP].rstrip('-')}"
    else:
        start = f"pipelines-{identifier}-{step}"
    return f"{start[: kind.longest_name - _RANDOM - 1].rstrip('-')}-{letters(attempt.digest, _RANDOM)}"


def creation(
    kind: StepKind,
    attempt: Attempt,
    arguments: Mapping[str, Any],
    *,
    role: str,
    experiment: Mapping[str, str] | None,
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """Return the Create request of a step, from its evaluated arguments.

    A step without a role of its own has the pipeline's.
    """
    request = dict(arguments)
    if kind.type == steps.REGISTER_MODEL:
        request.pop("ModelPackageName", None)
        request.pop("Tags", None)
        made_by = {"GeneratedBy": attempt.execution_arn} | request.get("MetadataProperties", {})
        return request | {"ClientToken": attempt.digest[:36], "MetadataProperties": made_by}
    request[kind.name_key] = job_name(kind, attempt, str(arguments.get(kind.name_key) or ""))
    role_key = "ExecutionRoleArn" if kind.noun == "Model" else "RoleArn"
    if kind.noun in ("Model", "TrainingJob", "ProcessingJob"):
        request.setdefault(role_key, role)
    if experiment and kind.has_experiment:
        request.setdefault("ExperimentConfig", dict(experiment))
    own = {each["Key"] for each in request.get("Tags") or []}
    added = [{"Key": key, "Value": value} for key, value in tags.items() if key not in own]
    request["Tags"] = [*(request.get("Tags") or []), *added]
    return request


def description(kind: StepKind, resource: str) -> dict[str, str]:
    """Return the Describe request of a step's resource: a name, or a model package's ARN."""
    return {kind.name_key: resource}


def resource_of(kind: StepKind, request: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Return what a step's resource is described by, from its Create request and answer."""
    if kind.type == steps.REGISTER_MODEL:
        return str(answer[kind.arn_key])
    return str(request[kind.name_key])


def letters(seed: str, count: int) -> str:
    """Return lower-case letters and digits that follow from a text, as many as asked for."""
    number = int(hashlib.sha256(seed.encode()).hexdigest(), 16)
    found = ""
    for _ in range(count):
        number, place = divmod(number, len(_LETTERS))
        found += _LETTERS[place]
    return found
