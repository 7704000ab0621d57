"""The memory of instance types."""

import pytest

from sagelocal.container import limits

GIB = 1 << 30


@pytest.mark.parametrize(
    ("instance_type", "gib"),
    [
        ("ml.t3.medium", 4),
        ("ml.m5.large", 8),
        ("ml.m5.24xlarge", 384),
        ("ml.c4.8xlarge", 60),
        ("ml.c5.18xlarge", 144),
        ("ml.c5n.18xlarge", 192),  # no multiple of its xlarge
        ("ml.m7i-flex.2xlarge", 32),
        ("ml.r5.4xlarge", 128),
        ("ml.g5.48xlarge", 768),
    ],
)
def test_the_memory_of_a_type(instance_type, gib):
    assert limits.memory(instance_type) == gib * GIB
    assert limits.of("instance", instance_type)[0] == {"RLIMIT_AS": gib * GIB}


@pytest.mark.parametrize("instance_type", ["ml.p5.48xlarge", "local", "", "ml.m5.metal"])
def test_a_type_that_is_not_known_has_no_limit(instance_type):
    assert limits.of("instance", instance_type)[0] == {}


def test_nothing_is_limited_unless_asked_for():
    assert limits.of("none", "ml.m5.large") == ({}, "")
