"""What an instance type would leave to a container, as rlimits: its memory. Pure.

Memory by type: https://aws.amazon.com/ec2/instance-types/ (an `ml.` type has what its EC2 namesake has).
RLIMIT_AS bounds the addresses of each process, not the memory of all together: a process that needs more than
the instance has gets a MemoryError here, where SageMaker's would be killed.
"""

from __future__ import annotations

import re

INSTANCE = "instance"
"""The value of the setting `limits` that asks for them."""
_GIB = 1 << 30
_XLARGE = {
    "c4": 7.5,
    "c5": 8,
    "c6i": 8,
    "c7i": 8,
    "c8i": 8,
    "c5n": 10.5,
    "t3": 16,
    "m4": 16,
    "m5": 16,
    "m6i": 16,
    "m7i": 16,
    "m8i": 16,
    "g4dn": 16,
    "g5": 16,
    "g6": 16,
    "r5": 32,
    "r5d": 32,
    "r6i": 32,
    "r7i": 32,
    "r8i": 32,
}
"""GiB of a family's xlarge; the other sizes are multiples of it."""
_PARTS = {"medium": 0.25, "large": 0.5, "xlarge": 1.0}
_OTHERS = {"c5n.9xlarge": 96.0, "c5n.18xlarge": 192.0}
_TYPE = re.compile(r"ml\.(?P<type>(?P<family>[a-z0-9]+)(?:-flex)?\.(?P<size>(?P<count>\d+)?[a-z]+))")


def memory(instance_type: str) -> int | None:
    """Return the bytes of memory of an instance type; None where this table does not have it."""
    match = _TYPE.fullmatch(instance_type)
    if match is None:
        return None
    if match["type"] in _OTHERS:
        return int(_OTHERS[match["type"]] * _GIB)
    part = float(match["count"]) if match["count"] else _PARTS.get(match["size"])
    whole = _XLARGE.get(match["family"])
    return None if part is None or whole is None else int(part * whole * _GIB)


def of(setting: str, instance_type: str) -> tuple[dict[str, int], str]:
    """Return the limits of a container by name (`RLIMIT_AS`), and what is to be said of them."""
    if setting != INSTANCE:
        return {}, ""
    found = memory(instance_type)
    if found is None:
        return {}, f"No limit: the memory of {instance_type or 'the instance'} is not known here"
    return {"RLIMIT_AS": found}, f"A process may have {found / _GIB:g} GiB of memory, as {instance_type} has"
