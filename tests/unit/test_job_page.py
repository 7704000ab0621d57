"""The page of a job shows what AWS says, and nothing of it can become markup."""

import datetime as dt

import pytest

from sagewind.jobs.identity import Identity
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError
from sagewind.ui import job, page
from sagewind.ui.kinds import KINDS

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
EVIL = "<script>alert(1)</script>"
TRAINING = KINDS["training-job"]
ARN = Account().arn("training-job", "t")
PASSWORD = "hunter2-and-more"
OWNER = Identity(dag_id="mine", run_id="r", task_id="train.job", map_index=-1, generation=0)


def described(_):
    return {
        "TrainingJobName": "t",
        "TrainingJobArn": ARN,
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
        "ListTags": lambda _: {"Tags": OWNER.tags("content")},
    } | answers
    return lambda service: client(service, every, Account())


def refusing(code, message):
    def refuse(_):
        raise AwsError(code, message)

    return refuse


def look(kind=TRAINING, name="t", **answers):
    return job.look(kind, name, may_see=lambda _: True, clients=clients(**answers))


def test_a_failed_job_shows_why():
    shown = look()
    assert shown.status == "Failed"
    assert shown.metrics == ((EVIL, 0.5),)
    assert shown.log == (EVIL,)
    html = page.job(shown)
    assert "AlgorithmError" in html
    assert "http-equiv" not in html  # ended: it does not reload


def test_no_value_becomes_markup():
    html = page.job(look(name=EVIL))
    assert EVIL not in html
    assert html.count("&lt;script&gt;") >= 6
    assert EVIL not in page.message(EVIL, EVIL)


def test_a_running_job_reloads_itself():
    running = {"TrainingJobArn": ARN, "TrainingJobStatus": "InProgress"}
    shown = look(DescribeTrainingJob=lambda _: running)
    assert "http-equiv" in page.job(shown)


def test_a_job_without_a_log_yet_is_shown():
    def none(_):
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")

    assert look(DescribeLogStreams=none).log == ()


def test_an_unknown_job_is_an_error():
    def none(_):
        raise AwsError("ValidationException", "Requested resource not found.")

    with pytest.raises(job.JobMissingError, match="no training-job named 't'"):
        look(DescribeTrainingJob=none)


def test_who_may_not_see_a_jobs_dag_is_told_that_there_is_none():
    asked = []
    with pytest.raises(job.JobMissingError) as refused:
        job.look(TRAINING, "t", may_see=asked.append, clients=clients())
    assert asked == ["mine"]
    with pytest.raises(job.JobMissingError, match=str(refused.value)):
        look(DescribeTrainingJob=refusing("ValidationException", "Requested resource not found."))


@pytest.mark.parametrize("listed", [lambda _: {"Tags": []}, refusing("AccessDeniedException", "no")])
def test_a_job_that_does_not_say_its_dag_is_asked_for_as_one_of_none(listed):
    asked = []
    with pytest.raises(job.JobMissingError):
        job.look(TRAINING, "t", may_see=asked.append, clients=clients(ListTags=listed))
    assert asked == [""]


def test_no_secret_is_shown():
    told = {
        "TrainingJobName": "t",
        "TrainingJobArn": ARN,
        "TrainingJobStatus": "Failed",
        "FailureReason": f"cannot log in with {PASSWORD}",
        "SecondaryStatusTransitions": [{"Status": "Failed", "StartTime": START, "StatusMessage": PASSWORD}],
        "Environment": {"DB_PASSWORD": PASSWORD},
    }
    line = f"{PASSWORD} https://b.s3.amazonaws.com/k?X-Amz-Signature=abcdef"
    shown = look(
        DescribeTrainingJob=lambda _: told,
        GetLogEvents=lambda _: {"events": [{"message": line, "timestamp": 1}]},
    )
    html = page.job(shown)
    assert PASSWORD not in html
    assert "abcdef" not in html
    assert "DB_PASSWORD" in html
    assert shown.failure == "cannot log in with ***"
    assert shown.log == ("*** https://b.s3.amazonaws.com/k?X-Amz-Signature=***",)


@pytest.mark.parametrize("slug", ["endpoint", "transform-job"])
def test_the_log_of_what_a_model_does_hides_the_models_secrets(slug):
    account = Account()
    shown = look(
        KINDS[slug],
        "t",
        DescribeEndpoint=lambda _: {
            "EndpointName": "t",
            "EndpointArn": account.arn("endpoint", "t"),
            "EndpointConfigName": "c",
            "EndpointStatus": "InService",
        },
        DescribeEndpointConfig=lambda _: {"ProductionVariants": [{"ModelName": "gone"}, {"ModelName": "m"}]},
        DescribeTransformJob=lambda _: {
            "TransformJobName": "t",
            "TransformJobArn": account.arn("transform-job", "t"),
            "TransformJobStatus": "Completed",
            "ModelName": "m",
        },
        DescribeModel=model,
        GetLogEvents=lambda _: {"events": [{"message": f"got {PASSWORD}", "timestamp": 1}]},
    )
    assert shown.log == ("got ***",)


def model(params):
    if params["ModelName"] == "gone":
        raise AwsError("ValidationException", "Could not find model")
    return {"ModelName": "m", "PrimaryContainer": {"Environment": {"DB_PASSWORD": PASSWORD}}}
