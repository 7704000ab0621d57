"""A CreateHyperParameterTuningJob request as values: what to search, how, and until when. Pure.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.tuning import ranges as searching
from sagelocal.tuning import strategies
from sagelocal.tuning.trials import Objective

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sagelocal.tuning.ranges import Range

AUTO_LOW, AUTO_HIGH = 0.1, 10.0
"""A parameter left to autotuning is searched from a tenth of its hint to ten times as much."""
_MOST_JOBS = 750
"""A tuning job that does not say how many training jobs it makes, makes so many: AWS's quota.

https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-limits.html
"""
_MOST_RESOURCE = 20_000
_RESOURCES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters that say Hyperband's MaxResource when nothing else does.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperbandStrategyConfig.html
"""


class DefinitionError(ValueError):
    """The request cannot be carried out; the message is for its sender."""


@dataclass(frozen=True, kw_only=True)
class Halving:
    """Hyperband's resources: how many values of the objective a job gives at least and at most."""

    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One training job definition: what is tuned, and what the training jobs have in common."""

    name: str
    objective: Objective
    ranges: tuple[Range, ...]
    job: Mapping[str, Any]
    """The HyperParameterTrainingJobDefinition itself."""
    halving: Halving | None = None
    """None for strategies other than Hyperband."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """A tuning job."""

    strategy: str
    definitions: tuple[Definition, ...]
    most_jobs: int
    parallel: int
    seed: str
    stops_early: bool = False
    max_runtime: float | None = None
    target: float | None = None
    most_not_improving: int | None = None

    def turns(self) -> Iterator[Definition]:
        """Yield the definition of each training job in order: they take turns while they have points left."""
        for turn in itertools.count():
            left = [each for each in self.definitions if turn < strategies.size(each.ranges)]
            if not left:
                return
            yield from left


def parse(body: Mapping[str, Any]) -> Tuning:
    """Return the tuning job of a request, or of a Describe body.

    Raises:
        DefinitionError: something is missing, or does not go together.

    """
    config = body["HyperParameterTuningJobConfig"]
    several = body.get("TrainingJobDefinitions", [])
    jobs = several or ([body["TrainingJobDefinition"]] if "TrainingJobDefinition" in body else [])
    if not jobs or (several and "TrainingJobDefinition" in body):
        got = "both are there" if jobs else "neither is"
        raise DefinitionError(f"one of TrainingJobDefinition and TrainingJobDefinitions is needed; {got}")
    definitions = tuple(_definition(job, config, named=bool(several)) for job in jobs)
    names = [each.name for each in definitions]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DefinitionError(
            f"DefinitionName {twice[0]!r} is in TrainingJobDefinitions twice; names must be unique"
        )
    limits, strategy = config["ResourceLimits"], config["Strategy"]
    criteria = config.get("TuningJobCompletionCriteria", {})
    _check(strategy, config, definitions)
    return Tuning(
        strategy=strategy,
        definitions=definitions,
        most_jobs=_most_jobs(strategy, limits, definitions, has_end=_has_end(criteria)),
        parallel=limits["MaxParallelTrainingJobs"],
        seed=str(config.get("RandomSeed", body["HyperParameterTuningJobName"])),
        stops_early=config.get("TrainingJobEarlyStoppingType") == "Auto",
        max_runtime=limits.get("MaxRuntimeInSeconds"),
        target=criteria.get("TargetObjectiveMetricValue"),
        most_not_improving=criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        ),
    )


def _definition(job: Mapping[str, Any], config: Mapping[str, Any], *, named: bool) -> Definition:
    name = job.get("DefinitionName", "")
    where = f"TrainingJobDefinition {name!r}" if named else "HyperParameterTuningJobConfig"
    if named and not name:
        raise DefinitionError("Each of TrainingJobDefinitions needs a DefinitionName")
    objective = job.get("TuningObjective") if named else config.get("HyperParameterTuningJobObjective")
    given = job.get("HyperParameterRanges") if named else config.get("ParameterRanges")
    if objective is None:
        raise DefinitionError(f"{where} needs an objective")
    try:
        found = searching.parse(given or {})
    except searching.RangeError as error:
        raise DefinitionError(str(error)) from error
    found += tuple(_automatic(entry) for entry in (given or {}).get("AutoParameters", []))
    if not found:
        raise DefinitionError(f"{where} needs at least one parameter range")
    _check_static(job, found)
    return Definition(
        name=name,
        objective=Objective(metric=objective["MetricName"], type=objective["Type"]),
        ranges=found,
        job=job,
        halving=_halving(config, job) if config["Strategy"] == strategies.HYPERBAND else None,
    )


def _check_static(job: Mapping[str, Any], found: tuple[Range, ...]) -> None:
    both = sorted({each.name for each in found} & set(job.get("StaticHyperParameters", {})))
    if both:
        raise DefinitionError(f"The hyperparameter {both[0]!r} is static and has a range; one is allowed")
    if "TrainingImage" not in job["AlgorithmSpecification"]:
        raise DefinitionError("AlgorithmSpecification needs a TrainingImage")
    _check_resources(job)


def _check_resources(job: Mapping[str, Any]) -> None:
    plain, own = job.get("ResourceConfig"), job.get("HyperParameterTuningResourceConfig")
    differ = plain is not None and own is not None and not _are_alike(plain, own)
    if differ or (plain is None and own is None):
        got = "both are there" if differ else "neither is"
        raise DefinitionError(
            f"one of ResourceConfig and HyperParameterTuningResourceConfig is needed; {got}"
        )
    if own is not None and "InstanceType" not in own and not own.get("InstanceConfigs"):
        raise DefinitionError(
            "HyperParameterTuningResourceConfig names no instance: it has "
            f"{', '.join(own) or 'nothing'}; InstanceType or InstanceConfigs is needed"
        )


def _are_alike(plain: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Tell whether both name the same machines: so Describe tells them, and so they may come back."""
    first = {**own, **(own.get("InstanceConfigs") or [{}])[0]}
    return all(plain.get(key) == first.get(key) for key in ("InstanceType", "InstanceCount"))


def _automatic(entry: Mapping[str, Any]) -> Range:
    """Return the range of an auto parameter: around its hint, or its hint alone when that is a word."""
    name, hint = entry["Name"], entry["ValueHint"]
    try:
        value = float(hint)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        return searching.Range(name=name, kind=searching.CATEGORICAL, values=(hint,))
    low, high = sorted((value * AUTO_LOW, value * AUTO_HIGH))
    whole = value.is_integer() and "." not in hint and "e" not in hint.lower()
    if value == 0:
        low, high = 0.0, 1.0
    return searching.Range(
        name=name,
        kind=searching.INTEGER if whole else searching.CONTINUOUS,
        low=max(1.0, round(low)) if whole and value > 0 else low,
        high=round(high) if whole else high,
        scaling=searching.LOGARITHMIC if low > 0 else searching.LINEAR,
    )


def _check(strategy: str, config: Mapping[str, Any], definitions: tuple[Definition, ...]) -> None:
    if strategy == strategies.HYPERBAND and config.get("TrainingJobEarlyStoppingType") == "Auto":
        raise DefinitionError(
            "TrainingJobEarlyStoppingType is Auto; Hyperband has early stopping of its own, and takes Off"
        )
    criteria = config.get("TuningJobCompletionCriteria", {})
    if criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled":
        raise DefinitionError(
            "sagelocal cannot tell convergence: ConvergenceDetected.CompleteOnConvergence is Enabled; "
            "Disabled, BestObjectiveNotImproving and TargetObjectiveMetricValue work"
        )
    if strategy == strategies.GRID:
        for definition in definitions:
            try:
                strategies.grid_size(definition.ranges)
            except searching.RangeError as error:
                raise DefinitionError(str(error)) from error


def _most_jobs(
    strategy: str, limits: Mapping[str, Any], definitions: tuple[Definition, ...], *, has_end: bool
) -> int:
    given = limits.get("MaxNumberOfTrainingJobs")
    if strategy == strategies.GRID:
        size = sum(strategies.grid_size(definition.ranges) for definition in definitions)
        if given is not None and given != size:
            raise DefinitionError(
                f"MaxNumberOfTrainingJobs is {given}; the grid has {size} points: it must be that or absent"
            )
        return size
    if given is None and not has_end and "MaxRuntimeInSeconds" not in limits:
        raise DefinitionError("ResourceLimits needs MaxNumberOfTrainingJobs")
    return int(given) if given is not None else _MOST_JOBS


def _has_end(criteria: Mapping[str, Any]) -> bool:
    return "TargetObjectiveMetricValue" in criteria or "MaxNumberOfTrainingJobsNotImproving" in criteria.get(
        "BestObjectiveNotImproving", {}
    )


def _halving(config: Mapping[str, Any], job: Mapping[str, Any]) -> Halving:
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    least, most = given.get("MinResource", 1), given.get("MaxResource") or _static_resource(job)
    if most is None:
        raise DefinitionError(
            "Hyperband needs a MaxResource: HyperbandStrategyConfig has none, and StaticHyperParameters no "
            f"whole number above 0 as {', '.join(_RESOURCES)}"
        )
    if most > _MOST_RESOURCE:
        raise DefinitionError(f"Hyperband's MaxResource is {most}; {_MOST_RESOURCE} is the most")
    if least >= most:
        raise DefinitionError(f"Hyperband's MinResource is {least} and MaxResource {most}; it must be less")
    return Halving(least=least, most=most)


def _static_resource(job: Mapping[str, Any]) -> int | None:
    static = job.get("StaticHyperParameters", {})
    # The SDK writes a script's hyperparameters as JSON, so a number may be in quotes.
    given = (static[key].strip('"') for key in _RESOURCES if key in static)
    return next((int(text) for text in given if text.isdecimal() and int(text) > 0), None)
