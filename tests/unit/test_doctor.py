"""What a run needs of AWS, asked before it costs money: each check says what it found, and what to do."""

from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError

from sagewind import doctor, load
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError

MODEL = load.load(Path(__file__).parents[2] / "dags" / "models" / "diabetes.yaml", environ={})
WHO = {"Account": "123456789012", "Arn": "arn:aws:sts::123456789012:assumed-role/R/me"}
TRUSTS = {"Statement": [{"Principal": {"Service": "sagemaker.amazonaws.com"}}]}
ROLE = {"Path": "/", "RoleName": "R", "RoleId": "A" * 16, "Arn": "a" * 20, "CreateDate": 0}


def refuse(code):
    def answer(_):
        raise AwsError(code, "no")

    return answer


def quota(value):
    return lambda _: {
        "Quotas": [{"QuotaName": "ml.m5.large for training job usage", "Value": value, "ServiceCode": "s"}]
    }


def told(**changed):
    """Return what each check said; `changed` are answers by operation."""
    answers = {
        "sts": {"GetCallerIdentity": lambda _: WHO},
        "iam": {"GetRole": lambda _: {"Role": {**ROLE, "AssumeRolePolicyDocument": str(TRUSTS)}}},
        "s3": {"HeadBucket": lambda _: {}},
        "service-quotas": {"ListServiceQuotas": quota(8)},
    }
    for service in answers.values():
        service.update({name: changed[name] for name in service if name in changed})
    account = Account()
    found = doctor.checks(MODEL, lambda service: client(service, answers[service], account))
    return {each.name: (each.verdict.value, each.says) for each in found}


def test_all_is_well():
    found = told()
    assert {verdict for verdict, _ in found.values()} == {"ok"}
    assert list(found) == ["identity", "region", "role", "bucket", "image", "quota", "data"]


@pytest.mark.parametrize(
    ("operation", "answer", "name", "verdict", "words"),
    [
        ("GetRole", refuse("NoSuchEntity"), "role", "FAILED", "there is no role SageMakerRole; make it"),
        (
            "GetRole",
            lambda _: {"Role": {**ROLE, "AssumeRolePolicyDocument": "{}"}},
            "role",
            "FAILED",
            "does not trust sagemaker.amazonaws.com",
        ),
        ("GetRole", refuse("AccessDenied"), "role", "unknown", "could not be asked: An error"),
        ("HeadBucket", refuse("404"), "bucket", "ok", "does not exist yet; the first run makes it"),
        ("HeadBucket", refuse("403"), "bucket", "FAILED", "is not ours to use: 403"),
        ("ListServiceQuotas", quota(0), "quota", "FAILED", "0 for training jobs are allowed, a run needs 1"),
        # an emulator without the service answers by an HTTP status alone
        ("ListServiceQuotas", refuse("400"), "quota", "unknown", "ListServiceQuotas is not known where"),
    ],
)
def test_what_is_not_well_says_what_to_do(operation, answer, name, verdict, words):
    found = told(**{operation: answer})
    assert found[name][0] == verdict
    assert words in found[name][1]
    assert {each for other, (each, _) in found.items() if other != name} == {"ok"}


def test_nobody_is_asked_nothing():
    def nobody(_):
        raise NoCredentialsError

    [(name, (verdict, says))] = told(GetCallerIdentity=nobody).items()
    assert (name, verdict) == ("identity", "FAILED")
    assert says.startswith("Unable to locate credentials; set credentials and AWS_DEFAULT_REGION, or start")
