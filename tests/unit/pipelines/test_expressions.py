"""Expressions, paths, conditions, parameters, retry policies and cache configurations: tables of cases."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from sagelocal.pipelines import caching, conditions, expressions, parameters, paths, retries

TRAINED = {
    "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
    "Outputs": [
        {"OutputName": "train", "S3Uri": "s3://b/train"},
        {"OutputName": "test", "S3Uri": "s3://b/x"},
    ],
}


@dataclass
class Scope:
    """A scope of dictionaries."""

    values: dict[str, Any] = field(default_factory=lambda: {"Trees": 7, "Fast": True})
    steps: dict[str, Any] = field(default_factory=lambda: {"Train": TRAINED})
    files: dict[str, Any] = field(default_factory=lambda: {"report": {"metrics": [{"value": 0.5}]}})

    def parameter(self, name):
        return self.values[name]

    def variable(self, name):
        return f"<{name}>"

    def properties(self, step, path):
        return paths.follow(self.steps[step], path)

    def property_file(self, step, name):
        return self.files[name]

    def document(self, uri):
        return {"uri": uri}


def get(name):
    return {"Get": name}


def join(on, *values):
    return {"Std:Join": {"On": on, "Values": list(values)}}


def json_get(path, **place):
    return {
        "Std:JsonGet": {"Path": path, **(place or {"PropertyFile": get("Steps.Train.PropertyFiles.report")})}
    }


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (1, 1),
        ({"a": [get("Parameters.Trees")]}, {"a": [7]}),
        (get("Execution.PipelineName"), "<PipelineName>"),
        (get("Steps.Train.ModelArtifacts.S3ModelArtifacts"), "s3://b/model.tar.gz"),
        (get("Steps.Train.Outputs['test'].S3Uri"), "s3://b/x"),  # a list's element by its name
        (get("Steps.Train.Outputs[0].S3Uri"), "s3://b/train"),
        (
            {"Std:Join": {"On": "-", "Values": ["a", get("Parameters.Trees"), get("Parameters.Fast")]}},
            "a-7-true",
        ),
        (json_get("metrics[0].value"), 0.5),
        (json_get("$.metrics[0]['value']"), 0.5),
        (json_get("uri", S3Uri=join("/", "s3:/", "b")), "s3://b"),
        ({"Get": "Parameters.Trees", "More": 1}, {"Get": "Parameters.Trees", "More": 1}),  # no expression
    ],
)
def test_the_value_of_an_expression(given, wanted):
    list(expressions.references(given))
    assert expressions.evaluate(given, Scope()) == wanted


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (get("Steps.Train.Outputs['valid'].S3Uri"), "Outputs.valid is not there"),
        (get("Steps.Train.Outputs[5]"), "Outputs[5] is not there"),
        (json_get("metrics.accuracy"), "metrics.accuracy is not there"),
    ],
)
def test_an_expression_without_a_value_says_where_its_path_ends(given, words):
    with pytest.raises(expressions.ExpressionError) as failed:
        expressions.evaluate(given, Scope())
    assert words in str(failed.value)


def compare(kind, left, right):
    return {"Type": kind, "LeftValue": left, "RightValue": right}


TRUE, FALSE = compare("Equals", 1, 1), compare("Equals", 1, 2)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (compare("Equals", "a", "a"), True),
        (compare("Equals", 1, 1.0), True),
        (compare("Equals", True, 1), False),
        (compare("GreaterThan", 2, 1.5), True),
        (compare("GreaterThanOrEqualTo", 1, 1), True),
        (compare("LessThan", 1, 1), False),
        (compare("LessThanOrEqualTo", "a", "b"), True),
        ({"Type": "In", "QueryValue": 2, "Values": [1, 2]}, True),
        ({"Type": "In", "QueryValue": 2, "Values": []}, False),
        ({"Type": "Not", "Condition": TRUE}, False),
        ({"Type": "Not", "Expression": FALSE}, True),  # as earlier releases of the SDK write it
        ({"Type": "Or", "Conditions": [FALSE, TRUE]}, True),
        ({"Type": "Or", "Conditions": [FALSE]}, False),
    ],
)
def test_whether_a_condition_holds(condition, wanted):
    conditions.check(condition)
    assert conditions.holds(condition) is wanted


@pytest.mark.parametrize("pair", [("1", 2), (None, 1), (True, False), ([1], [2])])
def test_what_cannot_be_compared(pair):
    with pytest.raises(conditions.ConditionError, match="cannot be compared by LessThan"):
        conditions.holds(compare("LessThan", *pair))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("String", "7", "7"),
        ("Integer", "7", 7),
        ("Integer", "7.5", None),
        ("Integer", "true", None),
        ("Float", "7", 7),
        ("Float", "7.5", 7.5),
        ("Float", "seven", None),
        ("Boolean", "True", True),
        ("Boolean", "false", False),
        ("Boolean", "1", None),
    ],
)
def test_a_parameters_value(kind, text, value):
    declared = parameters.parse([{"Name": "P", "Type": kind}])
    given = [{"Name": "P", "Value": text}]
    if value is None:
        with pytest.raises(parameters.ParameterError, match=f"it is a {kind}"):
            parameters.values(declared, given)
    else:
        assert parameters.values(declared, given) == {"P": value}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P30D", 2592000),
        ("PT1H", 3600),
        ("p1w", 604800),
        ("30dT5h", 2610000),
        ("T16m", 960),
        ("P5Y", 157680000),
    ],
)
def test_durations(text, seconds):
    assert caching.parse({"Enabled": True, "ExpireAfter": text}) == seconds


@pytest.mark.parametrize("text", ["", "P", "T", "PT", "1", "P1H", "PT1D", None, "P-1D"])
def test_what_is_no_duration(text):
    with pytest.raises(caching.CacheError, match="as P30D or PT1H"):
        caching.duration(text)


def test_a_signature_is_of_the_chosen_attributes_alone():
    one = {
        "InputDataConfig": ["a"],
        "Config": {"Kept": 1, "Other": 2},
        "ResourceConfig": {"InstanceCount": 1},
    }
    other = {
        "ResourceConfig": {"InstanceCount": 9},
        "Config": {"Other": 0, "Kept": 1},
        "InputDataConfig": ["a"],
    }
    chosen = ("InputDataConfig", "Config.Kept")
    assert caching.signature("Training", chosen, one) == caching.signature("Training", chosen, other)
    other["InputDataConfig"] = ["b"]
    assert caching.signature("Training", chosen, one) != caching.signature("Training", chosen, other)


CAPACITY = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 10, "BackoffRate": 3}


@pytest.mark.parametrize(
    ("policy", "exception", "tried", "elapsed", "wait"),
    [
        ({**CAPACITY, "MaxAttempts": 2}, retries.CAPACITY, 0, 0, 10),
        ({**CAPACITY, "MaxAttempts": 2}, retries.CAPACITY, 1, 0, 30),
        ({**CAPACITY, "MaxAttempts": 2}, retries.CAPACITY, 2, 0, None),
        ({**CAPACITY, "MaxAttempts": 0}, retries.CAPACITY, 0, 0, None),
        (CAPACITY, retries.CAPACITY, 4, 0, 810),  # five attempts by default
        (CAPACITY, retries.CAPACITY, 5, 0, None),
        ({**CAPACITY, "ExpireAfterMin": 1}, retries.CAPACITY, 0, 49, 10),
        ({**CAPACITY, "ExpireAfterMin": 1}, retries.CAPACITY, 0, 51, None),
        (CAPACITY, retries.RESOURCE_LIMIT, 0, 0, None),
        (CAPACITY, retries.THROTTLING, 0, 0, 1),  # always retried
        (CAPACITY, "", 0, 0, None),
        # The developer guide's name for it.
        ({**CAPACITY, "ExceptionType": ["SageMaker.JOB_CAPACITY_ERROR"]}, retries.CAPACITY, 0, 0, 10),
        # Growth beyond any number is ten days, as long as a policy can last; nothing grows to nothing.
        ({**CAPACITY, "BackoffRate": 1e300}, retries.CAPACITY, 3, 0, 864000),
        ({**CAPACITY, "IntervalSeconds": 0, "ExpireAfterMin": 1}, retries.CAPACITY, 2000, 0, 0),
    ],
)
def test_when_a_step_is_tried_again(policy, exception, tried, elapsed, wait):
    assert retries.delay(retries.parse([policy]), exception, tried, elapsed) == wait


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({}, "a list is needed"),
        ([{}], "ExceptionType is None"),
        ([CAPACITY, CAPACITY], "two retry policies are of SageMaker.CAPACITY_ERROR"),
        ([{**CAPACITY, "MaxAttempts": 21}], "MaxAttempts of a retry policy is 21"),
        ([{**CAPACITY, "MaxAttempts": 1, "ExpireAfterMin": 1}], "not both"),
        ([{**CAPACITY, "BackoffRate": -1}], "BackoffRate of a retry policy is -1"),
    ],
)
def test_what_is_no_retry_policy(policies, words):
    with pytest.raises(retries.RetryError, match=words):
        retries.parse(policies)


def test_which_exception_a_failure_is():
    assert retries.of_reason("InternalServerError: died", retries_itself=False) == retries.INTERNAL_ERROR
    assert retries.of_reason("InternalServerError: died", retries_itself=True) == ""
    assert retries.of_reason("AlgorithmError: exit code 1", retries_itself=False) == ""
    assert retries.of_error("ThrottlingException", 400) == retries.THROTTLING
    assert retries.of_error("InternalFailure", 500) == retries.SERVICE_FAULT
    assert retries.of_error("ValidationException", 400) == ""
