"""The tables: attach, failures, deployments, names, limits, log positions, masking, golden predictions."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from types import SimpleNamespace

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from sagewind import naming
from sagewind.jobs import (
    attach,
    compare,
    deployment,
    failures,
    golden,
    identity,
    kinds,
    limits,
    masking,
    outcome,
    service,
    tail,
)
from sagewind.jobs.attach import Decision, Ownership, Seen
from sagewind.jobs.deployment import Live, Move
from sagewind.jobs.failures import Cause
from sagewind.jobs.kinds import Phase

OURS, OUTDATED, FOREIGN = Ownership

ATTACH = [
    (Seen(phase=Phase.ACTIVE, ownership=OURS), Decision.ATTACH),
    (Seen(phase=Phase.DONE, ownership=OURS), Decision.TAKE),
    (Seen(phase=Phase.STOPPING, ownership=OURS), Decision.STOP_THEN_NEXT),  # wait for it to be over
    (Seen(phase=Phase.STOPPED, ownership=OURS), Decision.NEXT),
    (Seen(phase=Phase.FAILED, ownership=OURS, cause=Cause.TRANSIENT), Decision.NEXT),
    (Seen(phase=Phase.FAILED, ownership=OURS, cause=Cause.ALGORITHM), Decision.REPORT),
    (Seen(phase=Phase.ACTIVE, ownership=OUTDATED), Decision.STOP_THEN_NEXT),
    (Seen(phase=Phase.DONE, ownership=OUTDATED), Decision.NEXT),
    (None, Decision.CREATE),
]


@pytest.mark.parametrize(("seen", "expected"), ATTACH)
def test_attach(seen, expected):
    assert attach.decide(seen, rename=True) is expected


@pytest.mark.parametrize("phase", list(Phase))
def test_a_foreign_job_is_never_touched(phase):
    seen = Seen(phase=phase, ownership=FOREIGN)
    assert attach.decide(seen, rename=True) is Decision.NEXT
    assert attach.decide(seen, rename=False) is Decision.REFUSE


REASONS = [
    ("AlgorithmError: ExecuteUserScriptError: ExitCode 1", Cause.ALGORITHM),
    ("AlgorithmError: , exit code: 1", Cause.ALGORITHM),
    ("CapacityError: Unable to provision requested ML compute capacity.", Cause.CAPACITY),
    ("InternalServerError: We encountered an internal error.", Cause.TRANSIENT),
    ("ClientError: Data download failed: NoSuchKey", Cause.CLIENT),
    ("The primary container for production variant A did not pass the ping health check.", Cause.ALGORITHM),
    ("something new", Cause.UNKNOWN),
    ("", Cause.UNKNOWN),
]


@pytest.mark.parametrize(("reason", "expected"), REASONS)
def test_reasons(reason, expected):
    assert failures.of_reason(reason) is expected


ERRORS = [
    ("ThrottlingException", "Rate exceeded", 400, Cause.THROTTLED),
    ("ValidationException", "1 validation error detected", 400, Cause.CLIENT),
    ("AccessDeniedException", "no identity-based policy allows", 403, Cause.DENIED),
    ("ResourceLimitExceeded", "service limit", 400, Cause.QUOTA),
    ("503", "Slow down", 503, Cause.TRANSIENT),
]


@pytest.mark.parametrize(("code", "message", "status", "expected"), ERRORS)
def test_errors(code, message, status, expected):
    assert failures.of_error(code, message, status) is expected


def test_a_quota_is_named():
    quota = failures.quota_of(
        "The account-level service limit 'ml.p4d.24xlarge for training job usage' is 0 Instances, "
        "with current utilization of 0 Instances and a request delta of 1 Instances."
    )
    assert str(quota) == "the quota 'ml.p4d.24xlarge for training job usage' is 0, of which 0 are in use"
    assert quota.hopeless


def test_absent_is_told_from_malformed():
    assert failures.is_absent("ValidationException", "Requested resource not found.")
    assert not failures.is_absent("ValidationException", "1 validation error detected: Value 'a_b' at ...")
    assert failures.is_taken("ValidationException", 'Cannot create already existing model "arn:…"')


IN_SERVICE = Live(phase=Phase.DONE, config="old", owned=False)
MIXED = Live(phase=Phase.FAILED, config="old", owned=True, mixed=True)
MOVES = [
    (None, "new", True, Move.CREATE),
    (IN_SERVICE, "new", True, Move.REHEARSE),
    (IN_SERVICE, "new", False, Move.UPDATE),
    (IN_SERVICE, "old", True, Move.CHECK),
    (Live(phase=Phase.ACTIVE, config="old", owned=True), "new", True, Move.WAIT),
    (Live(phase=Phase.STOPPING, config="old", owned=True), "new", True, Move.WAIT),
    (Live(phase=Phase.FAILED, config="old", owned=True), "new", True, Move.REPLACE),
    (Live(phase=Phase.FAILED, config="old", owned=False), "new", True, Move.REFUSE),
    (MIXED, "new", True, Move.REHEARSE),
    (MIXED, "new", False, Move.UPDATE),
    (MIXED, "old", False, Move.UPDATE),
]


@pytest.mark.parametrize(("live", "wanted", "rehearse", "expected"), MOVES)
def test_deployment(live, wanted, rehearse, expected):
    assert deployment.next_move(live, wanted, rehearse=rehearse) is expected


def test_generation_counts_clears_and_not_retries():
    assert identity.generation(max_tries=2, retries=2) == 0  # every try of a fresh task
    assert identity.generation(max_tries=3, retries=2) == 1  # cleared after its first try
    assert identity.generation(max_tries=0, retries=2) == 0


def test_names_fit_and_differ():
    owner = identity.Identity(dag_id="d", run_id="r", task_id="t", map_index=3, generation=0)
    for longest in (32, 63):
        found = list(itertools.islice(identity.candidates("x" * 80, owner, "c" * 32, longest), 30))
        assert len(set(found)) == 30
        assert all(len(name) <= longest and not name.endswith("-") for name in found)


@pytest.mark.parametrize("longest", [32, 63])
@pytest.mark.parametrize("letters", ["x", "a-", "a_b.c--d"])
def test_a_name_can_be_found_by_its_beginning_however_much_of_it_is_cut(letters, longest):
    for size in range(1, 80):
        dag_id = (letters * size)[:size]
        ti = SimpleNamespace(dag_id=dag_id, run_id="r", task_id="train.job", map_index=-1, try_number=1)
        owner = identity.Identity(dag_id=dag_id, run_id="r", task_id="t", map_index=-1, generation=0)
        beginning = naming.beginning(dag_id)
        for name in itertools.islice(
            identity.candidates(naming.for_task(ti), owner, naming.digest("c"), longest), 3
        ):
            assert name.startswith(identity.stem(beginning, longest)), dag_id
            assert identity.may_be(name, beginning, longest), dag_id
    assert not identity.may_be("winery-train-job-0123abcd", naming.beginning("wine"), longest)


def test_tags_have_the_characters_that_aws_allows():
    owner = identity.Identity(dag_id="d", run_id="a|b(c)é+00:00", task_id="t", map_index=-1, generation=0)
    run = next(tag["Value"] for tag in owner.tags("c") if tag["Key"] == identity.RUN_TAG)
    assert run == "a-b-c-é+00:00"


def test_content_ignores_order_and_what_is_named():
    one, other = {"a": 1, "b": 2, "N": "x"}, {"N": "y", "b": 2, "a": 1}
    ignored = frozenset({"N"})
    assert identity.content(one, ignored=ignored) == identity.content(other, ignored=ignored)


LIMITS = [
    ("TrainingJob", {"StoppingCondition": {"MaxRuntimeInSeconds": 600}}, 600),
    ("TrainingJob", {"StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900}}, 900),
    (
        "TrainingJob",
        {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxPendingTimeInSeconds": 7200}},
        7260,
    ),
    ("TrainingJob", {}, 86400),
    ("HyperParameterTuningJob", {}, 30 * 86400),
]


@pytest.mark.parametrize(("key", "request_", "seconds"), LIMITS)
def test_limits(key, request_, seconds):
    assert limits.longest(key, request_) == seconds + limits.GRACE


def test_polling_suits_the_place():
    assert limits.interval(None, "http://127.0.0.1:8088") == 1
    assert limits.interval(None, "https://api.sagemaker.us-east-1.amazonaws.com") == 30
    assert limits.interval(5, "http://127.0.0.1:8088") == 5
    assert limits.moment(None, "http://127.0.0.1:8088") == 3
    assert limits.moment(None, "https://api.sagemaker.us-east-1.amazonaws.com") == 0
    assert limits.moment(0, "http://127.0.0.1:8088") == 0
    assert all(8 <= limits.jittered(10) <= 12 for _ in range(100))


def test_every_line_once_across_pages_streams_and_equal_times():
    lines, position = tail.Position().advance("a", [event(1, "one"), event(1, "two")])
    assert lines == ["one", "two"]
    position = tail.Position.from_json(json.loads(json.dumps(position.as_json())))
    lines, position = position.advance("a", [event(1, "one"), event(1, "two"), event(1, "three")])
    assert lines == ["three"]
    lines, position = position.advance(
        "a", [event(1, "one"), event(1, "two"), event(1, "three"), event(2, "x")]
    )
    assert lines == ["x"]
    lines, position = position.advance("a", [event(2, "x")])
    assert lines == []


def test_a_log_that_is_not_there_yet_is_empty():
    reading = tail.read("group", "job/", tail.Position())
    assert next(reading).method == "describe_log_streams"
    with pytest.raises(StopIteration) as end:
        reading.send(None)
    assert end.value.value.lines == ()


def test_pages_are_read_to_the_end():
    answers = iter(
        [
            {"logStreams": [{"logStreamName": "job/algo-1-1"}, {"logStreamName": "job/algo-2-1"}]},
            {"events": [event(1, "one")], "nextForwardToken": "t1"},
            {"events": [event(2, "two")], "nextForwardToken": "t2"},
            {"events": [], "nextForwardToken": "t2"},
            {"events": [event(1, "other")]},
        ]
    )
    assert service.drive(Answers(answers), tail.read("group", "job/", tail.Position())).lines == (
        "[algo-1] one",
        "[algo-1] two",
        "[algo-2] other",
    )


class Answers:
    """A client that answers whatever it is asked with the next answer."""

    def __init__(self, answers):
        self.answers = answers

    def __getattr__(self, method):
        return lambda **_: next(self.answers)


def event(timestamp, message):
    return {"timestamp": timestamp, "message": message}


def test_secrets_are_masked_where_they_stand_and_in_text():
    request = {
        "Environment": {"SAGEMAKER_PROGRAM": "train.py", "MODE": "fast-mode"},
        "HyperParameters": {
            "n": "10",
            "api_token": "abcdef",
            "db": "postgres://u:pw@h/d",
            "login": "me abcdef",
        },
        "AppSpecification": {"ContainerArguments": ["--token=abcdef", "--epochs"]},
        "FailureReason": "abcdef",
        "SecondaryStatusTransitions": [{"StatusMessage": "s3://b/fast-mode is not there"}],
    }
    assert masking.masked(request) == {
        "Environment": {"SAGEMAKER_PROGRAM": "train.py", "MODE": "***"},
        "HyperParameters": {"n": "10", "api_token": "***", "db": "***", "login": "me ***"},
        "AppSpecification": {"ContainerArguments": ["--token=***", "--epochs"]},
        "FailureReason": "***",
        "SecondaryStatusTransitions": [{"StatusMessage": "s3://b/*** is not there"}],
    }


def test_names_addresses_and_settings_with_a_secrets_letters_stay_whole():
    settings = {
        "TrainingJobName": "churn-model-train-1",
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:1:training-job/churn-model-train-1",
        "TrainingJobStatus": "Completed",
        "AlgorithmSpecification": {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/churn-model:1"},
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/churn-model/my hunter22/output/model.tar.gz"},
        "InputDataConfig": [{"ChannelName": "hunter22", "ContentType": "text/csv"}],
        "ExperimentConfig": {"TrialComponentDisplayName": "the churn-model"},
    }
    hyperparameters = {"tokenizer": "bert-base", "start_from": "churn-model", "password": "hunter22"}
    environment = {"PROJECT": "churn-model", "WAIT_FOR": "Completed", "CONTENT": "text/csv"}
    description = {**settings, "Environment": environment, "HyperParameters": hyperparameters}
    found = masking.plain(description)
    assert {key: found[key] for key in settings} == settings
    assert found["HyperParameters"] == {**hyperparameters, "password": "***"}
    assert set(found["Environment"].values()) == {"***"}


NAMES = [
    ("hf_token", True),
    ("HF_TOKEN", True),
    ("hfToken", True),
    ("HFToken2", True),
    ("token_value", True),
    ("auth_token", True),
    ("accesstoken", True),
    ("api-key", True),
    ("apiKey", True),
    ("openai.apikey", True),
    ("aws_access_key_id", True),
    ("AWS_SECRET_ACCESS_KEY", True),
    ("clientSecret", True),
    ("password", True),
    ("DbPassword", True),
    ("db-passwd", True),
    ("private_key", True),
    ("basic_auth", True),
    ("credentials", True),
    ("tokenizer", False),
    ("max_tokens", False),
    ("maxTokens", False),
    ("max_token_length", False),
    ("pad_token", False),
    ("mask_token", False),
    ("author", False),
    ("authority", False),
    ("privately", False),
    ("secretary", False),
    ("key", False),
    ("passes", False),
]


@pytest.mark.parametrize(("name", "secret"), NAMES)
def test_a_name_says_that_a_hyperparameter_is_secret_by_whole_words(name, secret):
    found = masking.plain({"HyperParameters": {name: "bert-base"}})
    assert found == {"HyperParameters": {name: "***" if secret else "bert-base"}}
    assert masking.secrets({"HyperParameters": {name: "bert-base"}}) == ({"bert-base"} if secret else set())


def test_a_secret_that_the_sdk_wrote_as_json_is_hidden_without_its_quotes_too():
    request = {"HyperParameters": {"db_password": '"hunter2"'}}
    hidden = masking.secrets(request)
    assert masking.masked_text("logging in with hunter2", hidden) == "logging in with ***"
    assert masking.masked(request) == {"HyperParameters": {"db_password": "***"}}


def test_ordinary_values_of_an_environment_are_hidden_only_where_they_stand():
    environment = {
        "BUCKET": "s3://data/iris",
        "MODE": "fast",
        "PEPPER": "correct horse",
        "DB_PASSWORD": "pw12",
    }
    assert masking.secrets({"Environment": environment}) == {"correct horse", "pw12"}
    assert set(masking.masked({"Environment": environment})["Environment"].values()) == {"***"}


def test_signed_addresses_lose_their_signature():
    url = "https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA%2F&X-Amz-Signature=abcd&X-Amz-Expires=60"
    assert masking.masked_text(url).endswith("?X-Amz-Credential=***&X-Amz-Signature=***&X-Amz-Expires=60")
    signed = {"HyperParameters": {"source": url}, "Inputs": [{"From": url}]}
    assert masking.secrets(signed) == {"AKIA%2F", "abcd"}
    assert "***" in masking.masked(signed)["HyperParameters"]["source"]


def test_descriptions_become_plain_json():
    when = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    found = masking.plain({"CreationTime": when, "ResponseMetadata": {}, "List": [{"At": when}]})
    assert json.loads(json.dumps(found)) == {
        "CreationTime": when.isoformat(),
        "List": [{"At": when.isoformat()}],
    }


def test_billable_seconds_and_cost():
    start = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    machine = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    job = {
        "TrainingStartTime": start,
        "TrainingEndTime": start + dt.timedelta(seconds=90),
        "ResourceConfig": machine,
        "FinalMetricDataList": [{"MetricName": "accuracy", "Value": 0.5}],
    }
    found = outcome.summary(job, {"ml.m5.large": 3.6})
    assert found == {"Metrics": {"accuracy": 0.5}, "BillableSeconds": 180, "CostUSD": 0.18}
    assert outcome.summary(job, {"ml.m5.large": 3.6}, "EUR")["CostEUR"] == 0.18
    assert outcome.billable_seconds({**job, "BillableTimeInSeconds": 30}) == 60
    assert outcome.billable_seconds({}) is None


GOLDEN = [
    ([0, 1], [0, 1], None),
    ([0.1000001], [0.1], None),
    ([0.2], [0.1], "answer[0] is 0.2"),
    ([0], [0, 1], "has 1 items"),
    ({"p": [1.0]}, {"p": [1.0]}, None),
    ({"p": [2.0]}, {"p": [1.0]}, "answer['p'][0]"),
    (["setosa"], ["virginica"], "'setosa'"),
    (True, 1, None),
    ("a", 1, "'a'"),
    ([224407.72000387285], [224407.72662319214], None),  # the endpoint read its features as float32
    ([224407.72], [224417.73], "answer[0] is 224407.72"),
    (["1", "0"], [1, 0], None),  # classes that were read as text, and a predictions.csv of them
    (["1"], [2], "answer[0] is '1'; expected is 2"),
    ([True, False], ["True", "False"], None),  # as pandas writes truth values
    ([True], ["False"], "answer[0] is True; expected is 'False'"),
    (["yes"], ["Yes"], "answer[0] is 'yes'"),
]


@pytest.mark.parametrize(("got", "expected", "said"), GOLDEN)
def test_golden_predictions(got, expected, said):
    found = golden.difference(got, expected, 1e-3)
    assert (found is None) if said is None else (said in found)


def test_answers_are_parsed_by_their_type():
    assert golden.parse(b"[0, 2]", "application/json") == [0, 2]
    assert golden.parse(b"0\n2\n", "text/csv; charset=utf-8") == [0.0, 2.0]
    assert golden.parse(b"0,a\n2,b\n", "text/csv") == [[0.0, "a"], [2.0, "b"]]


def test_percentile_is_the_nearest_rank():
    assert golden.percentile(range(1, 101), 0.95) == 95
    assert golden.percentile([3.0], 0.95) == 3.0


def test_a_description_may_have_more_than_the_request():
    assert compare.contains({"a": [{"b": 1, "c": 2}], "d": 3}, {"a": [{"b": 1}]})
    assert not compare.contains({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}]})
    assert not compare.contains({}, {"a": 1})


def test_every_status_of_the_service_model_has_a_phase():
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
    for kind in kinds.KINDS.values():
        for status in model.shape_for(f"{kind.key}Status").enum:
            assert status in kinds.PHASES, kind


@pytest.mark.parametrize(
    ("waited", "seconds"), [(0.0, 0.1), (0.05, 0.05), (0.1, 0.02), (0.2, 0.02), (1.0, 0.1), (3.0, 0.3)]
)
def test_a_task_that_looks_for_itself_waits_a_tenth_longer_at_most(waited, seconds):
    assert limits.pause(waited) == pytest.approx(seconds)
