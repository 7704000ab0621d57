"""What a trial component logs stays, whoever logs at the same time, and ends with it."""

import pytest

from sagelocal.errors import ResourceNotFound, ValidationException

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


def test_metrics_that_are_not_logged_stay(ask, kept):
    ask("CreateTrialComponent", **NAMED)
    of_the_job = [{"MetricName": "accuracy", "Last": 0.9}, {"MetricName": "loss", "Last": 9.0}]
    kept.update("experiment-trial-component", "tc", lambda body: body.update(Metrics=of_the_job))
    log(ask, 1.0)
    metrics = {each["MetricName"]: each["Last"] for each in ask("DescribeTrialComponent", **NAMED)["Metrics"]}
    assert metrics == {"accuracy": 0.9, "loss": 1.0}


def test_an_update_adds_parameters_and_artifacts_and_removes_those_that_it_names(ask):
    one, two = {"NumberValue": 1.0}, {"NumberValue": 2.0}
    ask("CreateTrialComponent", **NAMED, Parameters={"a": one, "b": one})
    ask("UpdateTrialComponent", **NAMED, Parameters={"b": two, "c": two})
    assert ask("DescribeTrialComponent", **NAMED)["Parameters"] == {"a": one, "b": two, "c": two}
    ask("UpdateTrialComponent", **NAMED, Parameters={"d": one}, ParametersToRemove=["a", "b"])
    assert ask("DescribeTrialComponent", **NAMED)["Parameters"] == {"c": two, "d": one}


def test_an_experiment_that_is_not_there_has_no_list(ask):
    ask("CreateExperiment", ExperimentName="e")
    assert ask("ListTrials", ExperimentName="e")["TrialSummaries"] == []
    for operation in ("ListTrials", "ListTrialComponents"):
        with pytest.raises(ResourceNotFound, match="Experiment none does not exist"):
            ask(operation, ExperimentName="none")


def test_a_component_without_metrics_can_be_deleted(ask):
    ask("CreateTrialComponent", **NAMED)
    assert ask("DeleteTrialComponent", **NAMED)["TrialComponentArn"] == QUERY["ResourceArn"]
