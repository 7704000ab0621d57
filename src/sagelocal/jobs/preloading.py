"""The leave to have scripts forked from a preloaded interpreter, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagelocal import settings as configuration
from sagelocal.container.process import Preloaded
from sagelocal.jobs import runners

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sagelocal.container.environments import Environment
    from sagelocal.container.images import Image
    from sagelocal.container.process import Process
    from sagelocal.jobs.supervisor import Job
    from sagelocal.settings import Settings


class Preloading:
    """How the containers of one job, or of one instance of an endpoint, are started."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        made: Environment,
        image: Image,
        say: Callable[[str], None],
        *,
        wishes: bool = True,
    ) -> None:
        """Make the leave; without `wishes` only a runner that is there anyhow is used."""
        self._settings = settings
        self._enabled = bool(settings.preload) and bool(image.warm) and image.preload
        self._wishes = wishes
        self._made = made
        self._image = image
        self._say = say
        self._runner = runners.find(settings.data_dir, made, environ)
        self._told = False
        self._missing = False

    @classmethod
    def of_job(cls, job: Job, made: Environment, image: Image, say: Callable[[str], None]) -> Preloading:
        """Return that of a job."""
        return cls(configuration.from_json(job.settings), job.environ, made, image, say)

    def ask(self) -> None:
        """Ask for a runner before the container is started, which then waits for its imports and no others.

        For containers that surely import what a runner has; others would wait for what they do not need.
        """
        if self._enabled and self._wishes and not self._runner.address.exists():
            runners.wish(self._settings, self._made, self._image)

    def leave(self, argv: Sequence[str], code: Path) -> Preloaded | None:
        """Return the leave for a command; None where there is nothing to say about it either."""
        if not self._enabled or not self._runner.is_script(argv):
            return None
        return Preloaded(runner=self._runner, code=code)

    def tell(self, started: Process, leave: Preloaded | None) -> None:
        """Say, for the first container of the job, how it was started."""
        if leave is None:
            return
        self._missing = self._missing or started.missing
        if not self._told:
            self._told = True
            reason = runners.refused(self._settings.data_dir, self._made) if started.missing else ""
            self._say(runners.words(reason or started.plain))

    def wish(self) -> None:
        """Ask for a runner if one was missing: when the job's own work is done, so as not to slow it."""
        if self._missing and self._wishes:
            runners.wish(self._settings, self._made, self._image)
