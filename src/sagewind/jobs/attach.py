"""Whether to make a job, attach to one that exists, or look for another name: a table.

The one rule behind it: work that was paid for is used, and work that was not asked for is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sagewind.jobs.failures import Cause
from sagewind.jobs.kinds import Phase


class Ownership(StrEnum):
    """Whose a job that exists is."""

    OURS = "ours"  # this task of this run, asking for the same
    OUTDATED = "outdated"  # this task of this run, before the DAG was edited, or before a person cleared it
    FOREIGN = "foreign"  # somebody else's


class Decision(StrEnum):
    """What to do about one name."""

    CREATE = "create"  # nobody has it
    ATTACH = "attach"  # ours, and running: wait for it
    TAKE = "take"  # ours, and done: its result is ours
    REPORT = "report"  # ours, and failed in a way that a second run would repeat
    STOP_THEN_NEXT = "stop, then next"  # nobody wants its result any more
    NEXT = "next"  # look at the next name
    REFUSE = "refuse"  # the name is taken, and another is not wanted


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A job that exists under a name."""

    phase: Phase
    ownership: Ownership
    cause: Cause | None = None
    """Why it failed, when it did."""


_OURS = {
    Phase.ACTIVE: Decision.ATTACH,
    Phase.DONE: Decision.TAKE,
    Phase.STOPPING: Decision.STOP_THEN_NEXT,
    Phase.STOPPED: Decision.NEXT,
    Phase.FAILED: Decision.NEXT,
}


def decide(seen: Seen | None, *, rename: bool) -> Decision:
    """Return what to do about a name under which `seen` exists (`None`: nothing does).

    `rename` is false when the user wants a clash to be an error (`action_if_job_exists="fail"`).
    """
    if seen is None:
        return Decision.CREATE
    if seen.ownership is Ownership.FOREIGN:
        return Decision.NEXT if rename else Decision.REFUSE
    if seen.ownership is Ownership.OUTDATED:
        unfinished = seen.phase in (Phase.ACTIVE, Phase.STOPPING)
        return Decision.STOP_THEN_NEXT if unfinished else Decision.NEXT
    if seen.phase is Phase.FAILED and seen.cause is Cause.ALGORITHM:
        return Decision.REPORT
    return _OURS[seen.phase]
