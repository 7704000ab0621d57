"""What to do next about an endpoint that shall serve a configuration: a table over what is seen.

A deployment rehearses the new configuration beside the live endpoint when there is something to check it by,
so that requests are never answered by a model that fails the check.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sagewind.jobs.kinds import Phase


class Move(StrEnum):
    """The next move."""

    CREATE = "create"  # there is no endpoint
    REPLACE = "replace"  # it failed, and is ours: delete it, then create
    REFUSE = "refuse"  # it failed, and is somebody else's
    WAIT = "wait"  # something is under way
    CHECK = "check"  # it serves the configuration already
    REHEARSE = "rehearse"  # try the new configuration on an endpoint of its own first
    UPDATE = "update"  # change the configuration of the live endpoint


@dataclass(frozen=True, kw_only=True)
class Live:
    """The endpoint as it is: `config` is the configuration that serves."""

    phase: Phase
    config: str
    owned: bool
    mixed: bool = False
    """An update and its rollback failed, and it serves with instances of both configurations."""

    def __str__(self) -> str:
        """Say it in a task's log."""
        return f"{self.phase} with {self.config}"


def next_move(live: Live | None, wanted: str, *, rehearse: bool) -> Move:
    """Return what to do so that the endpoint serves the configuration `wanted`."""
    if live is None:
        return Move.CREATE
    if live.phase in (Phase.ACTIVE, Phase.STOPPING):
        return Move.WAIT
    if live.phase is Phase.FAILED and not live.mixed:
        return Move.REPLACE if live.owned else Move.REFUSE
    if live.config == wanted and not live.mixed:
        return Move.CHECK
    return Move.REHEARSE if rehearse else Move.UPDATE
