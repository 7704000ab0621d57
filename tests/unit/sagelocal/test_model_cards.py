"""A model card is whole from the start, and its versions tell when they were made."""

import threading

import pytest

from sagelocal.errors import ConflictException, ValidationException

CARD = {"ModelCardName": "c"}
NESTED = "[" * 5000
"""No reader of JSON goes down so far."""


@pytest.fixture
def card(ask):
    ask("CreateModelCard", **CARD, Content='{"a": 1}', ModelCardStatus="Draft")


def test_one_write_makes_a_card_whole(ask, kept):
    kept.fail("update", "c", threading.current_thread().name)
    ask("CreateModelCard", **CARD, Content="{}", ModelCardStatus="Draft")
    assert ask("DescribeModelCard", **CARD)["ModelCardVersion"] == 1


def test_a_version_has_the_time_of_its_own_making(ask, card):
    ask("UpdateModelCard", **CARD, Content='{"a": 2}')
    changed = ask("DescribeModelCard", **CARD)["LastModifiedTime"]
    ask("UpdateModelCard", **CARD, ModelCardStatus="PendingReview")

    made = ask("DescribeModelCard", **CARD)["CreationTime"]
    second, first = ask("ListModelCardVersions", **CARD)["ModelCardVersionSummaryList"]
    assert (first["CreationTime"], second["CreationTime"]) == (made, changed)
    later = ask("ListModelCardVersions", **CARD, CreationTimeAfter=changed)["ModelCardVersionSummaryList"]
    assert later[0] == second


def test_content_and_status_are_not_changed_at_once(ask, card):
    with pytest.raises(ValidationException, match="cannot be changed in a single call"):
        ask("UpdateModelCard", **CARD, Content='{"a": 2}', ModelCardStatus="Approved")
    ask("UpdateModelCard", **CARD, Content='{"a": 2}', ModelCardStatus="Draft")
    ask("UpdateModelCard", **CARD, Content='{"a": 2}', ModelCardStatus="Archived")
    with pytest.raises(ConflictException, match="Archived"):
        ask("UpdateModelCard", **CARD, Content='{"a": 3}')
    described = ask("DescribeModelCard", **CARD)
    assert (described["ModelCardVersion"], described["ModelCardStatus"]) == (2, "Archived")


def test_what_nobody_can_read_is_no_document(ask):
    with pytest.raises(ValidationException, match="Content is not a JSON document"):
        ask("CreateModelCard", **CARD, Content=f'{{"a": {NESTED}', ModelCardStatus="Draft")
    ask("CreateModelPackageGroup", ModelPackageGroupName="g")
    with pytest.raises(ValidationException, match="ResourcePolicy is not a JSON document"):
        ask("PutModelPackageGroupPolicy", ModelPackageGroupName="g", ResourcePolicy=f'{{"a": {NESTED}')
