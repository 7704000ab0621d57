"""The metrics that a trial component logs end with it."""

import pytest

from sagelocal.errors import ValidationException

NAMED = {"TrialComponentName": "tc"}
QUERY = {
    "MetricName": "loss",
    "ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/tc",
    "MetricStat": "Count",
    "Period": "IterationNumber",
    "XAxisType": "IterationNumber",
}


def log(ask, *values):
    data = [{"MetricName": "loss", "Timestamp": 1.0, "Step": 0, "Value": value} for value in values]
    ask("BatchPutMetrics", **NAMED, MetricData=data)


def test_a_new_component_has_nothing_of_a_deleted_one(ask):
    ask("CreateTrialComponent", **NAMED)
    log(ask, 1.0, 2.0)
    ask("DeleteTrialComponent", **NAMED)

    assert ask("BatchGetMetrics", MetricQueries=[QUERY])["MetricQueryResults"][0]["MetricValues"] == []
    ask("CreateTrialComponent", **NAMED)
    log(ask, 5.0)
    (loss,) = ask("DescribeTrialComponent", **NAMED)["Metrics"]
    assert (loss["Min"], loss["Count"]) == (5.0, 1)


def test_a_component_that_a_trial_holds_keeps_its_metrics(ask):
    ask("CreateExperiment", ExperimentName="e")
    ask("CreateTrial", TrialName="t", ExperimentName="e")
    ask("CreateTrialComponent", **NAMED)
    ask("AssociateTrialComponent", TrialName="t", **NAMED)
    log(ask, 1.0)
    with pytest.raises(ValidationException, match="cannot be deleted"):
        ask("DeleteTrialComponent", **NAMED)
    assert ask("BatchGetMetrics", MetricQueries=[QUERY])["MetricQueryResults"][0]["MetricValues"] == [1.0]


def test_a_component_without_metrics_can_be_deleted(ask):
    ask("CreateTrialComponent", **NAMED)
    assert ask("DeleteTrialComponent", **NAMED)["TrialComponentArn"] == QUERY["ResourceArn"]
