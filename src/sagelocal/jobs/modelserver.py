"""A model server in its container: artifact, code and environment laid out, process started, ping answered.

Used by endpoint instances and by transform jobs. The contract is that of a hosted container:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import archive, errors
from sagelocal import storage as storing
from sagelocal.container import environments, images, isolation, layout, process
from sagelocal.jobs import access, hosts
from sagelocal.serving import client, runtime, traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.jobs.preloading import Preloading
    from sagelocal.settings import Settings
    from sagelocal.storage import Storage

RESOLVED = "ResolvedContainers"
"""The member of a model's body, beside its Describe response, that holds the containers that run: where it
was made from a model package, those of the package."""
STARTUP_SECONDS = 600.0
PING_SECONDS = 2.0
STOP_SECONDS = 35.0
TAIL_LINES = 40
_LOOK_SECONDS = 0.005
_SUBMIT = "SAGEMAKER_SUBMIT_DIRECTORY"
_SOCKET = "model.sock"
_OF_THE_SCRIPT = frozenset({"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"})
"""Variables that an interpreter reads when it starts; the model server's script does what they say."""


class ModelServerError(Exception):
    """The model server cannot be had; the message is the reason for the user."""


def containers_of(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the containers of a DescribeModel body, in their order."""
    given = [model["PrimaryContainer"]] if "PrimaryContainer" in model else list(model.get("Containers", []))
    return list(model.get(RESOLVED, given))


def mode_of(model: Mapping[str, Any]) -> str:
    """Return how the containers answer: one of `traffic`'s modes."""
    containers = containers_of(model)
    if len(containers) == 1:
        return traffic.MULTI if containers[0].get("Mode") == "MultiModel" else traffic.SERIAL
    return (
        traffic.DIRECT
        if model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct"
        else traffic.SERIAL
    )


def container_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one container of a DescribeModel body, for a batch transform job.

    Raises:
        errors.NotSupported: the model is a pipeline of several containers, or hosts several models.

    """
    containers = containers_of(model)
    if len(containers) != 1:
        raise errors.NotSupported(
            f"sagelocal cannot transform with {model['ModelName']}, an inference pipeline of "
            f"{len(containers)} containers; one container is needed"
        )
    container: dict[str, Any] = containers[0]
    if container.get("Mode") == "MultiModel":
        raise errors.NotSupported(
            f"sagelocal cannot transform with {model['ModelName']}: Mode is MultiModel; SingleModel is needed"
        )
    return container


def place(root: Path, number: int) -> Path:
    """Return the folder of an instance's container: the first has the instance's own."""
    return root / f"container-{number + 1}" if number else root


def socket_of(folder: Path) -> Path:
    """Return where the model server of a container's folder listens."""
    return folder / "run" / _SOCKET


class ModelServer:
    """One model server below `folder`. To be started from the main thread (see `container.process`)."""

    def __init__(
        self,
        *,
        folder: Path,
        container: Mapping[str, Any],
        settings: Settings,
        storage: Storage,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        preloading: Callable[[environments.Environment, images.Image], Preloading] | None = None,
        workers: int | None = None,
    ) -> None:
        """Make it; `workers` are the most processes that are of use to it, where that is known."""
        self._folder = folder
        self._container = container
        self._settings = settings
        self._storage = storage
        self._environ = environ
        self._say = say
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._layout = layout.Layout(folder / "ml")
        self._run = folder / "run"
        self._isolation = isolation.probe(settings.isolation)
        self._image = images.resolve(container["Image"], settings.image_policy)
        self._environment: environments.Environment | None = None
        self._runtime = Path()
        self._make_preloading = preloading
        self._workers = workers
        self._preloading: Preloading | None = None
        self.process: process.Process | None = None

    @property
    def socket(self) -> Path:
        """Where it listens, once it is ready."""
        return socket_of(self._folder)

    @property
    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self._tail)

    def prepare(self) -> None:
        """Lay out model and code, and make the environment.

        Raises:
            ModelServerError: artifact or code cannot be fetched or unpacked, or requirements do not resolve.

        """
        if self._image.note:
            self.line(self._image.note)
        if self._isolation.reason:
            self.line(f"/opt/ml is {self._layout.root}: {self._isolation.reason}")
        shutil.rmtree(self._layout.root, ignore_errors=True)
        self._layout.make()
        try:
            storing.in_parallel([self._fetch_model, self._fetch_code])
            requirements, source = self._requirements()
            made = environments.Environments(self._settings.cache_dir / "envs")
            if warning := made.warning(self._image):
                self.line(warning)
            self._environment = made.ensure(self._image, requirements, source)
        except (storing.StorageError, storing.AddressError, archive.ArchiveError) as error:
            raise ModelServerError(str(error)) from error
        except environments.EnvironmentMakingError as error:
            raise ModelServerError(f"the model's requirements.txt cannot be installed: {error}") from error
        if self._make_preloading is not None:
            self._preloading = self._make_preloading(self._environment, self._image)
            self._preloading.ask()
        self._runtime = runtime.ensure(self._settings.cache_dir / "runtime")

    def start(self) -> None:
        """Start the process; `ready` tells when it serves."""
        assert self._environment is not None
        self._run.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        base = self._isolation.base(self._layout)
        names = self._folder / "hosts"
        names.write_text(isolation.hosts_text({}))
        server, env = ["-m", "sagelocal.serving.server"], self._variables(base)
        if self._preloading is not None:
            server = [str(self._runtime / runtime.SCRIPT)]
            env = {name: value for name, value in env.items() if name not in _OF_THE_SCRIPT}
        argv = [str(self._environment.python), *server, "--socket", str(self.socket)]
        argv += ["--model-dir", str(base.model)]
        argv += ["--workers", str(self._workers)] if self._workers else []
        leave = self._preloading.leave(argv, self._code()) if self._preloading is not None else None
        self.process = process.start(
            argv,
            env=env,
            cwd=str(base.root),
            isolation=self._isolation,
            view=isolation.View(
                ml=self._layout.root,
                scratch=self._layout.scratch,
                hosts_file=names,
                hostname="model",
                environment=self._environment.root,
                visible=(self._runtime, *hosts.interpreter_folders(self._environment.python)),
                writable=(self._run,),
                hidden=access.hidden(self._settings.data_dir),
            ),
            on_line=self.line,
            preloaded=leave,
        )
        if self._preloading is not None:
            self._preloading.tell(self.process, leave)

    def ready(self, *, stopping: Callable[[], bool], timeout: float = STARTUP_SECONDS) -> bool:
        """Wait until `/ping` is answered with 200; False when `stopping` came first.

        Raises:
            ModelServerError: the process ended, or did not answer in time.

        """
        assert self.process is not None
        end = time.monotonic() + timeout
        while not stopping():
            over = self.process.wait(_LOOK_SECONDS)
            if over is not None:
                raise ModelServerError(f"the container ended with {over} before it answered /ping")
            if self.socket.exists() and self.ping():
                return True
            if time.monotonic() > end:
                raise ModelServerError(f"the container did not answer /ping within {timeout:.0f} s")
        return False

    def ping(self) -> bool:
        """Ask `/ping` once."""
        return asyncio.run(self._ping())

    async def _ping(self) -> bool:
        one = client.Client(self.socket)
        try:
            return (await one.get("/ping", PING_SECONDS)).status == 200  # noqa: PLR2004
        except (client.UnreachableError, TimeoutError):
            return False
        finally:
            one.close()

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """Let it answer what it has, `grace` seconds at most, then end it."""
        if self.process is not None:
            self.process.stop(grace)
        if self._preloading is not None:
            self._preloading.wish()

    def line(self, line: str) -> None:
        """Take a line of the log."""
        self._tail.append(line)
        self._say(line)

    def _fetch_model(self) -> None:
        source = self._container.get("ModelDataSource", {}).get("S3DataSource", {})
        uri = self._container.get("ModelDataUrl") or source.get("S3Uri")
        if not uri:
            return
        if source.get("CompressionType") == "None":
            self._fetch_plain(storing.parse(uri))
            return
        packed = self._folder / "model.tar.gz"
        self._storage.download(uri, packed)
        archive.extract(packed, self._layout.model)
        packed.unlink()

    def _fetch_plain(self, address: storing.Address) -> None:
        items = self._storage.list(address.uri)
        if not items:
            raise storing.MissingObjectError(f"{address.uri}: no object has this prefix")
        folder = address.key.rpartition("/")[0]
        for item in items:
            relative = item.key[len(folder) :].lstrip("/")
            if relative and not relative.endswith("/") and ".." not in Path(relative).parts:
                self._storage.download(item.uri, self._layout.model / relative)

    def _fetch_code(self) -> None:
        submitted = self._container.get("Environment", {}).get(_SUBMIT, "")
        if not submitted.startswith(("s3://", "https://")):
            return
        packed = self._folder / "sourcedir.tar.gz"
        self._storage.download(submitted, packed)
        archive.extract(packed, self._layout.code)
        packed.unlink()

    def _code(self) -> Path:
        """Return the folder that the model's script is imported from."""
        code = self._layout.code
        return code if code.is_dir() and any(code.iterdir()) else self._layout.model / "code"

    def _requirements(self) -> tuple[str | None, Path | None]:
        for folder in (self._layout.code, self._layout.model / "code"):
            listing = folder / "requirements.txt"
            if listing.is_file():
                return listing.read_text(errors="replace"), folder
        return None, None

    def _variables(self, base: layout.Layout) -> dict[str, str]:
        assert self._environment is not None
        given = dict(self._container.get("Environment", {}))
        submitted = given.get(_SUBMIT, "")
        if submitted.startswith(("s3://", "https://")):
            given[_SUBMIT] = str(base.code)
        elif submitted.startswith("/opt/ml/"):
            with contextlib.suppress(ValueError):
                given[_SUBMIT] = str(base.root / Path(submitted).relative_to(layout.OPT_ML))
        own = {
            "PATH": f"{self._environment.bin}:{access.SYSTEM_PATH}",
            "PYTHONPATH": str(self._runtime),
            "HOME": "/tmp",  # noqa: S108  (the container's own)
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_REGION": self._settings.region,
            "AWS_DEFAULT_REGION": self._settings.region,
            "SAGEMAKER_BASE_DIR": str(base.root),
        }
        return dict(self._environ) | own | dict(self._image.variables) | given


def reason(headline: str, cause: str, tail: str, limit: int) -> str:
    """Join a FailureReason of at most `limit` characters, keeping the end of the log, where the error is."""
    text = f"{headline} {cause}".strip()
    room = limit - len(text) - len("\nLog: …")
    if tail and room > 0:
        return f"{text}\nLog: {tail if len(tail) <= room else '…' + tail[-room:]}"
    return text[:limit]
