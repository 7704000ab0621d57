"""The service's settings: one frozen value, built once from a mapping in `__main__`.

Nothing else reads the environment. A setting's name in the environment is `SAGELOCAL_` and the field's name
in capitals; the addresses of the other AWS services come from the AWS SDKs' own `AWS_ENDPOINT_URL*`, which
boto3 reads for itself.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "SAGELOCAL_"
SECRETS = ("credentials",)
"""Settings that are written nowhere and handed on to no child."""
_LAST_PORT = 65535
_ACCOUNT = re.compile(r"[0-9]{12}")
_SHORTEST_SECRET = 8


class SettingsError(ValueError):
    """A setting has a value that it cannot have; the message says which, and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the service listens, where its state lives, and whom it pretends to be."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8088
    """The port to listen on; 0: any free one."""
    hosts: str = ""
    """Further names, separated by commas, by which clients may call the service besides loopback's."""
    data_dir: Path = Path(".sagelocal")
    """Where state, jobs and logs are kept."""
    cache_dir: Path = field(default_factory=lambda: cache_folder({}))
    """Where the environments that stand for images are kept. They are named by their content, so all data
    directories of a user share them."""
    account: str = "123456789012"
    """The account in every ARN."""
    region: str = "us-east-1"
    """The region in every ARN."""
    bucket: str = ""
    """Where the service itself needs a bucket; empty: `sagemaker-<region>-<account>`, as the SDK names it."""
    max_running_jobs: int = 0
    """Jobs that run at the same time; more wait. 0: as many as the machine has cores, at least 2."""
    image_policy: str = "exact"
    """`exact` refuses an image whose framework version this interpreter cannot install; `nearest` takes the
    nearest version that it can, and records it on the job."""
    isolation: str = "auto"
    """`auto`: a private `/opt/ml` through bubblewrap where the kernel allows it; `none`: relocated paths."""
    preload: int = 1
    """1: jobs are forked from processes that have imported what jobs import, where that makes no difference
    but in time; 0: each is started anew."""
    limits: str = "none"
    """`instance`: a process of a job may have as much memory as its instance type; `none`: all there is."""
    stop_grace_seconds: int = 120
    """What a container has between SIGTERM and SIGKILL; SageMaker gives 120."""
    storage_wait_seconds: int = 60
    """How long S3 is asked again while it does not answer: jobs wait so long at each call, then they fail."""
    on_exit: str = "keep"
    """What a graceful stop of the service does to running jobs: `keep` them running, or `stop` them."""
    credentials: str = field(default="", repr=False)
    """`<access key>:<secret>`: only requests signed with these are answered. Empty: any signature will do."""
    deployment_wait_percent: int = 100
    """How much of the waits of a DeploymentConfig (intervals, termination) is waited; 0: none of it."""
    serverless_idle_seconds: int = 300
    """How long a serverless variant keeps its model server after its last request."""
    faults: str = ""
    """The file of a fault plan; empty: nothing goes wrong by itself."""

    def __post_init__(self) -> None:
        """Hold what text and numbers do not say by themselves to what is allowed."""
        check_port(self.port)
        if not _ACCOUNT.fullmatch(self.account):
            raise SettingsError(f"the account is {self.account!r}; 12 digits are needed")


_ALLOWED = {
    "image_policy": ("exact", "nearest"),
    "isolation": ("auto", "none"),
    "on_exit": ("keep", "stop"),
    "limits": ("none", "instance"),
    "preload": ("0", "1"),
}


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Build the settings from `SAGELOCAL_*` (and `AWS_DEFAULT_REGION` / `AWS_REGION` for the region).

    Raises:
        SettingsError: a variable is unknown, or its value is not allowed.

    """
    hints = get_type_hints(Settings)
    known = {PREFIX + field.name.upper(): field.name for field in dataclasses.fields(Settings)}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"{unknown[0]} is no setting of sagelocal; known are {', '.join(sorted(known))}")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or Settings.region
    values: dict[str, object] = {"region": region, "cache_dir": cache_folder(environ)}
    for variable, name in known.items():
        if variable in environ:
            values[name] = _parse(variable, environ[variable], hints[name])
    _check_credentials(str(values.get("credentials", "")))
    return Settings(**values)  # type: ignore[arg-type]


def check_port(port: int) -> None:
    """Refuse what is no port to listen on.

    Raises:
        SettingsError: it is none; the message says what is allowed.

    """
    if not 0 <= port <= _LAST_PORT:
        raise SettingsError(f"the port is {port}; 0 (any free one) to {_LAST_PORT} are allowed")


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder for state, and those above it, unless it is there.

    Raises:
        SettingsError: it cannot be made, or is no folder.

    """
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be a data directory: {error.strerror}; choose one by --data"
        ) from error


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the settings that nobody else is to know."""
    hidden = {PREFIX + name.upper() for name in SECRETS}
    return {name: value for name, value in environ.items() if name not in hidden}


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's cache folder of sagelocal (XDG base directories)."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sagelocal"


def to_json(values: Settings) -> dict[str, Any]:
    """Return the settings as a JSON object, for a job's folder; secrets are left out."""
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(values).items()
        if name not in SECRETS
    }


def from_json(values: Mapping[str, Any]) -> Settings:
    """Read what `to_json` wrote."""
    hints = get_type_hints(Settings)
    return Settings(**{name: hints[name](value) for name, value in values.items()})


def _parse(variable: str, text: str, kind: type) -> object:
    allowed = _ALLOWED.get(variable.removeprefix(PREFIX).lower())
    if allowed and text not in allowed:
        raise SettingsError(f"{variable} is {text!r}; allowed are {', '.join(allowed)}")
    if kind is int:
        if not text.isdecimal():
            raise SettingsError(f"{variable} is {text!r}; a whole number is needed")
        return int(text)
    if kind is Path:
        return Path(text).absolute()
    return text


def _check_credentials(text: str) -> None:
    key, separator, secret = text.partition(":")
    if text and (not separator or not key or len(secret) < _SHORTEST_SECRET):
        # The value itself is not told: it may end in a log.
        raise SettingsError(
            f"{PREFIX}CREDENTIALS must be <access key>:<secret>, the secret of at least "
            f"{_SHORTEST_SECRET} characters"
        )
