"""A plan's requests are what AWS's own model allows, for every spec that is shipped."""

from pathlib import Path

import pytest

from sagewind import load, plan
from sagewind.lint.finding import Place
from sagewind.lint.shapes import problems
from sagewind.lint.subject import Request

MODELS = Path(__file__).parents[2] / "dags" / "models"
PARTIAL = {"CreateModelPackage", "CreateModelPackageGroup", "UpdateModelPackage"}


def calls(name):
    return list(plan.plan(load.load(MODELS / f"{name}.yaml", environ={}), "us-east-1"))


@pytest.mark.parametrize("name", ["iris", "diabetes", "wine"])
def test_every_request_of_a_plan_is_one(name):
    for each in calls(name):
        if each.service != "sagemaker" or each.operation in PARTIAL:
            continue
        request = Request(
            operation=each.operation, parameters=each.parameters, place=Place(file=MODELS, line=1)
        )
        found = [problem for problem in problems(request) if "<" not in problem]
        assert found == [], each.operation


def test_a_challenge_is_a_second_evaluation():
    operations = [each.operation for each in calls("diabetes")]
    assert operations.count("CreateProcessingJob") == 2
    assert [each.operation for each in calls("iris")].count("CreateProcessingJob") == 1


def test_an_algorithm_is_tuned_and_measured_by_a_batch():
    operations = [each.operation for each in calls("wine")]
    assert "CreateHyperParameterTuningJob" in operations
    assert "CreateProcessingJob" not in operations
    assert operations.count("CreateTransformJob") == 3
