"""A hyperparameter tuning job as its supervisor carries it out: propose, have trained, observe.

It keeps nothing of its own: the training jobs are in the store under names that follow from the tuning job's,
and what to propose next follows from them. So it may be killed at any moment, and is taken up again.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from sagelocal.jobs.children import Children
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.jobs.status import JobStatus
from sagelocal.jobs.store import MissingError
from sagelocal.tuning import definition as defining
from sagelocal.tuning import early, strategies, summaries
from sagelocal.tuning import trials as trying

if TYPE_CHECKING:
    from sagelocal.jobs.supervisor import Job
    from sagelocal.tuning.definition import Definition
    from sagelocal.tuning.trials import Trial

KIND = "hyper-parameter-tuning-job"
LOOK_SECONDS = 0.25
"""Between two looks at the training jobs."""
NO_METRIC = (
    "No objective metrics found after running {count} training jobs. Please ensure that the custom algorithm "
    "is emitting the objective metric as defined by the regular expression provided."
)
ALL_FAILED = "All training jobs failed. Please take a look at the training jobs failures to get more details."


def run(job: Job) -> None:
    """Carry out the tuning job and write its end."""
    Tuner(job).run()


class Tuner:
    """One tuning job on its way."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._tuning = defining.parse(job.body)
        self._children = Children(job.store, job.data_dir, job.body)
        self._tags = job.store.tags(job.body["HyperParameterTuningJobArn"])
        self._bodies: list[dict[str, Any]] = []
        self._trials: list[Trial] = []
        self._inherited = {each.name: self._parents(each) for each in self._tuning.definitions}
        self._is_exhausted = False
        self._published: dict[str, Any] = {}

    def run(self) -> None:
        """Go on until there is nothing left to do."""
        self._observe()
        for trial in self._trials:
            if not trial.is_over:
                self._children.remind(trial.name)
        while True:
            stopping = self._is_stopping()
            done = stopping or self._has_enough()
            if stopping or self._out_of_time():
                self._stop([trial for trial in self._trials if not trial.is_over])
            elif not done:
                self._stop(self._losing())
                self._launch()
            self._publish()
            if all(trial.is_over for trial in self._trials) and (done or not self._can_launch()):
                self._finish(stopped=stopping)
                return
            self._job.wake.wait(LOOK_SECONDS)
            self._observe()

    # -- observing

    def _observe(self) -> None:
        watches = self._tuning.stops_early or self._tuning.strategy == strategies.HYPERBAND
        self._bodies = self._children.bodies()
        self._trials = [
            self._children.trial(body, definition, curve=watches)
            for body, definition in zip(self._bodies, self._tuning.turns(), strict=False)
        ]

    def _parents(self, definition: Definition) -> list[Trial]:
        """Return the finished trials of the parents, for a warm start."""
        config = self._job.body.get("WarmStartConfig", {})
        found = []
        for parent in config.get("ParentHyperParameterTuningJobs", []):
            try:
                body = self._job.store.get(KIND, parent["HyperParameterTuningJobName"]).body
            except MissingError:
                continue  # deleted since the tuning job was made
            children = Children(self._job.store, self._job.data_dir, body)
            for child in children.bodies():
                trial = children.trial(child, definition, curve=False)
                if trial.is_over and trial.value is not None:
                    found.append(summaries.inherited(trial))
        return found

    # -- deciding

    def _is_stopping(self) -> bool:
        if self._job.stopping:
            return True
        try:
            body = self._job.store.get(KIND, self._job.name).body
        except MissingError:
            return True
        return bool(body["HyperParameterTuningJobStatus"] == JobStatus.STOPPING)

    def _has_enough(self) -> bool:
        """Tell whether no further training job is to be started."""
        if self._out_of_time():
            return True
        return summaries.has_reached(self._trials, self._tuning)

    def _out_of_time(self) -> bool:
        limit = self._tuning.max_runtime
        return limit is not None and time.time() - self._job.body["CreationTime"] > limit

    def _losing(self) -> list[Trial]:
        losing: list[Trial] = []
        for definition in self._tuning.definitions:
            own = [trial for trial in self._trials if trial.definition == definition.name]
            halving = definition.halving
            if halving is not None:
                losing += early.halving(own, definition.objective, least=halving.least, most=halving.most)
            elif self._tuning.stops_early:
                losing += early.median(own, definition.objective)
        return losing

    def _can_launch(self) -> bool:
        return len(self._trials) < self._tuning.most_jobs and not self._is_exhausted

    # -- acting

    def _launch(self) -> None:
        running = sum(not trial.is_over for trial in self._trials)
        while running < self._tuning.parallel and self._can_launch():
            definition = self._next()
            parameters = self._propose(definition) if definition else None
            if definition is None or parameters is None:
                self._is_exhausted = True
                return
            self._children.make(len(self._trials) + 1, definition, parameters, self._tags)
            self._observe()
            running += 1

    def _next(self) -> Definition | None:
        """Return the definition of the training job to be made next; None when all has been tried."""
        return next(itertools.islice(self._tuning.turns(), len(self._trials), None), None)

    def _propose(self, definition: Definition) -> dict[str, str] | None:
        known = [trial for trial in self._trials if trial.definition == definition.name]
        return strategies.propose(
            self._tuning.strategy,
            definition.ranges,
            [*self._inherited[definition.name], *known],
            definition.objective,
            f"{self._tuning.seed} {definition.name}",
        )

    def _stop(self, trials: list[Trial]) -> None:
        for trial in trials:
            if trial.status != JobStatus.STOPPING:
                self._children.stop(trial.name)

    # -- telling

    def _publish(self) -> None:
        members = self._members()
        if members != self._published:
            self._published = members
            self._job.update(lambda body: body.update(members))

    def _members(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "TrainingJobStatusCounters": trying.status_counters(self._trials),
            "ObjectiveStatusCounters": trying.objective_counters(self._trials),
        }
        best = summaries.best(self._trials, self._bodies, self._tuning, self._job.name)
        if best is not None:
            members["BestTrainingJob"] = best
            if self._job.body.get("WarmStartConfig", {}).get("WarmStartType") == "IdenticalDataAndAlgorithm":
                members["OverallBestTrainingJob"] = self._overall_best(best)
        return members

    def _overall_best(self, best: dict[str, Any]) -> dict[str, Any]:
        """Return the best training job of this tuning job and its parents."""
        objective = self._tuning.definitions[0].objective
        found = [best]
        for parent in self._job.body.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", []):
            try:
                body = self._job.store.get(KIND, parent["HyperParameterTuningJobName"]).body
            except MissingError:
                continue
            found += [body[key] for key in ("OverallBestTrainingJob", "BestTrainingJob") if key in body]
        return max(found, key=lambda each: objective.score(summaries.value_of(each)))

    def _finish(self, *, stopped: bool) -> None:
        members = self._members()
        failed = not stopped and "BestTrainingJob" not in members

        def change(body: dict[str, Any]) -> None:
            body.update(members)
            moment = time.time()
            status = JobStatus.STOPPED if stopped else JobStatus.COMPLETED
            body["HyperParameterTuningJobStatus"] = JobStatus.FAILED if failed else status
            body["HyperParameterTuningEndTime"] = body["LastModifiedTime"] = moment
            seconds = sum(child.get("TrainingTimeInSeconds", 0) for child in self._bodies)
            body["ConsumedResources"] = {"RuntimeInSeconds": seconds}
            body["TuningJobCompletionDetails"] = {
                "NumberOfTrainingJobsObjectiveNotImproving": summaries.not_improving(
                    self._trials, self._tuning
                )
            }
            if failed:
                body["FailureReason"] = self._failure()[:LONGEST_REASON]

        self._job.finish(change)

    def _failure(self) -> str:
        ended_well = any(trial.status != JobStatus.FAILED for trial in self._trials)
        return NO_METRIC.format(count=len(self._trials)) if ended_well else ALL_FAILED
