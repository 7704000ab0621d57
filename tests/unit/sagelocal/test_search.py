"""A search expression lets through what AWS's documentation says that it does."""

import pytest

from sagelocal.api import search
from sagelocal.errors import ValidationException

JOB = {
    "TrainingJobName": "iris-1",
    "CreationTime": 1_800_000_000.0,
    "EnableManagedSpotTraining": True,
    "HyperParameters": {"max.depth": "5", "eta": "0.1"},
    "FinalMetricDataList": [{"MetricName": "loss", "Value": 0.25}, {"MetricName": "acc", "Value": 0.9}],
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://a/train"}}},
        {"ChannelName": "test", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/test"}}},
    ],
    "Tags": [{"Key": "team", "Value": "red"}],
}

ROWS = [
    ("TrainingJobName", "Equals", "iris-1", True),
    # No operator means Equals.
    ("TrainingJobName", None, "iris-2", False),
    # A key of a map may hold a dot.
    ("HyperParameters.max.depth", "GreaterThan", "4", True),
    ("HyperParameters.eta", "LessThanOrEqualTo", "0.1", True),
    ("HyperParameters.eta", "LessThan", "0.1", False),
    # Pairs are found by their name, also under the name that Search gives to metrics.
    ("FinalMetricDataList.loss", "LessThan", "0.3", True),
    ("FinalMetricDataList.acc", "LessThan", "0.3", False),
    ("Metrics.loss", "LessThan", "0.3", True),
    ("Tags.team", "Equals", "red", True),
    ("Tags.team", "Equals", "blue", False),
    # Times are compared as ISO 8601.
    ("CreationTime", "GreaterThan", "2026-01-01T00:00:00Z", True),
    ("CreationTime", "GreaterThan", "2028-01-01T00:00:00Z", False),
    ("EnableManagedSpotTraining", "Equals", "true", True),
    # One element of a list is enough.
    ("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", "s3://b", True),
    ("TrainingJobName", "In", "iris-0,iris-1", True),
    ("FailureReason", "NotExists", None, True),
    ("FailureReason", "Exists", None, False),
    # What is not there is not equal to anything.
    ("FailureReason", "NotEquals", "boom", True),
]


@pytest.mark.parametrize(("name", "operator", "value", "expected"), ROWS)
def test_a_filter(name, operator, value, expected):
    wanted = {"Name": name, "Operator": operator, "Value": value}
    filter_ = {key: each for key, each in wanted.items() if each is not None}

    assert search.passes(JOB, {"Filters": [filter_]}) is expected


def test_nested_filters_are_about_one_element():
    def channel(name, uri):
        prefix = "InputDataConfig"
        filters = [
            {"Name": f"{prefix}.ChannelName", "Value": name},
            {"Name": f"{prefix}.DataSource.S3DataSource.S3Uri", "Operator": "Contains", "Value": uri},
        ]
        return {"NestedFilters": [{"NestedPropertyName": prefix, "Filters": filters}]}

    assert search.passes(JOB, channel("train", "s3://a"))
    assert not search.passes(JOB, channel("train", "s3://b"))


def test_expressions_are_joined_by_and_or_or():
    yes = {"Filters": [{"Name": "TrainingJobName", "Value": "iris-1"}]}
    no = {"Filters": [{"Name": "TrainingJobName", "Value": "other"}]}

    assert search.passes(JOB, {})
    assert not search.passes(JOB, {"SubExpressions": [yes, no]})
    assert search.passes(JOB, {"SubExpressions": [yes, no], "Operator": "Or"})


def test_a_comparison_needs_a_value():
    with pytest.raises(ValidationException, match="needs a Value"):
        search.passes(JOB, {"Filters": [{"Name": "TrainingJobName"}]})
