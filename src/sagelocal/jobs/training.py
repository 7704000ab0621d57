"""A training job, from its request to its end, as its supervisor carries it out.

What can go on side by side does: the environment is made while the data is fetched, the model is packed
while the last metrics are sent. What the client sees is written in order: Downloading, Training, Uploading,
the end.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import logs
from sagelocal import storage as objects
from sagelocal.container import environment, environments, images, isolation
from sagelocal.jobs import access, artifacts, failure, hosts, inputs, source, transitions
from sagelocal.jobs import metrics as metering
from sagelocal.jobs import plan as planning
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.jobs.report import Report
from sagelocal.jobs.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from sagelocal.container.environments import Environment
    from sagelocal.container.images import Image
    from sagelocal.container.isolation import Isolation
    from sagelocal.container.layout import Layout
    from sagelocal.container.process import Exit, Process
    from sagelocal.jobs.metrics import MetricSink
    from sagelocal.jobs.plan import Host, TrainingPlan
    from sagelocal.jobs.supervisor import Job
    from sagelocal.logs import LogSink
    from sagelocal.storage import Storage

WORDS_SHOWN = 800
WAIT_SECONDS = 3600.0
"""The longest sleep between two looks at the job; whatever happens wakes it."""


class JobFailedError(Exception):
    """The job fails; the message is its FailureReason."""


class StoppedError(Exception):
    """A stop was asked for before the container was started."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """The world outside that a training job needs; tests give twins."""

    storage: Storage
    sink: Callable[[str], LogSink]
    """Makes the sink of a log stream, by its name."""
    metrics: MetricSink


@dataclass(frozen=True, kw_only=True)
class End:
    """How the containers ended, and what is to be said of it."""

    status: JobStatus
    secondary: str
    reason: str = ""


def run(job: Job, services: Services | None = None) -> None:
    """Carry out the job and write its end."""
    grace = float(job.settings.get("stop_grace_seconds", planning.STOP_GRACE_SECONDS))
    plan = planning.training(job.body, region=job.settings["region"], stop_grace=grace)
    Training(job, plan, services or _aws(plan)).run()


def _aws(plan: TrainingPlan) -> Services:
    return Services(
        storage=objects.S3Storage(),
        sink=partial(logs.CloudWatchLogs, logs.TRAINING_GROUP),
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

    def run(self) -> None:
        """Carry it out; whatever happens, the end is written once."""
        self._advance("Downloading", TrainingStartTime=self._began)
        try:
            end = self._train()
        except JobFailedError as error:
            end = End(status=JobStatus.FAILED, secondary="Failed", reason=str(error))
        except StoppedError:
            end = End(status=JobStatus.STOPPED, secondary="Stopped")
        self._close()
        self._finish(end)

    def _train(self) -> End:
        prepared = self._prepare()
        commands = self._commands(prepared)
        if self._job.stopping:
            raise StoppedError
        self._job.mark_started()
        running = [self._start(host, commands[host.name], prepared) for host in self._plan.hosts]
        self._advance("Training", message=self._training_message(prepared.image))
        ended, cause = self._watch(running)
        if not prepared.image.algorithm:  # those define every metric that they might print
            self._scanner.tell_unmatched()
        if cause:
            return self._keep(End(status=JobStatus.STOPPED, secondary=cause))
        bad = next((host for host, end in zip(self._plan.hosts, ended, strict=True) if not end.ok), None)
        if bad is None:
            return self._keep(End(status=JobStatus.COMPLETED, secondary="Completed"))
        reason = self._reason(bad, ended[self._plan.hosts.index(bad)], commands[bad.name])
        self._say(f"The container of {bad.name} failed: {ended[self._plan.hosts.index(bad)]}")
        return self._keep(End(status=JobStatus.FAILED, secondary="Failed", reason=reason))

    # -- before the script

    def _prepare(self) -> _Prepared:
        """Fetch data and source, make the environment and try the isolation, all at the same time."""
        for tree in self._trees.values():
            tree.make()
        settings = self._job.settings
        image = images.resolve(self._plan.image, settings["image_policy"])
        kept = environments.Environments(self._job.data_dir / "envs")
        with ThreadPoolExecutor(max_workers=4) as pool:
            isolated = pool.submit(isolation.probe, settings["isolation"])
            base = pool.submit(self._environment, kept, image)
            data = pool.submit(self._download)
            code = pool.submit(self._fetch_source, after=data)
            for waited in (code, data, base):
                waited.result()
            made = self._layer(kept, image) if not self._plan.entrypoint else base.result()
        if image.note:
            self._say(image.note)
        if isolated.result().reason:
            self._say(f"Not isolated: {isolated.result().reason}. /opt/ml is {self._tree().root}")
        return _Prepared(image=image, made=made, isolated=isolated.result())

    def _environment(self, kept: environments.Environments, image: Image) -> Environment:
        try:
            return kept.ensure(image)
        except environments.EnvironmentMakingError as error:
            words = failure.last_characters(str(error), WORDS_SHOWN)
            raise JobFailedError(f"InternalServerError: no environment for {image.uri}: {words}") from error

    def _layer(self, kept: environments.Environments, image: Image) -> Environment:
        code = self._tree().code
        text = source.requirements(code, self._program())
        if text is None:
            return kept.ensure(image)
        self._say("Installing dependencies from requirements.txt")
        try:
            return kept.ensure(image, text, code)
        except environments.EnvironmentMakingError as error:
            self._say(str(error))
            raise JobFailedError(failure.requirements(str(error))) from error

    def _program(self) -> str:
        decoded = environment.decode(self._plan.hyperparameters)
        return str(self._plan.variables.get("SAGEMAKER_PROGRAM") or decoded.get(environment.PROGRAM) or "")

    def _download(self) -> None:
        storage = self._services.storage
        transfers: list[Callable[[], None]] = []
        try:
            for channel in self._plan.channels:
                found = inputs.sources(storage, channel.uri, channel.data_type)
                folders = [tree.channel(channel.name) for tree in self._trees.values()]
                transfers += inputs.downloads(storage, found, channel, folders)
            if transfers:
                objects.in_parallel(transfers)
        except inputs.InputError as error:
            raise JobFailedError(f"ClientError: {error}") from error

    def _fetch_source(self, after: Future[None]) -> None:
        """Fetch the source for each host; a path inside the container must wait for the channels."""
        uri = "" if self._plan.entrypoint else self._plan.source_uri
        if not uri.startswith("s3://"):
            after.result()
        for tree in self._trees.values():
            try:
                source.fetch(self._services.storage, uri, tree, tree.root.parent / "sourcedir.tar.gz")
            except source.SourceError as error:
                raise JobFailedError(f"AlgorithmError: framework error: {error}, exit code: 1") from error

    def _commands(self, prepared: _Prepared) -> dict[str, hosts.Command]:
        role = self._job.body.get("RoleArn", "")
        environ = access.variables(self._job.environ, role_arn=role, job_arn=self._plan.arn)
        commands = {}
        for host in self._plan.hosts:
            tree = self._trees[host.name]
            hosts.write_config(self._plan, host, tree)
            try:
                commands[host.name] = hosts.command(
                    self._plan,
                    host,
                    tree,
                    base=prepared.isolated.base(tree),
                    image=prepared.image,
                    environ=environ,
                    made=prepared.made,
                    runtime_root=self._job.data_dir / "runtime",
                )
            except environment.EntryPointError as error:
                raise JobFailedError(f"AlgorithmError: {error}, exit code: 1") from error
        return commands

    # -- the script

    def _start(self, host: Host, command: hosts.Command, prepared: _Prepared) -> Process:
        running = hosts.start(
            command,
            host,
            self._plan,
            tree=self._trees[host.name],
            isolated=prepared.isolated,
            made=prepared.made,
            hidden=(self._job.data_dir, Path.home() / ".aws"),
            on_line=partial(self._take, host.name),
        )
        running.when_ended(self._job.wake.ring)
        return running

    def _take(self, host: str, line: str) -> None:
        self._reports[host].line(line)
        self._tails[host].add(line)
        values = self._scanner.scan(line, time.time())
        if values:
            self._services.metrics.put(values)

    def _watch(self, running: list[Process]) -> tuple[list[Exit], str]:
        """Wait for the end of all; return how they ended, and the secondary status when a stop ended them."""
        deadline = time.monotonic() + self._plan.max_runtime
        while True:
            ends = [process.wait(0) for process in running]
            done = [end for end in ends if end is not None]
            if len(done) == len(running):
                return done, ""
            if any(not end.ok for end in done):
                return self._stop(running), ""
            if self._job.stopping:
                self._say("A stop was asked for: SIGTERM to the container")
                return self._stop(running), "Stopped"
            left = deadline - time.monotonic()
            if left <= 0:
                self._say(
                    f"MaxRuntimeInSeconds ({self._plan.max_runtime:g}) is over: SIGTERM to the container"
                )
                return self._stop(running), "MaxRuntimeExceeded"
            self._job.wake.wait(min(left, WAIT_SECONDS))

    def _stop(self, running: list[Process]) -> list[Exit]:
        with ThreadPoolExecutor(max_workers=len(running)) as pool:
            return list(pool.map(lambda process: process.stop(self._plan.stop_grace), running))

    # -- after the script

    def _keep(self, end: End) -> End:
        """Upload what the job leaves; a model only of a job that did not fail."""
        self._advance("Uploading")
        keep = partial(self._upload, says_empty=end.status is JobStatus.COMPLETED)
        tree = self._tree()
        try:
            with ThreadPoolExecutor(max_workers=2) as pool:
                output = pool.submit(self._upload, artifacts.OUTPUT, tree.output_data, says_empty=False)
                if end.status is not JobStatus.FAILED:
                    self._kept_model = keep(artifacts.MODEL, tree.model)
                output.result()
        except objects.StorageError as error:
            self._kept_model = False
            reason = f"ClientError: Artifact upload failed: {error}"
            return End(status=JobStatus.FAILED, secondary="Failed", reason=end.reason or reason)
        return end

    def _upload(self, kind: str, folder: Path, *, says_empty: bool) -> bool:
        kept = artifacts.upload(
            self._services.storage,
            folder,
            kind=kind,
            output_uri=self._plan.output_uri,
            compress=self._plan.compress,
            drafts=folder.parents[1] / "drafts",
            say=self._say,
        )
        if says_empty and not kept:
            self._say("/opt/ml/model is empty: no model was uploaded")
        return kept

    def _reason(self, host: Host, end: Exit, command: hosts.Command) -> str:
        error = self._tails[host.name].error()
        written = hosts.failure_text(self._trees[host.name])
        if written or not command.is_script:
            return failure.container(end, written, error)
        return failure.script(end, ["python", *command.argv[1:]], error)

    # -- telling

    def _advance(self, secondary: str, *, message: str = "", **members: Any) -> None:
        def change(body: dict[str, Any]) -> None:
            body.update(members)
            if body["TrainingJobStatus"] not in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED}:
                transitions.advance(body, secondary, time.time(), message)

        self._job.update(change)

    def _finish(self, end: End) -> None:
        moment = time.time()

        def change(body: dict[str, Any]) -> None:
            body["TrainingJobStatus"] = end.status
            transitions.advance(body, end.secondary, moment)
            body["TrainingEndTime"] = moment
            body["TrainingTimeInSeconds"] = body["BillableTimeInSeconds"] = max(
                1, round(moment - self._began)
            )
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
        for report in self._reports.values():
            report.close()

    def _say(self, text: str) -> None:
        next(iter(self._reports.values())).say(text)

    def _make_reports(self) -> dict[str, Report]:
        stamp = int(self._began)
        return {
            host.name: Report(
                self._job.folder.container_log
                if host is self._plan.hosts[0]
                else self._job.folder.root / f"container-{host.name}.log",
                self._services.sink(f"{self._plan.name}/{host.name}-{stamp}"),
            )
            for host in self._plan.hosts
        }

    def _training_message(self, image: Image) -> str:
        words = transitions.MESSAGES["Training"]
        return f"{words} {image.note}" if image.note else words

    def _tree(self) -> Layout:
        return self._trees[self._plan.hosts[0].name]


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    image: Image
    made: Environment
    isolated: Isolation
