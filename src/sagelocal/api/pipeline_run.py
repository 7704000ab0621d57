"""One execution of a pipeline on its way: look at its steps, decide, begin steps, write each change.

It keeps nothing of its own: the execution's row says which steps have begun and as what, the jobs are rows
that the service runs as it runs all jobs. So it may be cut off at any moment, and is taken up where it was.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

from sagelocal.api.pipeline_requests import Attempt
from sagelocal.api.pipeline_scope import OUTCOMES, ExecutionScope
from sagelocal.api.pipeline_step import CacheHit, Outcome, StepWork
from sagelocal.api.records import now
from sagelocal.errors import ServiceError
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.pipelines import definition as defining
from sagelocal.pipelines import expressions, progress, retries, steps
from sagelocal.pipelines.progress import ENDED, OVER, ExecutionStatus, State, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.api.calling import Caller
    from sagelocal.api.pipeline_records import PipelineRecords
    from sagelocal.pipelines.definition import Step
    from sagelocal.storage import Storage

    Body = dict[str, Any]

LOOK_SECONDS = 0.2
"""Between two looks at the jobs."""
STEPS_FAILED = "Step failure: One or multiple steps failed."
_TAG = "sagemaker:pipeline-execution-arn"


class Run:
    """The run of one execution, on a thread of its own."""

    def __init__(
        self,
        *,
        name: str,
        records: PipelineRecords,
        caller: Caller,
        storage: Storage,
        tags: Callable[[str], dict[str, str]],
        is_closing: Callable[[], bool],
    ) -> None:
        self._name = name
        self._records = records
        self._caller = caller
        self._storage = storage
        self._is_closing = is_closing
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()
        body = records.execution(name).body
        self._arn: str = body["PipelineExecutionArn"]
        pipeline = records.get(body["PipelineName"])
        version = records.version(pipeline.name, body["PipelineVersionId"])
        self._definition = defining.parse(version.body["PipelineDefinition"])
        self._work = StepWork(
            definition=self._definition,
            caller=caller,
            storage=storage,
            find=self._find,
            role=pipeline.body["RoleArn"],
            tags=tags(pipeline.arn) | {_TAG: self._arn},
        )

    def ring(self) -> None:
        """Have it look now."""
        self._rings.put(None)

    def run(self) -> None:
        """Go on until the execution has ended, or the service ends."""
        self._set_experiment()
        while not self._is_closing():
            self._observe()
            body = self._body()
            if body["PipelineExecutionStatus"] in ENDED:
                return
            decision = self._decide(body)
            for name in decision.begin:
                self._begin(self._definition.steps[name])
            if decision.end is not None:
                self.finish(decision.end, STEPS_FAILED)
            elif not decision.begin:
                self._wait()

    def finish(self, end: ExecutionStatus, reason: str) -> None:
        """Write the execution's end; one that has ended stays as it is."""

        def change(body: Body) -> None:
            if body["PipelineExecutionStatus"] in ENDED:
                return
            # A stop may have come since the decision.
            stopping = body["PipelineExecutionStatus"] == ExecutionStatus.STOPPING
            status = ExecutionStatus.STOPPED if stopping else end
            body |= {"PipelineExecutionStatus": status, "LastModifiedTime": now()}
            if status is ExecutionStatus.FAILED:
                body["FailureReason"] = reason[:LONGEST_REASON]

        self._records.update_execution(self._name, change)

    # -- deciding

    def _decide(self, body: Body) -> progress.Decision:
        selective = body.get("SelectiveExecutionConfig")
        parallel = body.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
        return progress.decide(
            self._definition,
            {name: _state(record) for name, record in body["Steps"].items()},
            parallel=parallel or progress.DEFAULT_PARALLEL,
            stopping=body["PipelineExecutionStatus"] == ExecutionStatus.STOPPING,
            selected=frozenset(each["StepName"] for each in selective["SelectedSteps"])
            if selective
            else None,
        )

    # -- acting

    def _begin(self, step: Step) -> None:
        moment = now()

        def change(body: Body) -> None:
            body["Attempts"][step.name] = body["Attempts"].get(step.name, 0) + 1
            body["Steps"][step.name] = {
                "StepName": step.name,
                "StepType": step.type,
                "StepStatus": StepStatus.STARTING,
                "StartTime": moment,
                "AttemptCount": 1,
                **({"StepDisplayName": step.display_name} if step.display_name else {}),
                **({"StepDescription": step.description} if step.description else {}),
            }

        self._records.update_execution(self._name, change)
        self._attempt(step)

    def _attempt(self, step: Step) -> None:
        body = self._body()
        attempt = Attempt(execution_arn=self._arn, step=step.name, number=body["Attempts"][step.name])
        self._take(step, self._work.attempt(step, attempt, body))

    def _observe(self) -> None:
        """Look at every step that has begun and is not over."""
        body = self._body()
        stopping = body["PipelineExecutionStatus"] == ExecutionStatus.STOPPING
        for name, record in body["Steps"].items():
            if record["StepStatus"] not in OVER:
                self._look(self._definition.steps[name], record, stopping=stopping)

    def _look(self, step: Step, record: Mapping[str, Any], *, stopping: bool) -> None:
        kind, resource = steps.KINDS.get(step.type), record.get("Resource")
        if kind is None or resource is None:
            waits = record.get("NextTry", 0.0) > now()
            if stopping and "NextTry" in record:
                self._take(step, Outcome(status=StepStatus.STOPPED))
            elif not waits:
                self._attempt(step)
            return
        is_to_stop = stopping and record["StepStatus"] != StepStatus.STOPPING
        if is_to_stop and self._work.stop(kind, resource):
            self._take(step, Outcome(status=StepStatus.STOPPING))
        outcome = self._work.look(kind, resource, stopping=stopping)
        if outcome is not None:
            self._take(step, outcome)

    def _take(self, step: Step, outcome: Outcome) -> None:
        """Write what came of an attempt or of a look; a failure may lead to another attempt."""
        moment = now()

        def change(body: Body) -> None:
            record = body["Steps"][step.name]
            stopping = body["PipelineExecutionStatus"] == ExecutionStatus.STOPPING
            wait = None if stopping else _wait_of(step, record, outcome, moment)
            body["LastModifiedTime"] = moment
            record.pop("NextTry", None)
            if wait is not None:
                _try_again(body, record, moment + wait)
                return
            members = dict(outcome.members)
            if "FailureReason" in members:
                members["FailureReason"] = members["FailureReason"][:LONGEST_REASON]
            record |= members | {"StepStatus": outcome.status}
            if outcome.status in OVER:
                record["EndTime"] = moment

        self._records.update_execution(self._name, change)

    # -- knowing

    def _find(self, step: Step, signature: str) -> CacheHit | None:
        """Return the last run of a step in this pipeline that did the same and is not too old."""
        assert step.max_age is not None
        oldest = now() - step.max_age
        found: list[tuple[float, CacheHit]] = []
        for execution in self._records.executions(self._name.partition("/")[0]):
            record = execution.body["Steps"].get(step.name, {})
            if (
                record.get("StepStatus") == StepStatus.SUCCEEDED
                and record.get("Signature") == signature
                and not {"CacheHitResult", "SelectiveExecutionResult"} & set(record)
                and record["EndTime"] >= oldest
            ):
                found.append((record["EndTime"], CacheHit(record=record, execution_arn=execution.arn)))
        return max(found, key=lambda each: each[0])[1] if found else None

    def _set_experiment(self) -> None:
        """Make the experiment and the trial that the execution's jobs belong to, where they are not there."""
        body = self._body()
        if not self._definition.experiment or "PipelineExperimentConfig" in body:
            return
        scope = ExecutionScope(
            definition=self._definition, body=body, caller=self._caller, storage=self._storage
        )
        config = expressions.evaluate(dict(self._definition.experiment), scope)
        named = {key: config[key] for key in ("ExperimentName", "TrialName") if key in config}
        for noun, needed in (("Experiment", ("ExperimentName",)), ("Trial", ("TrialName", "ExperimentName"))):
            if set(needed) <= set(named):
                self._make(noun, {key: named[key] for key in needed})

        def change(stored: Body) -> None:
            stored["PipelineExperimentConfig"] = named

        self._records.update_execution(self._name, change)

    def _make(self, noun: str, request: dict[str, str]) -> None:
        key = f"{noun}Name"
        try:
            self._caller(f"Describe{noun}", {key: request[key]})
        except ServiceError:
            self._caller(f"Create{noun}", request)

    def _body(self) -> Body:
        return self._records.execution(self._name).body

    def _wait(self) -> None:
        try:
            self._rings.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            return


def _state(record: Mapping[str, Any]) -> State:
    outcome = record.get("Metadata", {}).get(steps.CONDITION, {}).get("Outcome")
    return State(
        status=StepStatus(record["StepStatus"]),
        outcome=None if outcome is None else outcome == OUTCOMES[True],
    )


def _wait_of(step: Step, record: Mapping[str, Any], outcome: Outcome, moment: float) -> float | None:
    if not outcome.exception:
        return None
    elapsed = moment - record["StartTime"]
    return retries.delay(step.retries, outcome.exception, record["AttemptCount"] - 1, elapsed)


def _try_again(body: Body, record: dict[str, Any], moment: float) -> None:
    body["Attempts"][record["StepName"]] += 1
    record |= {
        "StepStatus": StepStatus.STARTING,
        "AttemptCount": record["AttemptCount"] + 1,
        "NextTry": moment,
    }
    for member in ("Resource", "Metadata", "Signature"):
        record.pop(member, None)
