"""Decisions about executions, on any pipeline and any course of events."""

import json

from hypothesis import given
from hypothesis import strategies as st

from sagelocal.pipelines import definition, progress
from sagelocal.pipelines.progress import ExecutionStatus, State, StepStatus


@st.composite
def pipelines(draw):
    """Draw a definition: steps that need earlier ones, some in a branch of an earlier condition."""
    count = draw(st.integers(1, 9))
    top, lists, named = [], {}, []
    for number in range(count):
        name = f"S{number}"
        needs = draw(st.lists(st.sampled_from(named), unique=True, max_size=3)) if named else []
        kind = draw(st.sampled_from(["Processing", "Processing", "Condition", "Fail"]))
        arguments = {
            "Processing": {},
            "Condition": {"Conditions": [], "IfSteps": [], "ElseSteps": []},
            "Fail": {"ErrorMessage": "no"},
        }[kind]
        step = {"Name": name, "Type": kind, "Arguments": arguments, "DependsOn": needs}
        home = draw(st.sampled_from([None, *lists]))
        (top if home is None else lists[home]).append(step)
        if kind == "Condition":
            lists[name, True], lists[name, False] = arguments["IfSteps"], arguments["ElseSteps"]
        named += [] if kind == "Fail" else [name]
    return definition.parse(
        json.dumps(
            {
                "Version": "2020-12-01",
                "Steps": top or [{"Name": "Only", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
            }
        )
    )


def end_of(draw, step):
    if step.type == "Condition":
        return State(status=StepStatus.SUCCEEDED, outcome=draw(st.booleans()))
    if step.type == "Fail":
        return State(status=StepStatus.FAILED)
    return State(
        status=draw(st.sampled_from([StepStatus.SUCCEEDED, StepStatus.SUCCEEDED, StepStatus.FAILED]))
    )


@given(data=st.data(), pipeline=pipelines(), parallel=st.integers(1, 4))
def test_every_execution_ends_and_each_step_begins_at_most_once_after_what_it_needs(data, pipeline, parallel):
    states: dict[str, State] = {}
    for _ in range(3 * len(pipeline.steps) + 3):
        decision = progress.decide(pipeline, states, parallel=parallel)
        for name in decision.begin:
            step = pipeline.steps[name]
            assert name not in states
            assert all(states[each].status is StepStatus.SUCCEEDED for each in step.needs)
            if step.branch is not None:
                assert states[step.branch.condition].outcome is step.branch.outcome
            states[name] = State(status=StepStatus.EXECUTING)
        active = [name for name, state in states.items() if state.status not in progress.OVER]
        assert len(active) <= parallel
        if decision.end is not None:
            assert not active
            break
        ended = data.draw(st.sampled_from(active))
        states[ended] = end_of(data.draw, pipeline.steps[ended])
    assert decision.end is not None
    failed = any(state.status is StepStatus.FAILED for state in states.values())
    assert decision.end is (ExecutionStatus.FAILED if failed else ExecutionStatus.SUCCEEDED)
    if not failed:
        for step in pipeline.steps.values():
            reached = all(each in states for each in step.needs) and (
                step.branch is None
                or (
                    step.branch.condition in states
                    and states[step.branch.condition].outcome is step.branch.outcome
                )
            )
            assert (step.name in states) == reached


@given(pipeline=pipelines())
def test_nothing_begins_while_an_execution_stops(pipeline):
    assert progress.decide(pipeline, {}, stopping=True).end is ExecutionStatus.STOPPED
    running = {next(iter(pipeline.steps)): State(status=StepStatus.STOPPING)}
    assert progress.decide(pipeline, running, stopping=True) == progress.Decision()
