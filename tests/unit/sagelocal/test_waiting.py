"""How long a training job may wait for room."""

import pytest

from sagelocal.jobs import waiting


def of(spot=False, **condition):
    return waiting.of(
        {"CreationTime": 1000.0, "EnableManagedSpotTraining": spot, "StoppingCondition": condition}
    )


def test_a_job_without_limits_waits_for_ever():
    assert of(MaxRuntimeInSeconds=5) is None
    assert waiting.of({"CreationTime": 1000.0}) is None


def test_only_a_spot_job_has_a_limit_for_wait_and_run_together():
    assert of(MaxWaitTimeInSeconds=30) is None
    assert of(spot=True, MaxWaitTimeInSeconds=30).until == 1030


@pytest.mark.parametrize(
    ("wait", "pending", "until", "secondary"),
    [(9000, 7200, 8200, "Stopped"), (7000, 7200, 8000, "MaxWaitTimeExceeded")],
)
def test_the_limit_that_is_over_first_counts(wait, pending, until, secondary):
    found = of(spot=True, MaxWaitTimeInSeconds=wait, MaxPendingTimeInSeconds=pending)
    assert (found.until, found.secondary) == (until, secondary)
