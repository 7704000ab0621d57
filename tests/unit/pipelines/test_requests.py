"""From a step to a request: names that are the attempt's alone, and fit; what is added, and what is not."""

import re

import pytest

from sagelocal.api import pipeline_requests as requests
from sagelocal.pipelines import steps

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/iris/execution/abcdefghijkl"
ROLE = "arn:aws:iam::123456789012:role/Role"
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")


def attempt(step="Train", number=1):
    return requests.Attempt(execution_arn=ARN, step=step, number=number)


def creation(kind, arguments, **changes):
    given = {"role": ROLE, "experiment": {"ExperimentName": "e"}, "tags": {"a": "1", "b": "2"}, **changes}
    return requests.creation(steps.KINDS[kind], attempt(), arguments, **given)


@pytest.mark.parametrize("kind", [each for each in steps.KINDS if each != steps.REGISTER_MODEL])
@pytest.mark.parametrize("step", ["T", "Iris_Model-RepackModel-0", "x" * 64, "_-_"])
def test_names_fit_and_are_of_one_attempt_alone(kind, step):
    found = {requests.job_name(steps.KINDS[kind], attempt(step, number)) for number in range(5)}
    assert len(found) == 5
    assert all(NAME.fullmatch(each) and len(each) <= steps.KINDS[kind].longest_name for each in found)
    assert all("abcdefghijkl" in each for each in found)


def test_names_are_as_sagemaker_makes_them():
    assert re.fullmatch(
        r"pipelines-abcdefghijkl-Train-\w{10}", requests.job_name(steps.KINDS["Training"], attempt())
    )
    assert re.fullmatch(r"abcdefghijkl-Train-\w{10}", requests.job_name(steps.KINDS["Tuning"], attempt()))
    assert re.fullmatch(r"iris-\w{10}", creation("Training", {"TrainingJobName": "iris"})["TrainingJobName"])


def test_a_job_gets_what_it_does_not_have():
    request = creation("Training", {"Tags": [{"Key": "a", "Value": "own"}]})
    assert request["RoleArn"] == ROLE
    assert request["ExperimentConfig"] == {"ExperimentName": "e"}
    assert request["Tags"] == [{"Key": "a", "Value": "own"}, {"Key": "b", "Value": "2"}]
    assert creation("Training", {"RoleArn": "own"})["RoleArn"] == "own"
    assert creation("Model", {})["ExecutionRoleArn"] == ROLE
    assert "ExperimentConfig" not in creation("Tuning", {})


def test_a_registration_is_known_by_its_token_and_says_which_execution_made_it():
    given = {"ModelPackageGroupName": "g", "Tags": [], "ModelPackageName": "n"}
    assert creation("RegisterModel", given) == {
        "ModelPackageGroupName": "g",
        "ClientToken": attempt().digest[:36],
        "MetadataProperties": {"GeneratedBy": ARN},
    }
    own = {"CommitId": "abc", "GeneratedBy": "somebody"}
    assert creation("RegisterModel", given | {"MetadataProperties": own})["MetadataProperties"] == own
