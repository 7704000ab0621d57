"""A warm pool: there from the end of a job until another takes it over or its time is over."""

import pytest

from sagelocal.jobs import warm_pools

RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}


def request(seconds=60, **changes):
    return {"RoleArn": "r", "ResourceConfig": RESOURCES | {"KeepAlivePeriodInSeconds": seconds}} | changes


def job(status="Completed", **changes):
    asked = request(**changes)
    return asked | warm_pools.at_start(asked) | {"TrainingJobStatus": status, "TrainingEndTime": 1000.0}


@pytest.mark.parametrize(
    ("status", "moment", "expected"),
    [
        ("InProgress", 1010.0, {"Status": "InUse"}),
        ("Completed", 1010.5, {"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 10}),
        # Its period is over: what was kept is the period, however late one looks.
        ("Completed", 5000.0, {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 60}),
        # Nothing is kept of a job that failed.
        ("Failed", 1010.0, {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}),
    ],
)
def test_the_status_of_a_pool(status, moment, expected):
    assert warm_pools.now_is(job(status), moment) == expected


def test_a_job_without_a_period_has_no_pool():
    assert warm_pools.at_start(request(seconds=0)) == {}
    assert warm_pools.now_is(job(seconds=0), 1010.0) is None


def test_one_job_takes_a_pool_over_and_no_other():
    body = job()
    assert warm_pools.take_over(body, request(seconds=5), "next", 1010.0)
    reused = {"Status": "Reused", "ReusedByJob": "next", "ResourceRetainedBillableTimeInSeconds": 10}
    assert warm_pools.now_is(body, 5000.0) == reused
    assert not warm_pools.take_over(body, request(), "third", 1011.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"RoleArn": "other"},
        {"ResourceConfig": RESOURCES | {"InstanceCount": 2}},
        {"VpcConfig": {"Subnets": ["s"]}},
        {"EnableNetworkIsolation": True},
    ],
)
def test_a_job_that_asks_for_something_else_does_not_match(changes):
    assert not warm_pools.matches(job(), request() | changes, 1010.0)


def test_a_period_can_be_changed_while_the_pool_is_there():
    body = job()
    assert warm_pools.change(body, 600, 1010.0)
    assert warm_pools.now_is(body, 1500.0)["Status"] == "Available"
    assert warm_pools.change(body, 0, 1500.0)
    assert warm_pools.now_is(body, 1500.0) == {
        "Status": "Terminated",
        "ResourceRetainedBillableTimeInSeconds": 500,
    }
    assert not warm_pools.change(body, 60, 1500.0)
