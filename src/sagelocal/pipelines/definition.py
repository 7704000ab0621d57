"""A pipeline definition, schema version 2020-12-01: text → checked, frozen values. Pure.

The steps within the branches of Condition steps are in the same flat table as the others; each knows the
condition and the outcome that it waits for. What is wrong is found here, before anything runs.

Source: https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/
"""

from __future__ import annotations

import graphlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagelocal.pipelines import caching, conditions, expressions, retries, steps
from sagelocal.pipelines import parameters as parametrising

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sagelocal.pipelines.parameters import Parameter
    from sagelocal.pipelines.retries import Policy

VERSION = "2020-12-01"
MOST_STEPS = 50
"""https://docs.aws.amazon.com/general/latest/gr/sagemaker.html: steps of a pipeline."""
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_BRANCHES = {"IfSteps": True, "ElseSteps": False}
_FILE_MEMBERS = ("PropertyFileName", "OutputName", "FilePath")
_MEMBERS = {"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps"}


class DefinitionError(ValueError):
    """A definition that is none; the message names the step, the value got, and what is allowed."""


class UnsupportedError(DefinitionError):
    """A definition that AWS would take and that cannot be carried out here; the message gives the reason."""


@dataclass(frozen=True, kw_only=True)
class PropertyFile:
    """A JSON file that a Processing step leaves in one of its outputs."""

    output: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Where a step hangs on a Condition step."""

    condition: str
    outcome: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    needs: frozenset[str]
    """The steps that must have succeeded before it begins: those it refers to, and those it depends on."""
    branch: Branch | None = None
    display_name: str = ""
    description: str = ""
    max_age: float | None = None
    """Seconds that an earlier run's result may be used for; None: it always runs."""
    retries: tuple[Policy, ...] = retries.DEFAULTS
    property_files: Mapping[str, PropertyFile] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A pipeline."""

    parameters: Mapping[str, Parameter]
    steps: Mapping[str, Step]
    """By name, in an order in which they could run."""
    experiment: Mapping[str, Any] | None
    """PipelineExperimentConfig, its expressions still to be evaluated."""


def parse(text: str) -> Definition:
    """Read and check a definition.

    Raises:
        DefinitionError: it is none; or `UnsupportedError`, when it asks for what is not done here.

    """
    try:
        return _definition(_document(text))
    except RecursionError as error:
        raise DefinitionError("it is nested too deeply") from error


def _definition(document: Mapping[str, Any]) -> Definition:
    try:
        declared = parametrising.parse(document.get("Parameters", []))
        found = _unique(list(_steps(document.get("Steps"), None)))
        experiment = document.get("PipelineExperimentConfig")
        if experiment is not None and not isinstance(experiment, dict):
            raise DefinitionError(f"PipelineExperimentConfig is {experiment!r}; an object is needed")
        for reference in expressions.references(experiment):
            if reference.kind == expressions.STEPS:
                raise DefinitionError("PipelineExperimentConfig cannot refer to a step")
            _check_reference(reference, declared, found, "PipelineExperimentConfig")
    except (expressions.ExpressionError, parametrising.ParameterError) as error:
        raise DefinitionError(str(error)) from error
    for step in found.values():
        _check(step, declared, found)
    return Definition(parameters=declared, steps=_ordered(found), experiment=experiment)


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DefinitionError(f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise DefinitionError(f"it is a JSON {type(document).__name__}; an object is needed")
    if document.get("Version") != VERSION:
        raise DefinitionError(f"Version is {document.get('Version')!r}; allowed is {VERSION!r}")
    if document.get("MlflowConfig"):
        raise UnsupportedError("sagelocal cannot log a pipeline to MLflow; leave MlflowConfig out")
    strangers = sorted(set(document) - _MEMBERS)
    if strangers:
        raise DefinitionError(f"it has a member {strangers[0]!r}; allowed are {', '.join(sorted(_MEMBERS))}")
    return document


def _steps(given: Any, branch: Branch | None) -> Iterator[Step]:
    """Yield the steps of a list, and those of their branches."""
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise DefinitionError("Steps must be a list of objects")
    for each in given:
        step = _step(each, branch)
        yield step
        if step.type == steps.CONDITION:
            for member, outcome in _BRANCHES.items():
                within = step.arguments.get(member) or []
                yield from _steps(within, Branch(condition=step.name, outcome=outcome))


def _step(given: Mapping[str, Any], branch: Branch | None) -> Step:
    name, kind = given.get("Name"), given.get("Type")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DefinitionError(f"a step's Name is {name!r}; allowed are 1 to 64 letters, digits, - and _")
    _check_type(name, kind)
    arguments = given.get("Arguments", {})
    if not isinstance(arguments, dict):
        raise DefinitionError(f"Step {name!r}: Arguments is {arguments!r}; an object is needed")
    own = {key: value for key, value in arguments.items() if kind != steps.CONDITION or key not in _BRANCHES}
    try:
        needs = {each.name for each in expressions.references(own) if each.kind == expressions.STEPS}
        return Step(
            name=name,
            type=str(kind),
            arguments=arguments,
            needs=frozenset({*needs, *_depends_on(given)}),
            branch=branch,
            display_name=str(given.get("DisplayName") or ""),
            description=str(given.get("Description") or ""),
            max_age=_max_age(given),
            retries=retries.parse(given["RetryPolicies"]) if "RetryPolicies" in given else retries.DEFAULTS,
            property_files=dict(_property_files(given)),
        )
    except ValueError as error:
        raise DefinitionError(f"Step {name!r}: {error}") from error


def _check_type(name: str, kind: Any) -> None:
    allowed = [*steps.KINDS, steps.CONDITION, steps.FAIL]
    if kind in list(steps.REFUSED):
        raise UnsupportedError(f"sagelocal cannot run step {name!r} of type {kind}: {steps.REFUSED[kind]}")
    if kind not in allowed:
        raise DefinitionError(f"Step {name!r}: Type is {kind!r}; allowed are {', '.join(allowed)}")


def _max_age(given: Mapping[str, Any]) -> float | None:
    kind = steps.KINDS.get(given["Type"])
    if "CacheConfig" not in given:
        return None
    if kind is None or not kind.cache_key:
        raise DefinitionError(f"a step of type {given['Type']} has no CacheConfig")
    return caching.parse(given["CacheConfig"])


def _depends_on(given: Mapping[str, Any]) -> list[str]:
    names = given.get("DependsOn") or []
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise DefinitionError(f"DependsOn is {names!r}; a list of steps' names is needed")
    return names


def _property_files(given: Mapping[str, Any]) -> Iterator[tuple[str, PropertyFile]]:
    files = given.get("PropertyFiles") or []
    if files and given["Type"] != steps.PROCESSING:
        raise DefinitionError(f"a step of type {given['Type']} has no PropertyFiles; a Processing step has")
    if not isinstance(files, list):
        raise DefinitionError(f"PropertyFiles is {files!r}; a list is needed")
    for each in files:
        if not isinstance(each, dict) or not all(isinstance(each.get(key), str) for key in _FILE_MEMBERS):
            raise DefinitionError(
                f"{each!r} is no property file: texts {', '.join(_FILE_MEMBERS)} are needed"
            )
        yield each["PropertyFileName"], PropertyFile(output=each["OutputName"], path=each["FilePath"])


def _unique(found: list[Step]) -> dict[str, Step]:
    if not found:
        raise DefinitionError("it has no Steps")
    if len(found) > MOST_STEPS:
        raise DefinitionError(f"it has {len(found)} steps; at most {MOST_STEPS} are allowed")
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DefinitionError(f"two steps are called {twice[0]!r}; names must be unique")
    return {each.name: each for each in found}


def _check(step: Step, declared: Mapping[str, Parameter], found: Mapping[str, Step]) -> None:
    """Check what a step says against the rest of the pipeline."""
    where = f"Step {step.name!r}"
    unknown = sorted(step.needs - set(found))
    if unknown:
        raise DefinitionError(f"{where} needs the step {unknown[0]!r}, which is not there")
    for name in sorted(step.needs):
        if found[name].type == steps.FAIL:
            raise DefinitionError(f"{where} needs the Fail step {name!r}, after which nothing comes")
    if step.type == steps.CONDITION:
        _check_conditions(step)
    elif step.type == steps.FAIL and "ErrorMessage" not in step.arguments:
        raise DefinitionError(f"{where}: a Fail step needs an ErrorMessage")
    own = {key: value for key, value in step.arguments.items() if key not in _BRANCHES}
    for reference in expressions.references(own):
        _check_reference(reference, declared, found, where)


def _check_conditions(step: Step) -> None:
    given = step.arguments.get("Conditions")
    if not isinstance(given, list):
        raise DefinitionError(f"Step {step.name!r}: Conditions is {given!r}; a list is needed")
    try:
        for each in given:
            conditions.check(each)
    except conditions.ConditionError as error:
        raise DefinitionError(f"Step {step.name!r}: {error}") from error


def _check_reference(
    reference: expressions.Reference,
    declared: Mapping[str, Parameter],
    found: Mapping[str, Step],
    where: str,
) -> None:
    if reference.kind == expressions.PARAMETERS and reference.name not in declared:
        known = ", ".join(declared) or "none"
        raise DefinitionError(f"{where} refers to the parameter {reference.name!r}; declared are {known}")
    if reference.kind == expressions.STEPS and reference.property_file:
        files = found[reference.name].property_files
        if reference.property_file not in files:
            known = ", ".join(files) or "none"
            raise DefinitionError(
                f"{where} reads the property file {reference.property_file!r} of step {reference.name!r}, "
                f"which has {known}"
            )


def _ordered(found: Mapping[str, Step]) -> dict[str, Step]:
    """Return the steps in an order in which they could run."""
    graph = {
        step.name: sorted(step.needs | ({step.branch.condition} if step.branch else set()))
        for step in found.values()
    }
    try:
        order = list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        circle = " → ".join(error.args[1])
        raise DefinitionError(f"the steps need each other in a circle: {circle}") from error
    return {name: found[name] for name in order}
