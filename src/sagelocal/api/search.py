"""Search: resources whose properties pass an expression of filters.

A property is a path into the resource as the answer shows it (`ProductionVariants.CurrentWeight`), or one of
a map or list of pairs (`HyperParameters.eta`, `Metrics.loss`, `Tags.team`). Lists are searched through: one
element that passes is enough. Rules:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Search.html and API_Filter.html
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.api import experiments, listing
from sagelocal.errors import NotSupported, ValidationException
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from sagelocal.jobs.store import Store
    from sagelocal.wire.message import Call

MOST_CLAUSES = 20
"""Source: API_SearchExpression: "A search expression … can contain up to 20 elements"."""
_NAMED = {"Metrics": "MetricName", "FinalMetricDataList": "MetricName", "Tags": "Key"}
"""Lists of pairs: which member of an element is its name."""
_ALIASES = {"Metrics": "FinalMetricDataList"}
"""Source: API_Filter: a training job's metric is `Metrics.<name>`."""
_VALUES = ("Value", "Last", "NumberValue", "StringValue")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of resource that can be searched."""

    word: str
    """As in its ARN."""
    member: str
    """The member of a SearchRecord that holds one."""


KINDS = {
    "TrainingJob": Kind(word="training-job", member="TrainingJob"),
    "HyperParameterTuningJob": Kind(word="hyper-parameter-tuning-job", member="HyperParameterTuningJob"),
    "Experiment": Kind(word="experiment", member="Experiment"),
    "ExperimentTrial": Kind(word="experiment-trial", member="Trial"),
    "ExperimentTrialComponent": Kind(word="experiment-trial-component", member="TrialComponent"),
    "Endpoint": Kind(word="endpoint", member="Endpoint"),
    "Model": Kind(word="model", member="Model"),
    "ModelPackage": Kind(word="model-package", member="ModelPackage"),
    "ModelPackageGroup": Kind(word="model-package-group", member="ModelPackageGroup"),
    "ModelCard": Kind(word="model-card", member="ModelCard"),
    "FeatureGroup": Kind(word="feature-group", member="FeatureGroup"),
    "Project": Kind(word="project", member="Project"),
    "Pipeline": Kind(word="pipeline", member="Pipeline"),
    "PipelineExecution": Kind(word="pipeline-execution", member="PipelineExecution"),
}


class Search:
    """Search, and GetSearchSuggestions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @operation("Search")
    def search(self, call: Call) -> dict[str, Any]:
        """Return a page of the resources that pass, the last changed first when no order is asked for."""
        request = call.parameters
        kind = _kind(request["Resource"])
        expression = request.get("SearchExpression", {})
        if _size(expression) > MOST_CLAUSES:
            raise ValidationException(f"The search expression has more than {MOST_CLAUSES} elements")
        # Nobody has shared anything from another account.
        theirs = request.get("CrossAccountFilterOption") == "CrossAccount"
        found = [] if theirs else [each for each in self._documents(kind) if passes(each, expression)]
        order = request.get("SortBy", "LastModifiedTime")
        is_descending = request.get("SortOrder", "Descending") == "Descending"
        found.sort(key=lambda each: _place(each, order), reverse=is_descending)
        page, token = listing.numbered(found, request)
        return {
            "Results": [_record(kind, each) for each in page],
            "NextToken": token,
            "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
        }

    @operation("GetSearchSuggestions")
    def suggest(self, call: Call) -> dict[str, Any]:
        """Return the names of properties that begin as asked."""
        kind = _kind(call.parameters["Resource"])
        query = call.parameters.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
        hint = query.get("PropertyNameHint", "")
        names = {name for each in self._documents(kind) for name in _names(each) if name.startswith(hint)}
        return {"PropertyNameSuggestions": [{"PropertyName": name} for name in sorted(names)]}

    def _documents(self, kind: Kind) -> Iterator[dict[str, Any]]:
        """Yield the resources of a kind as they are searched."""
        parents = self._parents() if kind.word == experiments.COMPONENT else {}
        for resource in self._store.list(kind.word):
            tags = [{"Key": key, "Value": value} for key, value in self._store.tags(resource.arn).items()]
            found = resource.body | {"LastModifiedTime": resource.modified}
            if kind.word == experiments.COMPONENT:
                # The SDK's ExperimentAnalytics takes for a list what is not there.
                found = {key: {} for key in ("Parameters", "InputArtifacts", "OutputArtifacts")} | found
                found["Parents"] = parents.get(resource.arn, [])
            yield found | ({"Tags": tags} if tags else {})

    def _parents(self) -> dict[str, list[dict[str, str]]]:
        """Return the trials of each component, with their experiments, by the component's ARN."""
        trials = {
            each.arn: {key: each.body[key] for key in ("TrialName", "ExperimentName")}
            for each in self._store.list(experiments.TRIAL)
        }
        found: dict[str, list[dict[str, str]]] = {}
        for each in self._store.list(experiments.MEMBERSHIP):
            if trial := trials.get(each.body["TrialArn"]):
                found.setdefault(each.body["TrialComponentArn"], []).append(trial)
        return found


def passes(document: Mapping[str, Any], expression: Mapping[str, Any]) -> bool:
    """Tell whether a resource passes an expression; an empty one lets everything through."""
    results = [_test(document, each) for each in expression.get("Filters", [])]
    results += [_nested(document, each) for each in expression.get("NestedFilters", [])]
    results += [passes(document, each) for each in expression.get("SubExpressions", [])]
    if not results:
        return True
    return any(results) if expression.get("Operator") == "Or" else all(results)


def _nested(document: Mapping[str, Any], nested: Mapping[str, Any]) -> bool:
    """Tell whether one and the same element of a list passes all filters."""
    name = nested["NestedPropertyName"]
    below = [each | {"Name": each["Name"].removeprefix(f"{name}.")} for each in nested["Filters"]]
    return any(
        all(_test(element, each) for each in below)
        for element in _elements(document, name.split("."))
        if isinstance(element, Mapping)
    )


def _test(document: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    operator = wanted.get("Operator", "Equals")
    found = list(_elements(document, wanted["Name"].split(".")))
    if operator in ("Exists", "NotExists"):
        is_wanted: bool = operator == "Exists"
        return bool(found) == is_wanted
    if "Value" not in wanted:
        raise ValidationException(f"The filter on {wanted['Name']} with {operator} needs a Value")
    compare = _OPERATORS[operator]
    if operator == "NotEquals":
        return all(compare(each, wanted["Value"]) for each in found)
    return any(compare(each, wanted["Value"]) for each in found)


def _elements(value: Any, path: list[str]) -> Iterator[Any]:
    """Yield what a path leads to; lists are walked through, and pairs found by their name."""
    if isinstance(value, list):
        for each in value:
            yield from _elements(each, path)
    elif not path:
        is_parameter = isinstance(value, Mapping) and len(value) == 1
        yield next((value[key] for key in _VALUES if key in value), value) if is_parameter else value
    elif isinstance(value, Mapping):
        for count in range(len(path), 0, -1):
            # A key of a map may hold dots itself (`HyperParameters.a.b`).
            name = ".".join(path[:count])
            name = name if name in value else _ALIASES.get(name, name)
            if name in value:
                inner, rest = value[name], path[count:]
                if rest and name in _NAMED and isinstance(inner, list):
                    yield from _pair(inner, _NAMED[name], ".".join(rest))
                else:
                    yield from _elements(inner, rest)
                return


def _pair(pairs: list[Any], key: str, name: str) -> Iterator[Any]:
    own, _, member = name.rpartition(".")
    for each in pairs:
        if each.get(key) == name:
            yield from [each[value] for value in _VALUES if value in each][:1]
        elif own and each.get(key) == own and member in each:
            yield each[member]
        elif name in each:
            yield each[name]


def _number(text: Any) -> float | None:
    """Read a number, or a time as ISO 8601."""
    try:
        return float(text)
    except (TypeError, ValueError):
        pass
    try:
        time = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).timestamp()


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[Any, str], bool]:
    def test(found: Any, wanted: str) -> bool:
        mine, theirs = _number(found), _number(wanted)
        return mine is not None and theirs is not None and compare(mine, theirs)

    return test


def _equals(found: Any, wanted: str) -> bool:
    if isinstance(found, bool):
        return str(found).lower() == wanted.lower()
    if isinstance(found, int | float):
        return bool(found == _number(wanted))
    return bool(str(found) == wanted)


_OPERATORS: dict[str, Callable[[Any, str], bool]] = {
    "Equals": _equals,
    "NotEquals": lambda found, wanted: not _equals(found, wanted),
    "Contains": lambda found, wanted: wanted in str(found),
    "In": lambda found, wanted: any(_equals(found, each) for each in wanted.split(",")),
    "GreaterThan": _ordered(lambda mine, theirs: mine > theirs),
    "GreaterThanOrEqualTo": _ordered(lambda mine, theirs: mine >= theirs),
    "LessThan": _ordered(lambda mine, theirs: mine < theirs),
    "LessThanOrEqualTo": _ordered(lambda mine, theirs: mine <= theirs),
}


def _kind(resource: str) -> Kind:
    if resource not in KINDS:
        raise NotSupported(
            f"sagelocal cannot search {resource}: none can be here; it searches {', '.join(KINDS)}"
        )
    return KINDS[resource]


def _record(kind: Kind, document: Mapping[str, Any]) -> dict[str, Any]:
    inner = {"Model": dict(document)} if kind.member == "Model" else dict(document)
    return {kind.member: inner}


def _place(document: Mapping[str, Any], order: str) -> tuple[int, float, str]:
    """Return where a resource stands in the order: those without the property come first, then numbers."""
    found = next(_elements(document, order.split(".")), None)
    if found is None:
        return 0, 0.0, ""
    if isinstance(found, int | float):
        return 1, float(found), ""
    return 2, 0.0, str(found)


def _size(expression: Mapping[str, Any]) -> int:
    own = len(expression.get("Filters", [])) + len(expression.get("NestedFilters", []))
    return own + sum(1 + _size(each) for each in expression.get("SubExpressions", []))


def _names(document: Mapping[str, Any]) -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from (f"{key}.{name}" for name in _names(value))
        elif not isinstance(value, list):
            yield key
