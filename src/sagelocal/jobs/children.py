"""The training jobs of a tuning job: made like any other, seen through the store and their logs.

They are rows of the store that the service runs as it runs all training jobs, so that neither the end of the
service nor that of the tuning job's supervisor ends them, or makes them run twice.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from sagelocal.algorithms import catalog
from sagelocal.jobs import mailbox, metrics, plan, preferences, transitions
from sagelocal.jobs.folder import JobFolder
from sagelocal.jobs.status import TERMINAL, JobStatus
from sagelocal.jobs.store import AlreadyExistsError, MissingError
from sagelocal.tuning import trials as trying

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sagelocal.jobs.store import Store
    from sagelocal.tuning.definition import Definition
    from sagelocal.tuning.trials import Trial

KIND = "training-job"
TUNED = "TunedHyperParameters"
"""A member of a child's body beside those of Describe: which hyperparameters its tuning job chose."""
_TAKEN = (
    *("RoleArn", "InputDataConfig", "OutputDataConfig", "VpcConfig", "CheckpointConfig"),
    *("RetryStrategy", "Environment"),
)
_OF_RESOURCES = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")


class Children:
    """The training jobs of one tuning job."""

    def __init__(self, store: Store, data_dir: Path, tuning: Mapping[str, Any]) -> None:
        self._store = store
        self._data_dir = data_dir
        self._name: str = tuning["HyperParameterTuningJobName"]
        self._arn: str = tuning["HyperParameterTuningJobArn"]
        self._seed = f"{self._arn} {tuning['CreationTime']}"
        self._curves: dict[str, Curve] = {}

    def bodies(self) -> list[dict[str, Any]]:
        """Return the Describe bodies of all that were made, in order."""
        found: list[dict[str, Any]] = []
        while True:
            try:
                found.append(self._store.get(KIND, self._child(len(found) + 1)).body)
            except MissingError:
                return found

    def trial(self, body: Mapping[str, Any], definition: Definition, *, curve: bool) -> Trial:
        """Return what is known of one; with `curve` its log is read for the objective's values so far.

        What the definition tunes counts as tuned, though it may have been static in a parent's training job.
        """
        name = body["TrainingJobName"]
        metric, given = definition.objective.metric, body["HyperParameters"]
        return trying.Trial(
            name=name,
            parameters={each.name: given[each.name] for each in definition.ranges if each.name in given},
            status=body["TrainingJobStatus"],
            value=trying.objective_of(body, metric),
            definition=definition.name,
            curve=self._curve(name, body, metric) if curve else (),
        )

    def make(
        self, number: int, definition: Definition, parameters: dict[str, str], tags: dict[str, str]
    ) -> None:
        """Store the training job number `number` (from 1), and have the service run it."""
        name = self._child(number)
        arn = f"{self._arn.partition(':hyper-parameter-tuning-job/')[0]}:{KIND}/{name}"
        body = child_body(name, arn, self._arn, definition, parameters)
        with contextlib.suppress(AlreadyExistsError):
            self._store.create(KIND, name, arn, body, tags)
        mailbox.put(self._data_dir, KIND, name)

    def remind(self, name: str) -> None:
        """Have the service see to a child that it may not know of."""
        mailbox.put(self._data_dir, KIND, name)

    def stop(self, name: str) -> None:
        """Stop a child; one that is over, or stopping, is left alone."""

        def mark(body: dict[str, Any]) -> None:
            if body["TrainingJobStatus"] == JobStatus.IN_PROGRESS:
                body["TrainingJobStatus"] = JobStatus.STOPPING
                transitions.advance(body, "Stopping", time.time())

        body = self._store.update(KIND, name, mark).body
        if body["TrainingJobStatus"] not in TERMINAL:
            mailbox.put(self._data_dir, KIND, name)

    def _child(self, number: int) -> str:
        return trying.child_name(self._name, number, self._seed)

    def _curve(self, name: str, body: Mapping[str, Any], metric: str) -> tuple[float, ...]:
        curve = self._curves.get(name)
        if curve is None:
            log = JobFolder(self._data_dir / "jobs" / KIND / name).container_log
            curve = self._curves[name] = Curve(log, body, metric)
        return curve.values()


class Curve:
    """A metric's values in a log that grows."""

    def __init__(self, log: Path, body: Mapping[str, Any], metric: str) -> None:
        definitions = body["AlgorithmSpecification"].get("MetricDefinitions", [])
        chosen = [
            plan.Metric(name=each["Name"], regex=each["Regex"])
            for each in definitions
            if each["Name"] == metric
        ]
        self._scanner = metrics.Scanner(chosen, lambda _: None)
        self._log = log
        self._offset = 0
        self._values: list[float] = []

    def values(self) -> tuple[float, ...]:
        """Return all values up to the last whole line."""
        if self._log.is_file():
            with self._log.open("rb") as stream:
                stream.seek(self._offset)
                whole, newline, _ = stream.read().rpartition(b"\n")
            self._offset += len(whole) + len(newline)
            for line in whole.decode(errors="replace").splitlines():
                self._values += [found.value for found in self._scanner.scan(line, 0.0)]
        return tuple(self._values)


def child_body(
    name: str, arn: str, tuning_arn: str, definition: Definition, parameters: dict[str, str]
) -> dict[str, Any]:
    """Return the body of a new training job, as CreateTrainingJob would store it."""
    job, moment = definition.job, time.time()
    body: dict[str, Any] = {
        "TrainingJobName": name,
        "TrainingJobArn": arn,
        "TuningJobArn": tuning_arn,
        "HyperParameters": {
            **job.get("StaticHyperParameters", {}),
            trying.METRIC_PARAMETER: definition.objective.metric,
            **parameters,
        },
        TUNED: parameters,
        "ResourceConfig": resources(job),
        "CreationTime": moment,
        "LastModifiedTime": moment,
        "TrainingJobStatus": JobStatus.IN_PROGRESS,
        **{key: job[key] for key in _TAKEN if key in job},
        **plan.defaults(job),
    }
    body["AlgorithmSpecification"] = _specification(body, job, definition)
    transitions.advance(body, "Starting", moment)
    return body


def _specification(body: dict[str, Any], job: Mapping[str, Any], definition: Definition) -> dict[str, Any]:
    """Return the AlgorithmSpecification with the objective among its metrics, as SageMaker adds it."""
    given = dict(job["AlgorithmSpecification"])
    algorithm = catalog.of_training(body | {"AlgorithmSpecification": given})
    metric_definitions = list(given.get("MetricDefinitions", []))
    if algorithm is not None:
        metric_definitions = catalog.metric_definitions(algorithm)
    for each in metric_definitions:
        if each["Name"] == definition.objective.metric:
            metric_definitions.append({"Name": trying.OBJECTIVE, "Regex": each["Regex"]})
            break
    return given | {"MetricDefinitions": metric_definitions}


def resources(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ResourceConfig of a definition's training jobs."""
    if "ResourceConfig" in job:
        return preferences.selected(job["ResourceConfig"])
    given = job["HyperParameterTuningResourceConfig"]
    first = (given.get("InstanceConfigs") or [given])[0]
    members = {**given, **first}
    return {key: members[key] for key in _OF_RESOURCES if key in members}
