"""All that a training job needs before its script starts, fetched and made side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal import storage as objects
from sagelocal.container import environment, environments, images, isolation
from sagelocal.jobs import access, failure, hosts, inputs, source

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from sagelocal.container.environments import Environment, Environments
    from sagelocal.container.images import Image
    from sagelocal.container.isolation import Isolation
    from sagelocal.container.layout import Layout
    from sagelocal.jobs.inputs import Source
    from sagelocal.jobs.plan import Channel, TrainingPlan
    from sagelocal.jobs.supervisor import Job
    from sagelocal.storage import Storage

WORDS_SHOWN = 800
_NOT_ON_ACCESS = "FastFile data is fetched now, all of it; SageMaker fetches it when the script reads it"


class JobFailedError(Exception):
    """The job fails; the message is its FailureReason."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the containers start from."""

    image: Image
    made: Environment
    isolated: Isolation
    commands: dict[str, hosts.Command]
    """By host."""
    network: bool
    """Whether the containers may use the network."""
    piped: list[tuple[Channel, list[Source]]]
    """The channels that come through pipes, and their objects."""


class Preparation:
    """Prepares the containers of a job."""

    def __init__(
        self,
        job: Job,
        plan: TrainingPlan,
        storage: Storage,
        trees: dict[str, Layout],
        say: Callable[[str], None],
    ) -> None:
        self._job = job
        self._plan = plan
        self._storage = storage
        self._trees = trees
        self._say = say
        self._kept = environments.Environments(job.cache_dir / "envs")

    def run(self) -> Prepared:
        """Fetch data and source, make the environment and try the isolation, all at the same time.

        Raises:
            JobFailedError: one of them is not to be had.

        """
        for tree in self._trees.values():
            tree.make()
        image = images.resolve(self._plan.image, self._job.settings["image_policy"])
        with ThreadPoolExecutor(max_workers=4) as pool:
            isolated = pool.submit(isolation.probe, self._job.settings["isolation"])
            base = pool.submit(self._environment, self._kept, image)
            data = pool.submit(self._download)
            code = pool.submit(self._fetch_source, after=data)
            for waited in (code, data, base):
                waited.result()
        made = base.result() if self._plan.entrypoint else self._layer(base.result(), image)
        self._tell(image, isolated.result())
        return Prepared(
            image=image,
            made=made,
            isolated=isolated.result(),
            network=self._network(isolated.result()),
            commands=self._commands(image, made, isolated.result()),
            piped=data.result(),
        )

    def _tell(self, image: Image, isolated: Isolation) -> None:
        if image.note:
            self._say(image.note)
        if isolated.reason:
            self._say(f"Not isolated: {isolated.reason}. /opt/ml is {self._first.root}")

    def _network(self, isolated: Isolation) -> bool:
        wanted = not self._job.body.get("EnableNetworkIsolation")
        return wanted or isolation.may_use_network(isolated, len(self._plan.hosts), self._say)

    @property
    def _first(self) -> Layout:
        return self._trees[self._plan.hosts[0].name]

    def _environment(self, kept: Environments, image: Image) -> Environment:
        if warning := kept.warning(image):
            self._say(warning)
        try:
            return kept.ensure(image)
        except environments.EnvironmentMakingError as error:
            words = failure.last_characters(str(error), WORDS_SHOWN)
            raise JobFailedError(f"InternalServerError: no environment for {image.uri}: {words}") from error

    def _layer(self, base: Environment, image: Image) -> Environment:
        code = self._first.code
        text = source.requirements(code, self._program())
        if text is None:
            return base
        self._say("Installing dependencies from requirements.txt")
        try:
            return self._kept.ensure(image, text, code)
        except environments.EnvironmentMakingError as error:
            self._say(str(error))
            raise JobFailedError(failure.requirements(str(error))) from error

    def _program(self) -> str:
        decoded = environment.decode(self._plan.hyperparameters)
        return str(self._plan.variables.get("SAGEMAKER_PROGRAM") or decoded.get(environment.PROGRAM) or "")

    def _download(self) -> list[tuple[Channel, list[Source]]]:
        """Fetch every channel that comes as files; return those that come through pipes."""
        transfers: list[Callable[[], None]] = []
        piped = []
        try:
            for channel in self._plan.channels:
                found = inputs.channel_sources(self._storage, channel)
                if channel.mode == inputs.PIPE:
                    piped.append((channel, found))
                    continue
                if channel.mode == inputs.FAST_FILE:
                    self._say(f"Channel {channel.name!r}: {_NOT_ON_ACCESS}")
                takers = self._plan.takers(channel)
                folders = [self._trees[host.name].channel(channel.name) for host in takers]
                transfers += inputs.downloads(self._storage, found, channel, folders)
            if transfers:
                objects.in_parallel(transfers)
        except inputs.InputError as error:
            raise JobFailedError(f"{failure.fault(error)}: {error}") from error
        return piped

    def _fetch_source(self, after: Future[list[tuple[Channel, list[Source]]]]) -> None:
        """Fetch the source for each host; a path inside the container must wait for the channels."""
        uri = "" if self._plan.entrypoint else self._plan.source_uri
        if not uri.startswith("s3://"):
            after.result()
        for tree in self._trees.values():
            try:
                source.fetch(self._storage, uri, tree, tree.root.parent / "sourcedir.tar.gz")
            except objects.UnreachableError as error:
                raise JobFailedError(f"{failure.PLATFORM}: Source download failed: {error}") from error
            except source.SourceError as error:
                raise JobFailedError(f"AlgorithmError: framework error: {error}, exit code: 1") from error

    def _commands(self, image: Image, made: Environment, isolated: Isolation) -> dict[str, hosts.Command]:
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
                    base=isolated.base(tree),
                    image=image,
                    environ=environ,
                    made=made,
                    runtime_root=self._job.cache_dir / "runtime",
                )
            except environment.EntryPointError as error:
                raise JobFailedError(f"AlgorithmError: {error}, exit code: 1") from error
            if commands[host.name].is_script:
                source.allow_to_run(tree.code, self._program())
        return commands
