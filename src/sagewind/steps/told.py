"""Which finds of `watch` have been told: a mark beside each report, left once the event is out.

Leaving it is a task of its own, after the one whose success is the event. So what a worker could not tell
before it was killed is news to its next try, and to the days after; what ends between event and mark is told
twice, and nothing never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewind import aws, load
from sagewind.objects import Address, Objects

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DRIFT = "drift_told.json"
QUALITY = "quality_told.json"


def leave(spec_file: Path | str, *, marks: Mapping[str, Any], clients: aws.Clients = aws.client) -> list[str]:
    """Write the `marks` that `watch` returned, by address, and return where they are."""
    model = load.load(spec_file)
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    for where, content in marks.items():
        objects.write_json(Address.parse(where), content)
    return list(marks)


def read(objects: Objects, where: Address) -> dict[str, Any]:
    """Return a mark; empty when there is none."""
    return dict(objects.read_json(where)) if objects.head(where) else {}
