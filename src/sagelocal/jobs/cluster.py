"""The containers of a training job while they run: started, fed, watched, stopped."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sagelocal.container import limits, sight
from sagelocal.jobs import access, checkpoints, hosts, pipes
from sagelocal.jobs.preloading import Preloading

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagelocal.container.exits import Exit
    from sagelocal.container.layout import Layout
    from sagelocal.container.process import Process
    from sagelocal.jobs.plan import Host, TrainingPlan
    from sagelocal.jobs.preparation import Prepared
    from sagelocal.jobs.supervisor import Job
    from sagelocal.storage import Storage

WAIT_SECONDS = 60.0
"""The longest sleep between two looks at the job; whatever happens wakes it."""
STOPPED = "Stopped"
MAX_RUNTIME = "MaxRuntimeExceeded"
MAX_WAIT = "MaxWaitTimeExceeded"
INTERRUPTED = "Interrupted"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the containers ended, in the order of the hosts."""

    ends: list[Exit]
    cause: str = ""
    """The secondary status of what stopped them; empty: they ended by themselves."""
    fault: str = ""
    """What went wrong around them, as a FailureReason."""
    first_bad: int | None = None
    """The first of them that ended badly; what was stopped because of it may have ended badly too."""


class Cluster:
    """The containers of one attempt. Use it on the supervisor's main thread only."""

    def __init__(
        self,
        job: Job,
        plan: TrainingPlan,
        trees: dict[str, Layout],
        prepared: Prepared,
        storage: Storage,
        *,
        take: Callable[[str, str], None],
        say: Callable[[str], None],
    ) -> None:
        self._job = job
        self._plan = plan
        self._trees = trees
        self._prepared = prepared
        self._storage = storage
        self._take = take
        self._say = say
        self._fault = ""
        self._pipes: list[pipes.Pipe] = []
        self._running: list[Process] = []
        self._checkpoints = self._make_checkpoints()
        self._preloading = Preloading.of_job(job, prepared.made, prepared.image, say)

    def start(self) -> None:
        """Restore the checkpoints and start every host's container.

        Raises:
            StorageError: the checkpoints cannot be fetched.

        """
        for sync in self._checkpoints:
            restored = sync.restore()
            if restored:
                self._say(f"Restored {restored} checkpoint files")
        for channel, found in self._prepared.piped:
            takers = self._plan.takers(channel)
            for number, host in enumerate(takers):
                feed = pipes.content(self._storage, channel, found, part=(number, len(takers)))
                folder = self._trees[host.name].data
                self._pipes.append(pipes.Pipe(channel, feed, folder, failed=self._fail))
        self._running = [self._start(host) for host in self._plan.hosts]
        for sync in self._checkpoints:
            sync.start()

    def watch(self) -> Outcome:
        """Wait for the end of all containers, by themselves or by what stops them."""
        deadline = time.monotonic() + self._plan.max_runtime
        patience = float("inf") if self._plan.wait_until is None else self._plan.wait_until - time.time()
        given_up = time.monotonic() + patience
        while True:
            looks = [process.wait(0) for process in self._running]
            bad = next((n for n, end in enumerate(looks) if end is not None and not end.ok), None)
            done = [end for end in looks if end is not None]
            if len(done) == len(looks):
                return Outcome(ends=done, fault=self._fault, first_bad=bad)
            if self._fault or bad is not None:
                return Outcome(ends=self._stop(), fault=self._fault, first_bad=bad)
            cause = self._cause(deadline, given_up)
            if cause:
                self._say(
                    f"{_WORDS[cause]}: SIGTERM to the container, SIGKILL in {self._plan.stop_grace:g} s"
                )
                return Outcome(ends=self._stop(), cause=cause)
            self._job.wake.wait(min(deadline - time.monotonic(), given_up - time.monotonic(), WAIT_SECONDS))

    def close(self) -> None:
        """End what served the containers; the last checkpoints go to S3.

        Raises:
            StorageError: the checkpoints cannot be uploaded.

        """
        for pipe in self._pipes:
            pipe.close()
        self._preloading.wish()
        for sync in self._checkpoints:
            sync.close()

    def _cause(self, deadline: float, given_up: float) -> str:
        if self._job.stopping:
            return STOPPED
        if self._job.interrupted and self._plan.spot:
            return INTERRUPTED
        if time.monotonic() >= given_up:
            return MAX_WAIT
        return MAX_RUNTIME if time.monotonic() >= deadline else ""

    def _stop(self) -> list[Exit]:
        with ThreadPoolExecutor(max_workers=len(self._running)) as pool:
            return list(pool.map(lambda process: process.stop(self._plan.stop_grace), self._running))

    def _start(self, host: Host) -> Process:
        command, tree = self._prepared.commands[host.name], self._trees[host.name]
        leave = self._preloading.leave(command.argv, tree.code)
        limited, words = limits.of(self._job.settings.get("limits", ""), host.instance_type)
        if words:
            self._say(words)
        running = hosts.start(
            command,
            host,
            self._plan,
            tree=tree,
            isolated=self._prepared.isolated,
            made=self._prepared.made,
            network=self._prepared.network,
            hidden=access.hidden(self._job.data_dir),
            on_line=partial(self._take, host.name),
            preloaded=leave,
            limits=limited,
        )
        self._preloading.tell(running, leave)
        running.when_ended(self._job.wake.ring)
        return running

    def _make_checkpoints(self) -> list[checkpoints.CheckpointSync]:
        kept = self._plan.checkpoints
        if kept is None:
            return []
        isolated = self._prepared.isolated
        return [
            checkpoints.CheckpointSync(
                self._storage, kept.uri, tree.on_host(kept.path), sight.of(isolated, tree), self._say
            )
            for tree in self._trees.values()
        ]

    def _fail(self, words: str) -> None:
        self._fault = words
        self._job.wake.ring()


_WORDS = {
    STOPPED: "A stop was asked for",
    MAX_RUNTIME: "MaxRuntimeInSeconds is over",
    MAX_WAIT: "MaxWaitTimeInSeconds is over",
    INTERRUPTED: "The spot instance is taken back",
}
