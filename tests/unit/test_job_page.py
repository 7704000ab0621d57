"""The page of a job shows what AWS says, and nothing of it can become markup."""

import datetime as dt

import pytest

from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError
from sagewind.ui import job, page
from sagewind.ui.kinds import KINDS

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
EVIL = "<script>alert(1)</script>"
TRAINING = KINDS["training-job"]


def described(_):
    return {
        "TrainingJobName": "t",
        "TrainingJobStatus": "Failed",
        "FailureReason": f"AlgorithmError: {EVIL}",
        "FinalMetricDataList": [{"MetricName": EVIL, "Value": 0.5}],
        "SecondaryStatusTransitions": [{"Status": "Failed", "StartTime": START, "StatusMessage": EVIL}],
        "HyperParameters": {"x": EVIL},
    }


def streams(_):
    return {"logStreams": [{"logStreamName": "t/algo-1-1", "creationTime": 1}]}


def events(_):
    return {"events": [{"message": EVIL, "timestamp": 1}]}


def clients(**answers):
    every = {
        "DescribeTrainingJob": described,
        "DescribeLogStreams": streams,
        "GetLogEvents": events,
    } | answers
    return lambda service: client(service, every, Account())


def test_a_failed_job_shows_why():
    shown = job.look(TRAINING, "t", clients())
    assert shown.status == "Failed"
    assert shown.metrics == ((EVIL, 0.5),)
    assert shown.log == (EVIL,)
    html = page.job(shown)
    assert "AlgorithmError" in html
    assert "http-equiv" not in html  # ended: it does not reload


def test_no_value_becomes_markup():
    html = page.job(job.look(TRAINING, EVIL, clients()))
    assert EVIL not in html
    assert html.count("&lt;script&gt;") >= 6
    assert EVIL not in page.message(EVIL, EVIL)


def test_a_running_job_reloads_itself():
    shown = job.look(
        TRAINING, "t", clients(DescribeTrainingJob=lambda _: {"TrainingJobStatus": "InProgress"})
    )
    assert "http-equiv" in page.job(shown)


def test_a_job_without_a_log_yet_is_shown():
    def none(_):
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")

    assert job.look(TRAINING, "t", clients(DescribeLogStreams=none)).log == ()


def test_an_unknown_job_is_an_error():
    def none(_):
        raise AwsError("ValidationException", "Requested resource not found.")

    with pytest.raises(job.JobMissingError, match="no training-job named 't'"):
        job.look(TRAINING, "t", clients(DescribeTrainingJob=none))
