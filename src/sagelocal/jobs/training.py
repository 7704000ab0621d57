"""A training job, from its request to its end, as its supervisor carries it out.

What can go on side by side does: the environment is made while the data is fetched, the model is packed
while the output is. What the client sees is written in order: Downloading, Training, Uploading, the end.
"""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sagelocal import logs
from sagelocal import storage as objects
from sagelocal.container import sight
from sagelocal.jobs import artifacts, cluster, failure, hosts, planned_faults, transitions
from sagelocal.jobs import metrics as metering
from sagelocal.jobs import plan as planning
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.jobs.preparation import JobFailedError, Preparation
from sagelocal.jobs.report import Report
from sagelocal.jobs.status import TERMINAL, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagelocal.container.exits import Exit
    from sagelocal.container.images import Image
    from sagelocal.container.isolation import Isolation
    from sagelocal.container.sight import Sight
    from sagelocal.jobs.cluster import Outcome
    from sagelocal.jobs.metrics import MetricSink
    from sagelocal.jobs.plan import Host, TrainingPlan
    from sagelocal.jobs.preparation import Prepared
    from sagelocal.jobs.supervisor import Job
    from sagelocal.logs import LogSink
    from sagelocal.storage import Storage


class StoppedError(Exception):
    """A stop was asked for before the container was started."""


class InterruptedAttemptError(Exception):
    """The spot instance was taken back; the job goes on in another attempt."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """The world outside that a training job needs; tests give twins."""

    storage: Storage
    sink: Callable[[str], LogSink]
    """Makes the sink of a log stream, by its name."""
    metrics: MetricSink


@dataclass(frozen=True, kw_only=True)
class End:
    """How the job ended, and what is to be said of it."""

    status: JobStatus
    secondary: str
    reason: str = ""


def run(job: Job, services: Services | None = None) -> None:
    """Carry out the job and write its end."""
    grace = float(job.settings.get("stop_grace_seconds", planning.STOP_GRACE_SECONDS))
    plan = planning.training(job.body, region=job.settings["region"], stop_grace=grace)
    Training(job, plan, services or _aws(job, plan)).run()


def _aws(job: Job, plan: TrainingPlan) -> Services:
    return Services(
        storage=job.storage(),
        sink=partial(planned_faults.sink, job, logs.CloudWatchLogs, logs.TRAINING_GROUP),
        metrics=metering.CloudWatchMetrics(plan.name),
    )


class Training:
    """One training job on its way."""

    def __init__(self, job: Job, plan: TrainingPlan, services: Services) -> None:
        self._job = job
        self._plan = plan
        self._services = services
        self._began = time.time()
        self._trees = {host.name: hosts.layout(job.folder.root, plan, host) for host in plan.hosts}
        self._reports = self._make_reports()
        self._scanner = metering.Scanner(plan.metrics, self._say)
        self._tails = {host.name: failure.Tail() for host in plan.hosts}
        self._kept_model = False
        # What is left of it: it is "for all of the attempts in total".
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html
        self._runtime_left = plan.max_runtime

    def run(self) -> None:
        """Carry it out; whatever happens, the end is written once."""
        self._advance("Downloading", TrainingStartTime=self._began)
        end = self._attempts()
        self._close()
        self._finish(end)

    def _attempts(self) -> End:
        """Try until the job has an end: interruptions and errors of the platform lead to another."""
        retries = self._plan.retries
        while True:
            try:
                return self._attempt()
            except InterruptedAttemptError:
                self._again("Interrupted")
            except StoppedError:
                return End(status=JobStatus.STOPPED, secondary="Stopped")
            except JobFailedError as error:
                if retries == 0 or not str(error).startswith(failure.PLATFORM):
                    return End(status=JobStatus.FAILED, secondary="Failed", reason=str(error))
                retries -= 1
                self._say(str(error))
                self._again("Restarting")

    def _again(self, secondary: str) -> None:
        """Clear away an attempt and begin the next."""
        self._advance(secondary)
        for tree in self._trees.values():
            shutil.rmtree(tree.root, ignore_errors=True)
        self._job.interrupted = False
        self._advance("Downloading")

    def _attempt(self) -> End:
        say = self._say
        prepared = Preparation(self._job, self._plan, self._services.storage, self._trees, say).run()
        if self._job.stopping:
            raise StoppedError
        if self._plan.wait_until is not None and time.time() >= self._plan.wait_until:
            return End(status=JobStatus.STOPPED, secondary=cluster.MAX_WAIT)
        outcome = self._run_containers(prepared)
        if outcome.cause == cluster.INTERRUPTED:
            raise InterruptedAttemptError
        if not prepared.image.algorithm:  # those define every metric that they might print
            self._scanner.tell_unmatched()
        return self._keep(self._end(outcome, prepared), prepared.isolated)

    def _run_containers(self, prepared: Prepared) -> Outcome:
        running = cluster.Cluster(
            self._job,
            replace(self._plan, max_runtime=self._runtime_left),
            self._trees,
            prepared,
            self._services.storage,
            take=self._take,
            say=self._say,
        )
        self._job.mark_started()
        try:
            running.start()
            self._advance("Training", message=self._training_message(prepared.image))
            began = time.monotonic()
            outcome = running.watch()
            self._runtime_left -= time.monotonic() - began
            running.close()
        except objects.StorageError as error:
            raise JobFailedError(f"{failure.fault(error)}: Checkpoints: {error}") from error
        return outcome

    def _end(self, outcome: Outcome, prepared: Prepared) -> End:
        """Judge how the containers ended.

        Raises:
            JobFailedError: by an error of the platform's.

        """
        if outcome.fault.startswith(failure.PLATFORM):
            raise JobFailedError(outcome.fault)
        if outcome.cause:
            return End(status=JobStatus.STOPPED, secondary=outcome.cause)
        if outcome.fault:
            return End(status=JobStatus.FAILED, secondary="Failed", reason=outcome.fault)
        if outcome.first_bad is None:
            return End(status=JobStatus.COMPLETED, secondary="Completed")
        host, end = self._plan.hosts[outcome.first_bad], outcome.ends[outcome.first_bad]
        self._say(f"The container of {host.name} failed: {end}")
        reason = self._reason(host, end, prepared)
        return End(status=JobStatus.FAILED, secondary="Failed", reason=reason)

    def _reason(self, host: Host, end: Exit, prepared: Prepared) -> str:
        error, command = self._tails[host.name].error(), prepared.commands[host.name]
        written = hosts.failure_text(self._trees[host.name], prepared.isolated)
        if written or not command.is_script:
            return failure.container(end, written, error)
        program, *rest = command.argv
        shown = "python" if program == str(prepared.made.python) else program
        return failure.script(end, [shown, *rest], error)

    def _take(self, host: str, line: str) -> None:
        self._reports[host].line(line)
        self._tails[host].add(line)
        values = self._scanner.scan(line, time.time())
        if values:
            self._services.metrics.put(values)

    # -- after the script

    def _keep(self, end: End, isolated: Isolation) -> End:
        """Upload what the hosts leave; a model only of a job that did not fail."""
        self._advance("Uploading")
        seen = [(sight.of(isolated, tree), tree) for tree in self._trees.values()]
        try:
            with ThreadPoolExecutor(max_workers=1) as pool:
                results = [(each, tree.output_data) for each, tree in seen]
                output = pool.submit(self._upload, artifacts.OUTPUT, results)
                if end.status is not JobStatus.FAILED:
                    models = [(each, tree.model) for each, tree in seen]
                    self._kept_model = self._upload(artifacts.MODEL, models)
                output.result()
        except objects.StorageError as error:
            self._kept_model = False
            reason = end.reason or f"{failure.fault(error)}: Artifact upload failed: {error}"
            return End(status=JobStatus.FAILED, secondary="Failed", reason=reason)
        if end.status is JobStatus.COMPLETED and not self._kept_model:
            self._say("/opt/ml/model is empty: no model was uploaded")
        return end

    def _upload(self, kind: str, folders: list[tuple[Sight, Path]]) -> bool:
        return artifacts.upload(
            self._services.storage,
            artifacts.collect(kind, folders, self._say),
            kind=kind,
            output_uri=self._plan.output_uri,
            compress=self._plan.compress,
            drafts=self._job.folder.root / "drafts",
        )

    # -- telling

    def _advance(self, secondary: str, *, message: str = "", **members: Any) -> None:
        def change(body: dict[str, Any]) -> None:
            body.update(members)
            backwards = body["TrainingJobStatus"] == JobStatus.STOPPING and secondary != "Uploading"
            if body["TrainingJobStatus"] not in TERMINAL and not backwards:
                transitions.advance(body, secondary, time.time(), message)

        self._job.update(change)

    def _finish(self, end: End) -> None:
        moment = time.time()
        seconds = max(1, round(moment - self._began))

        def change(body: dict[str, Any]) -> None:
            body["TrainingJobStatus"] = end.status
            transitions.advance(body, end.secondary, moment)
            body["TrainingEndTime"] = moment
            body["TrainingTimeInSeconds"] = body["BillableTimeInSeconds"] = seconds
            if end.reason:
                body["FailureReason"] = end.reason[:LONGEST_REASON]
            if end.status is JobStatus.COMPLETED or self._kept_model:
                uri = artifacts.model_uri(self._plan.output_uri, compress=self._plan.compress)
                body["ModelArtifacts"] = {"S3ModelArtifacts": uri}
            if final := self._scanner.final():
                body["FinalMetricDataList"] = final

        self._job.finish(change)

    def _close(self) -> None:
        wrong = self._services.metrics.close()
        if wrong:
            self._say(f"Metrics did not reach CloudWatch: {wrong}")
        objects.in_parallel([report.close for report in self._reports.values()])

    def _say(self, text: str) -> None:
        self._reports[self._plan.hosts[0].name].say(text)

    def _make_reports(self) -> dict[str, Report]:
        stamp = int(self._began)
        files = self._job.folder
        names = [host.name for host in self._plan.hosts]
        paths = [files.container_log, *(files.root / f"container-{name}.log" for name in names[1:])]
        return {
            name: Report(path, self._services.sink(f"{self._plan.name}/{name}-{stamp}"))
            for name, path in zip(names, paths, strict=True)
        }

    def _training_message(self, image: Image) -> str:
        words = transitions.MESSAGES["Training"]
        return f"{words} {image.note}" if image.note else words
