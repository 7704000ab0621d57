"""Definitions: what is read of a good one, and what is said of a bad one."""

import json
import math

import pytest

from sagelocal.pipelines import definition, steps

SCORE = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Score.PropertyFiles.report"}, "Path": "a.b[0]"}}
SCORED = {
    "Name": "Score",
    "Type": "Processing",
    "Arguments": {},
    "PropertyFiles": [{"PropertyFileName": "report", "OutputName": "out", "FilePath": "report.json"}],
}
CONDITION = {"Type": "LessThan", "LeftValue": SCORE, "RightValue": {"Get": "Parameters.Most"}}
MOST = {"Name": "Most", "Type": "Float", "DefaultValue": 1}


def text(*given, parameters=(MOST,), **more):
    document = {"Version": "2020-12-01", "Metadata": {}, "Parameters": list(parameters), "Steps": list(given)}
    return json.dumps(document | more)


def fail(name, message="no", **more):
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}


def check(**arguments):
    return {
        "Name": "Check",
        "Type": "Condition",
        "Arguments": {"Conditions": [CONDITION], "IfSteps": [], "ElseSteps": [], **arguments},
    }


def test_steps_of_branches_hang_on_their_condition_and_come_after_what_they_need():
    inner = {**check(IfSteps=[fail("Deep")]), "Name": "Inner"}
    given = text(check(IfSteps=[fail("Bad", {"Get": "Steps.Check.Outcome"}), inner]), SCORED)

    found = definition.parse(given)

    assert next(iter(found.steps)) == "Score"
    assert found.steps["Check"].needs == {"Score"}
    assert found.steps["Check"].branch is None
    assert found.steps["Bad"].branch == definition.Branch(condition="Check", outcome=True)
    assert found.steps["Deep"].branch == definition.Branch(condition="Inner", outcome=True)
    assert found.steps["Bad"].needs == {"Check"}
    assert found.steps["Score"].property_files["report"].path == "report.json"


BAD = {
    "[1]": "JSON list",
    '{"Version": "2019-01-01"}': "Version is '2019-01-01'",
    text(): "no Steps",
    text(fail("A"), Sort=1): "member 'Sort'",
    text(fail("a b")): "Name is 'a b'",
    text(fail("A"), fail("A")): "two steps are called 'A'",
    text(*[fail(f"S{number}") for number in range(51)]): "at most 50",
    text({"Name": "A", "Type": "Train"}): "Type is 'Train'; allowed are Processing, Training",
    text({"Name": "A", "Type": "Fail", "Arguments": {}}): "needs an ErrorMessage",
    text(fail("A", {"Get": "Steps.B.Outcome"})): "needs the step 'B', which is not there",
    text(fail("A", DependsOn=["B"])): "needs the step 'B', which is not there",
    text(fail("A", DependsOn="B")): "DependsOn is 'B'",
    text(
        {**SCORED, "Name": "A", "DependsOn": ["B"]}, {**SCORED, "Name": "B", "DependsOn": ["A"]}
    ): "in a circle: ",
    text({**SCORED, "DependsOn": ["A"]}, fail("A")): "'Score' needs the Fail step 'A'",
    text(fail("B", {"Get": "Steps.A.ErrorMessage"}), fail("A")): "'B' needs the Fail step 'A'",
    text(fail("A"), parameters=[MOST | {"DefaultValue": math.inf}]): "'Most' is inf; it is a Float",
    text(check(IfSteps=[SCORED])): "in a circle: ",  # it reads what hangs on it
    text(fail("A", {"Get": "Parameters.Least"})): "the parameter 'Least'; declared are Most",
    text(fail("A", {"Get": "Pipeline.Name"})): "names nothing",
    text(fail("A", {"Get": "Execution.Name"})): "names nothing",
    text(fail("A", {"Get": "Steps.A.b[x"})): "cannot be read",
    text(fail("A", {"Std:Join": {"On": ""}})): "needs a list Values",
    text(fail("A", {"Std:JsonGet": {"Path": "a"}})): "either PropertyFile or S3Uri",
    text(fail("A", {"Std:JsonGet": {"Path": "a", "PropertyFile": {"Get": "Steps.A.b"}}})): "PropertyFile is",
    text(check(), {**SCORED, "PropertyFiles": []}): "property file 'report' of step 'Score'",
    text(fail("A", PropertyFiles=[{}])): "a step of type Fail has no PropertyFiles",
    text(fail("A", CacheConfig={"Enabled": True})): "a step of type Fail has no CacheConfig",
    text({**SCORED, "CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}}): "ExpireAfter is 'soon'",
    text({**SCORED, "RetryPolicies": [{"ExceptionType": ["Oops"]}]}): "ExceptionType is",
    text(check(Conditions=[{"Type": "Is"}]), SCORED): "'Is' is no type of condition",
    text(check(Conditions=[{"Type": "Or", "Conditions": [{"Type": "In"}]}]), SCORED): "needs QueryValue",
    text(fail("A"), parameters=[{"Name": "P", "Type": "List"}]): "the Type 'List'",
    text(fail("A"), PipelineExperimentConfig="e"): "PipelineExperimentConfig is 'e'; an object",
    # Values of another type than any that is allowed.
    text({"Name": "A", "Type": []}): "Type is []; allowed are Processing",
    text(fail("A"), parameters=[{"Name": "P", "Type": {}}]): "the Type {}; allowed are String",
    text(fail("A"), parameters=[MOST | {"EnumValues": 5}]): "the EnumValues 5; a list",
    text({**SCORED, "PropertyFiles": 5}): "PropertyFiles is 5; a list",
    text(
        {**SCORED, "PropertyFiles": [{"PropertyFileName": [], "OutputName": "o", "FilePath": "f"}]}
    ): "is no property file",
    text({**SCORED, "RetryPolicies": [{"ExceptionType": [{}]}]}): "ExceptionType is [{}]",
    text(
        {**SCORED, "RetryPolicies": [{"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 43201}]}
    ): "from 0 to 43200",
    text({**SCORED, "CacheConfig": {"Enabled": True, "ExpireAfter": f"P{'9' * 400}D"}}): "ExpireAfter is",
    "[" * 200_000: "nested too deeply",
    text(fail("A"), PipelineExperimentConfig={"ExperimentName": {"Get": "Steps.A.b"}}): "cannot refer to a",
}


@pytest.mark.parametrize(("given", "words"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_definition_is_refused_with_the_reason(given, words):
    with pytest.raises(definition.DefinitionError) as refused:
        definition.parse(given)
    assert words in str(refused.value)


@pytest.mark.parametrize("kind", steps.REFUSED)
def test_what_cannot_run_here_is_refused_by_step_and_type(kind):
    with pytest.raises(definition.UnsupportedError, match=rf"step 'A' of type {kind}: \w+"):
        definition.parse(text({"Name": "A", "Type": kind, "Arguments": {}}))


def test_what_needs_another_service_at_the_top_is_refused():
    with pytest.raises(definition.UnsupportedError, match="MLflow"):
        definition.parse(text(fail("A"), MlflowConfig={"MlflowResourceArn": "arn"}))
    assert definition.parse(text(fail("A"), MlflowConfig=None)).steps
