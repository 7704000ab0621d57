"""What is to happen next in an execution: pure decisions from the definition and the steps' states.

A step begins when all that it needs has succeeded and, within a branch, its condition has come out that way.
What needs a step that failed, was stopped or is never reached is never reached itself; everything else goes
on, but for a Fail step: after it nothing begins any more.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html (Fail step)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sagelocal.pipelines import steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.pipelines.definition import Definition, Step

DEFAULT_PARALLEL = 50
"""Steps at the same time, when nothing is said of it: as many as a pipeline may have."""


class StepStatus(StrEnum):
    """The status of a step that has begun."""

    STARTING = "Starting"  # its request is being made, or waits to be made again
    EXECUTING = "Executing"  # its job runs
    STOPPING = "Stopping"  # its job was asked to stop
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"


class ExecutionStatus(StrEnum):
    """The status of an execution."""

    EXECUTING = "Executing"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"


OVER = frozenset({StepStatus.STOPPED, StepStatus.FAILED, StepStatus.SUCCEEDED})
ENDED = frozenset({ExecutionStatus.STOPPED, ExecutionStatus.FAILED, ExecutionStatus.SUCCEEDED})


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a step that has begun stands."""

    status: StepStatus
    outcome: bool | None = None
    """Of a Condition step that succeeded."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now."""

    begin: tuple[str, ...] = ()
    """The steps to begin, in order."""
    end: ExecutionStatus | None = None
    """How the execution ends, when it does."""


def decide(
    definition: Definition,
    states: Mapping[str, State],
    *,
    parallel: int = DEFAULT_PARALLEL,
    stopping: bool = False,
    selected: frozenset[str] | None = None,
) -> Decision:
    """Return what to do now; `selected` are the only steps that may run, when an execution is selective."""
    active = sum(state.status not in OVER for state in states.values())
    fails = any(
        state.status is StepStatus.FAILED and definition.steps[name].type == steps.FAIL
        for name, state in states.items()
    )
    ready = []
    if not stopping and not fails:
        ready = [
            step.name
            for step in definition.steps.values()
            if step.name not in states
            and (selected is None or step.name in selected)
            and _is_ready(step, states, selected)
        ]
    begin = tuple(ready[: max(0, parallel - active)])
    if active or ready:
        return Decision(begin=begin)
    return Decision(end=_end(states, stopping=stopping))


def _is_ready(step: Step, states: Mapping[str, State], selected: frozenset[str] | None) -> bool:
    if any(name not in states or states[name].status is not StepStatus.SUCCEEDED for name in step.needs):
        return False
    if step.branch is None:
        return True
    if selected is not None and step.branch.condition not in selected:
        return True  # chosen by name: the condition is not asked
    condition = states.get(step.branch.condition)
    return condition is not None and condition.outcome is step.branch.outcome


def _end(states: Mapping[str, State], *, stopping: bool) -> ExecutionStatus:
    if stopping:
        return ExecutionStatus.STOPPED
    if any(state.status is not StepStatus.SUCCEEDED for state in states.values()):
        return ExecutionStatus.FAILED
    return ExecutionStatus.SUCCEEDED
