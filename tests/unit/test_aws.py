"""Clients made ahead: used as long as the environment says the same, and only with credentials of its own."""

import pytest

from sagewind import aws


@pytest.fixture
def told(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-the-environment")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    before = dict(aws._KEPT)
    yield monkeypatch
    aws._KEPT.clear()
    aws._KEPT.update(before)


def test_a_client_made_ahead_is_used_until_the_environment_changes(told):
    aws.keep(["sts"])
    kept = aws.client("sts")
    assert aws.client("sts") is kept
    told.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert aws.client("sts").meta.region_name == "eu-west-1"
    assert aws.client("sts") is not aws.client("sts")


def test_nothing_is_made_ahead_where_botocore_would_look_for_credentials(told):
    told.delenv("AWS_SECRET_ACCESS_KEY")
    before = dict(aws._KEPT)
    aws.keep(["sts"])
    assert before == aws._KEPT
