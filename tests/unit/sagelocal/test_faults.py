"""The fault plan: what is read, what is refused, and that each fault happens as often as it should."""

import json

import pytest

from sagelocal import fault_api, faults
from sagelocal.errors import ValidationException
from sagelocal.faults import Fault, FaultError, Faults

OPERATIONS = ("CreateTrainingJob", "DescribeTrainingJob", "InvokeEndpoint")


def plan(*given):
    return faults.parse(json.dumps({"faults": given}), OPERATIONS)


def test_a_plan_is_read_with_what_is_not_said():
    assert plan({"fault": "lost-reply"}, {"fault": "error", "operation": "Describe*", "status": 502}) == [
        Fault(fault="lost-reply", operation="CreateTrainingJob"),
        Fault(fault="error", operation="Describe*", status=502),
    ]


def test_a_plan_is_written_as_it_is_read():
    given = [Fault(fault=kind, operation=each.operation) for kind, each in faults.KINDS.items()]
    assert faults.parse(faults.to_json(given), OPERATIONS) == given


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", 'an object with one member, "faults"'),
        ('{"faults": [], "more": 1}', 'an object with one member, "faults"'),
        ('{"faults": ["throttle"]}', r"faults\[0\] is 'throttle'; an object is needed"),
        ('{"faults": [{}]}', "fault is None; allowed are capacity, limit"),
        ('{"faults": [{"fault": []}]}', "allowed are capacity, limit"),
        ('{"faults": [{"fault": "quake"}]}', "'quake'; allowed are"),
        ('{"faults": [{"fault": "capacity", "status": 500}]}', "'status'; 'capacity' takes name, times"),
        ('{"faults": [{"fault": "throttle", "times": 0}]}', "times is 0; a whole number from 1"),
        ('{"faults": [{"fault": "throttle", "times": true}]}', "times is True; a whole number"),
        ('{"faults": [{"fault": "throttle", "operation": ""}]}', "operation is ''; a name or a pattern"),
        ('{"faults": [{"fault": "throttle", "operation": "CreateJob"}]}', "no operation of SageMaker"),
        ('{"faults": [{"fault": "error", "status": 404}]}', "status is 404; allowed are 500, 502, 503, 504"),
        ('{"faults": [{"fault": "error", "status": [500]}]}', "allowed are 500, 502, 503, 504"),
        ('{"faults": [{"fault": "interrupt", "seconds": -1}]}', "seconds is -1; a number from 0 to 3600"),
        ('{"faults": [{"fault": "interrupt", "seconds": NaN}]}', "seconds is nan; a number from 0"),
    ],
)
def test_what_cannot_be_is_refused_with_the_place_and_what_is_allowed(text, words):
    with pytest.raises(FaultError, match=words):
        faults.parse(text, OPERATIONS)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(FaultError, match=r"the fault plan .*none\.json cannot be read"):
        faults.load(tmp_path / "none.json")


def test_refusals_happen_as_often_as_planned_and_in_order():
    left = Faults(plan({"fault": "throttle", "operation": "Describe*", "times": 2}, {"fault": "limit"}))
    assert left.refusal("InvokeEndpoint") is None
    assert left.refusal("DescribeTrainingJob").code == "ThrottlingException"
    assert left.refusal("DescribeTrainingJob").message == "Rate exceeded"
    assert left.refusal("DescribeTrainingJob") is None
    assert left.refusal("CreateTrainingJob").code == "ResourceLimitExceeded"
    assert left.list() == []


@pytest.mark.parametrize("status", faults.STATUSES)
def test_server_errors_have_the_planned_status(status):
    left = Faults(plan({"fault": "error", "status": status}))
    assert left.refusal("InvokeEndpoint").status == status


def test_a_reply_is_lost_once():
    left = Faults(plan({"fault": "lost-reply"}))
    assert left.refusal("CreateTrainingJob") is None
    assert [left.loses_reply("CreateTrainingJob") for _ in range(2)] == [True, False]


def test_jobs_are_chosen_by_name_and_only_spot_jobs_are_interrupted():
    left = Faults(
        plan(
            {"fault": "capacity", "name": "big-*"},
            {"fault": "interrupt", "seconds": 1.5},
            {"fault": "delay-logs", "seconds": 3, "times": 2},
        )
    )
    assert left.of_job("training-job", "small", {}) == {"delay_logs": 3}
    spot = {"EnableManagedSpotTraining": True}
    assert left.of_job("training-job", "spot", spot) == {"interrupt": 1.5, "delay_logs": 3}
    assert left.of_job("hyper-parameter-tuning-job", "big-search", {}) == {}
    assert left.of_job("training-job", "big-one", {}) == {"failure": faults.CAPACITY_REASON}
    assert left.of_job("training-job", "big-two", {}) == {}


def test_a_ping_fails_for_the_endpoint_that_is_named():
    left = Faults(plan({"fault": "ping", "name": "iris"}))
    assert [left.fails_ping(name) for name in ("other", "iris", "iris")] == [False, True, False]


def test_the_plan_can_be_replaced_added_to_and_emptied():
    left = Faults()

    def ask(method, *given):
        body = json.dumps({"faults": given}).encode() if given else b""
        return json.loads(fault_api.answer(left, OPERATIONS, method, body).body)["faults"]

    assert ask("PUT", {"fault": "capacity"}) == [{"fault": "capacity", "name": "*", "times": 1}]
    assert [each["fault"] for each in ask("POST", {"fault": "ping"})] == ["capacity", "ping"]
    assert [each["fault"] for each in ask("PUT", {"fault": "limit"})] == ["limit"]
    assert len(ask("GET")) == 1
    assert ask("DELETE") == []


@pytest.mark.parametrize(("method", "body"), [("PATCH", b""), ("POST", b"\xff"), ("PUT", b"{}")])
def test_a_bad_request_for_the_plan_changes_nothing(method, body):
    left = Faults(plan({"fault": "capacity"}))
    with pytest.raises(ValidationException):
        fault_api.answer(left, OPERATIONS, method, body)
    assert len(left.list()) == 1
