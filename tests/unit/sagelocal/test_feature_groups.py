"""A feature group has the features that it was made with and those that were added, if they fit."""

import pytest

from sagelocal.errors import ValidationException

NAMED = {"FeatureGroupName": "f"}
KEYS = {"RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at"}


def features(**types):
    return [{"FeatureName": name, "FeatureType": kind} for name, kind in types.items()]


GROUP = NAMED | KEYS | {"FeatureDefinitions": features(id="Integral", at="Fractional", age="Integral")}


def test_an_update_adds_features(ask):
    ask("CreateFeatureGroup", **GROUP)
    ask("UpdateFeatureGroup", **NAMED, FeatureAdditions=features(size="String"))
    ask("UpdateFeatureGroup", **NAMED, FeatureAdditions=features(b="String"))
    described = ask("DescribeFeatureGroup", **NAMED)
    names = [each["FeatureName"] for each in described["FeatureDefinitions"]]
    assert names == ["id", "at", "age", "size", "b"]
    assert described["FeatureGroupStatus"] == "CreateFailed"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"RecordIdentifierFeatureName": "none"}, "RecordIdentifierFeatureName is 'none'; allowed are"),
        ({"EventTimeFeatureName": "none"}, "EventTimeFeatureName is 'none'; allowed are the features id, at"),
        ({"EventTimeFeatureName": "age"}, "'age' is Integral; allowed are String, Fractional"),
        (
            {"FeatureDefinitions": GROUP["FeatureDefinitions"] + features(age="String")},
            "'age' is defined twice",
        ),
        ({"FeatureDefinitions": GROUP["FeatureDefinitions"] + features(write_time="String")}, "'write_time'"),
    ],
)
def test_features_that_make_up_no_group_are_refused(ask, changed, words):
    with pytest.raises(ValidationException, match=words):
        ask("CreateFeatureGroup", **(GROUP | changed))
    assert ask("ListFeatureGroups")["FeatureGroupSummaries"] == []


def test_an_addition_that_does_not_fit_changes_nothing(ask):
    ask("CreateFeatureGroup", **GROUP)
    with pytest.raises(ValidationException, match="'age' is defined twice"):
        ask("UpdateFeatureGroup", **NAMED, FeatureAdditions=features(age="String"))
    many = features(**{f"n{number}": "String" for number in range(2500)})
    with pytest.raises(ValidationException, match="2503 features are defined; at most 2500"):
        ask("UpdateFeatureGroup", **NAMED, FeatureAdditions=many)
    assert len(ask("DescribeFeatureGroup", **NAMED)["FeatureDefinitions"]) == 3
