"""How many instances a variant is to have."""

import pytest

from sagelocal.errors import ValidationException
from sagelocal.jobs import scaling

BOUNDS = {"MinCapacity": 1, "MaxCapacity": 4}
POLICY = {"TargetValue": 100.0, "ScaleInCooldown": 60, "ScaleOutCooldown": 30}


def load(count, rate, seconds=60.0, since=60.0):
    return scaling.Load(count=count, rate=rate, seconds=seconds, since=since)


@pytest.mark.parametrize(
    ("seen", "target", "policy", "count"),
    [
        (load(6, 0), BOUNDS, None, 4),  # above the bounds
        (load(1, 0), {"MinCapacity": 2, "MaxCapacity": 4}, None, 2),  # below them
        (load(2, 900), BOUNDS, None, 2),  # nothing to follow
        (load(2, 110), BOUNDS, POLICY, 3),
        (load(2, 900), BOUNDS, POLICY, 4),  # no further than the bound
        (load(2, 110, seconds=5), BOUNDS, POLICY, 2),  # too little seen
        (load(2, 110, since=20), BOUNDS, POLICY, 2),  # cooling down
        (load(2, 110), BOUNDS | {"SuspendedState": {"DynamicScalingOutSuspended": True}}, POLICY, 2),
        (load(3, 30), BOUNDS, POLICY, 1),
        (load(3, 30, seconds=30), BOUNDS, POLICY, 3),  # out is quick, in is not
        (load(3, 30, since=40), BOUNDS, POLICY, 3),
        (load(3, 95), BOUNDS, POLICY, 3),  # within the slack
        (load(3, 30), BOUNDS, POLICY | {"DisableScaleIn": True}, 3),
        (load(3, 0), {"MinCapacity": 0, "MaxCapacity": 4}, POLICY, 1),  # only its bounds take it to none
    ],
)
def test_a_variant_follows_bounds_and_traffic(seen, target, policy, count):
    assert scaling.decide(seen, target, policy) == count


def test_a_resource_that_is_no_variant_is_refused():
    assert scaling.parse("endpoint/e/variant/v") == ("e", "v")
    with pytest.raises(ValidationException, match="endpoint/<endpoint>/variant/<variant>"):
        scaling.parse("service/cluster/name")
