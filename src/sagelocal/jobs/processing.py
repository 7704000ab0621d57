"""A processing job, from its request to its end, as its supervisor carries it out.

The contract is that of a processing container: inputs and outputs below `/opt/ml/processing`, the job's
description in `/opt/ml/config`, its last words in `/opt/ml/output/message`.
https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

from __future__ import annotations

import codecs
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sagelocal import logs
from sagelocal import storage as objects
from sagelocal.container import environments, images, isolation, limits, process, sight
from sagelocal.container.layout import Layout
from sagelocal.container.programs import smspark_submit
from sagelocal.jobs import access, failure, hosts, inputs, outputs, planned_faults, preferences
from sagelocal.jobs import processing_plan as planning
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.jobs.preloading import Preloading
from sagelocal.jobs.report import Report
from sagelocal.jobs.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sagelocal.container.environments import Environment
    from sagelocal.container.exits import Exit
    from sagelocal.container.isolation import Isolation
    from sagelocal.container.process import Process
    from sagelocal.jobs.processing_plan import ProcessingPlan
    from sagelocal.jobs.supervisor import Job
    from sagelocal.logs import LogSink
    from sagelocal.storage import Storage

MESSAGE_BYTES = 1024
WAIT_SECONDS = 3600.0
_WORDS_SHOWN = 800


class JobFailedError(Exception):
    """The job fails; the message is its FailureReason."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """The world outside that a processing job needs; tests give twins."""

    storage: Storage
    sink: Callable[[str], LogSink]


@dataclass(frozen=True, kw_only=True)
class End:
    """How the job ended."""

    status: JobStatus
    reason: str = ""


def run(job: Job, services: Services | None = None) -> None:
    """Carry out the job and write its end."""
    plan = planning.parse(job.body, region=job.settings["region"])
    given = services or Services(
        storage=job.storage(),
        sink=partial(planned_faults.sink, job, logs.CloudWatchLogs, logs.PROCESSING_GROUP),
    )
    Processing(job, plan, given).run()


class Processing:
    """One processing job on its way."""

    def __init__(self, job: Job, plan: ProcessingPlan, services: Services) -> None:
        self._job = job
        self._plan = plan
        self._storage = services.storage
        self._began = time.time()
        root = job.folder.root
        self._trees = {
            host: Layout((root if index == 0 else root / host) / "ml")
            for index, host in enumerate(plan.hosts)
        }
        self._reports = {
            host: Report(
                job.folder.container_log if index == 0 else root / f"container-{host}.log",
                services.sink(f"{plan.name}/{host}-{int(self._began)}"),
            )
            for index, host in enumerate(plan.hosts)
        }
        self._tails = {host: failure.Tail() for host in plan.hosts}
        self._folders: list[outputs.Folder] = []
        self._message = ""
        self._network = True
        self._preloading: Preloading | None = None

    def run(self) -> None:
        """Carry it out; whatever happens, the end is written once."""
        self._job.update(lambda body: body.update(ProcessingStartTime=self._began))
        try:
            end = self._process()
        except JobFailedError as error:
            end = End(status=JobStatus.FAILED, reason=str(error))
        objects.in_parallel([report.close for report in self._reports.values()])
        self._job.finish(partial(self._write_end, end))

    def _process(self) -> End:
        self._lay_out()
        made, isolated = self._prepare()
        self._folders = self._output_folders(isolated)
        if self._job.stopping:
            return End(status=JobStatus.STOPPED)
        image = images.resolve(self._plan.image, self._job.settings["image_policy"])
        self._preloading = Preloading.of_job(self._job, made, image, self._say)
        self._network = self._may_use_network(isolated)
        self._job.mark_started()
        running = [self._start(host, made, isolated) for host in self._plan.hosts]
        continuous = outputs.Continuous(self._folders, self._say)
        continuous.start()
        stopped, bad = self._watch(running)
        continuous.close()
        self._preloading.wish()
        try:
            self._message = _message(self._trees.values(), isolated)
        except JobFailedError:
            if bad is None:  # else the job fails for the container's own reason
                raise
        if bad is not None:
            self._upload_continuous()
            host, end = bad
            written = hosts.failure_text(self._trees[host], isolated)
            reason = failure.container(end, written, self._tails[host].error())
            return End(status=JobStatus.FAILED, reason=reason)
        self._upload()
        return End(status=JobStatus.STOPPED if stopped else JobStatus.COMPLETED)

    # -- before the container

    def _lay_out(self) -> None:
        for host, tree in self._trees.items():
            config = tree.root / "config"
            for folder in (config, tree.output, tree.processing):
                folder.mkdir(parents=True, exist_ok=True)
            (config / "processingjobconfig.json").write_text(json.dumps(self._plan.config))
            (config / "resourceconfig.json").write_text(json.dumps(self._plan.resource_config(host)))
            for entry in self._plan.outputs:
                tree.on_host(entry.local_path).mkdir(parents=True, exist_ok=True)

    def _output_folders(self, isolated: Isolation) -> list[outputs.Folder]:
        return [
            outputs.Folder(
                self._storage, entry, tree.on_host(entry.local_path), sight.of(isolated, tree), self._say
            )
            for tree in self._trees.values()
            for entry in self._plan.outputs
        ]

    def _prepare(self) -> tuple[Environment, Isolation]:
        """Fetch the inputs and make the environment, both at the same time."""
        settings = self._job.settings
        image = images.resolve(self._plan.image, settings["image_policy"])
        kept = environments.Environments(self._job.cache_dir / "envs")
        if warning := kept.warning(image):
            self._say(warning)
        with ThreadPoolExecutor(max_workers=2) as pool:
            making = pool.submit(kept.ensure, image)
            isolated = isolation.probe(settings["isolation"])
            self._download()
            try:
                made = making.result()
            except environments.EnvironmentMakingError as error:
                words = failure.last_characters(str(error), _WORDS_SHOWN)
                raise JobFailedError(
                    f"InternalServerError: no environment for {image.uri}: {words}"
                ) from error
        if image.note:
            self._say(image.note)
        if isolated.reason:
            self._say(f"Not isolated: {isolated.reason}. /opt/ml is {self._first.root}")
        return made, isolated

    def _download(self) -> None:
        transfers: list[Callable[[], None]] = []
        trees = list(self._trees.values())
        try:
            for entry, found in self._sources():
                for number, tree in enumerate(trees):
                    folder = tree.on_host(entry.local_path)
                    folder.mkdir(parents=True, exist_ok=True)
                    own = found[number :: len(trees)] if entry.distribution == "ShardedByS3Key" else found
                    transfers += [
                        partial(self._storage.download, each.uri, folder / each.path) for each in own
                    ]
            if transfers:
                objects.in_parallel(transfers)
        except inputs.InputError as error:
            raise JobFailedError(f"{failure.fault(error)}: {error}") from error
        except objects.StorageError as error:
            raise JobFailedError(f"{failure.fault(error)}: Data download failed: {error}") from error

    def _sources(self) -> list[tuple[planning.Input, list[inputs.Source]]]:
        """Return the objects of every input; no two may be one file."""
        given = [
            (entry, inputs.sources(self._storage, entry.uri, entry.data_type)) for entry in self._plan.inputs
        ]
        inputs.check(
            [
                replace(
                    each,
                    path=str(PurePosixPath(entry.local_path, each.path).relative_to(planning.PROCESSING)),
                )
                for entry, found in given
                for each in found
            ]
        )
        return given

    # -- the container

    def _start(self, host: str, made: Environment, isolated: Isolation) -> Process:
        tree = self._trees[host]
        base = isolated.base(tree)
        root = tree.root.parent
        names = root / "hosts"
        addresses = {each: f"127.0.1.{number}" for number, each in enumerate(self._plan.hosts, 1)}
        names.write_text(isolation.hosts_text(addresses))
        view = isolation.View(
            ml=tree.root,
            scratch=tree.scratch,
            hosts_file=names,
            hostname=host,
            environment=made.root,
            visible=hosts.interpreter_folders(made.python),
            network=self._network,
            hidden=access.hidden(self._job.data_dir),
        )
        command = [base.relocated(word) for word in self._plan.command]
        leave = self._leave(command, tree, base)
        running = process.start(
            command,
            env=self._variables(made, base),
            cwd=str(base.processing),
            isolation=isolated,
            view=view,
            on_line=partial(self._take, host),
            preloaded=leave,
            limits=self._limits(),
        )
        if self._preloading is not None:
            self._preloading.tell(running, leave)
        running.when_ended(self._job.wake.ring)
        return running

    def _may_use_network(self, isolated: Isolation) -> bool:
        wanted = not self._job.body.get("NetworkConfig", {}).get("EnableNetworkIsolation")
        return wanted or isolation.may_use_network(isolated, len(self._plan.hosts), self._say)

    def _limits(self) -> dict[str, int]:
        cluster = self._job.body.get("ProcessingResources", {}).get("ClusterConfig", {})
        found, words = limits.of(self._job.settings.get("limits", ""), preferences.instance_type(cluster))
        if words:
            self._say(words)
        return found

    def _leave(self, command: list[str], tree: Layout, base: Layout) -> process.Preloaded | None:
        """Return the leave to fork a script; nothing where it is not below `/opt/ml`."""
        script = Path(command[1] if len(command) > 1 else "")
        if self._preloading is None or not script.is_relative_to(base.root):
            return None
        return self._preloading.leave(command, (tree.root / script.relative_to(base.root)).parent)

    def _variables(self, made: Environment, base: Layout) -> dict[str, str]:
        image = images.resolve(self._plan.image, self._job.settings["image_policy"])
        role = self._job.body.get("RoleArn", "")
        return {
            **dict(image.variables),
            "PATH": f"{made.bin}:{access.SYSTEM_PATH}",
            "HOME": "/tmp",  # noqa: S108  (the container's own)
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "VIRTUAL_ENV": str(made.root),
            **({smspark_submit.BASE: str(base.root)} if image.programs else {}),
            **access.variables(self._job.environ, role_arn=role, job_arn=self._plan.arn),
            **{name: base.relocated(value) for name, value in self._plan.variables.items()},
        }

    def _take(self, host: str, line: str) -> None:
        self._reports[host].line(line)
        self._tails[host].add(line)

    def _watch(self, running: list[Process]) -> tuple[bool, tuple[str, Exit] | None]:
        """Wait for the end of all; return whether they were stopped, and the first host that failed, and how.

        When one fails the others are stopped: how those end says nothing.
        """
        deadline = time.monotonic() + self._plan.max_runtime
        while True:
            ends = dict(zip(self._plan.hosts, [each.wait(0) for each in running], strict=True))
            bad = next(((host, end) for host, end in ends.items() if end is not None and not end.ok), None)
            if bad is not None:
                self._stop(running)
                return False, bad
            if None not in ends.values():
                return False, None
            left = deadline - time.monotonic()
            if self._job.stopping or left <= 0:
                cause = "MaxRuntimeInSeconds is over" if left <= 0 else "A stop was asked for"
                self._say(f"{cause}: SIGTERM to the container")
                self._stop(running)
                return True, None
            self._job.wake.wait(min(left, WAIT_SECONDS))

    def _stop(self, running: list[Process]) -> None:
        grace = float(self._job.settings.get("stop_grace_seconds", planning.STOP_GRACE_SECONDS))
        with ThreadPoolExecutor(max_workers=len(running)) as pool:
            list(pool.map(lambda each: each.stop(grace), running))

    # -- after the container

    def _upload(self) -> None:
        try:
            for folder in self._folders:
                folder.finish()
        except objects.StorageError as error:
            raise JobFailedError(f"{failure.fault(error)}: Output upload failed: {error}") from error

    def _upload_continuous(self) -> None:
        """Upload what a failed job has left in outputs that are uploaded while it runs, and nothing else.

        S3UploadMode says "whether to upload the results of the processing job continuously or after the job
        completes", and a failed job does not complete.
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Output.html
        """
        for folder in self._folders:
            if folder.continuous:
                outputs.tell_failure(folder.finish, self._say)

    def _write_end(self, end: End, body: dict[str, Any]) -> None:
        body["ProcessingJobStatus"] = end.status
        body["ProcessingEndTime"] = body["LastModifiedTime"] = time.time()
        if end.reason:
            body["FailureReason"] = end.reason[:LONGEST_REASON]
        if self._message:
            body["ExitMessage"] = self._message

    def _say(self, text: str) -> None:
        self._reports[self._plan.hosts[0]].say(text)

    @property
    def _first(self) -> Layout:
        return self._trees[self._plan.hosts[0]]


def _message(trees: Iterable[Layout], isolated: Isolation) -> str:
    """Return what the containers wrote to `/opt/ml/output/message`, one after the other: its first kilobyte.

    Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-metadata.html

    Raises:
        JobFailedError: it is no UTF-8.

    """
    content = b"".join(
        sight.of(isolated, tree).head(tree.output / "message", MESSAGE_BYTES) for tree in trees
    )
    try:
        # The last character may be cut through: that is no error.
        return codecs.getincrementaldecoder("utf-8")().decode(content[:MESSAGE_BYTES])
    except UnicodeDecodeError as error:
        raise JobFailedError(f"ClientError: /opt/ml/output/message is no UTF-8: {error}") from error
