"""The emulator as a child process: started, awaited, furnished with an account, stopped."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from sagelocal.emulator import account as accounts
from sagelocal.emulator import environment
from sagelocal.settings import check_port, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HOST = "127.0.0.1"
READY_SECONDS = 60.0
STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


class EmulatorError(RuntimeError):
    """The emulator did not come up; the message has the end of its log, or says who is in the way."""


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A running emulator; a context manager that stops it."""

    process: subprocess.Popen[bytes]
    port: int
    account: accounts.Account
    log: Path

    @property
    def endpoint(self) -> str:
        """Its address, for `AWS_ENDPOINT_URL`."""
        return f"http://{HOST}:{self.port}"

    @property
    def client_environment(self) -> dict[str, str]:
        """What a client's environment needs to reach it with the AWS SDKs."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": accounts.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": accounts.SECRET_KEY,
            "AWS_DEFAULT_REGION": self.account.region,
        }

    def stop(self) -> None:
        """End it cleanly, so that it writes its state to disk; by force when it takes too long."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    *,
    port: int,
    data: Path,
    environments: Path,
    account: accounts.Account,
    environ: Mapping[str, str],
    host: str = HOST,
) -> Emulator:
    """Start the emulator on a loopback port (0: any free one) and return once its account is laid down.

    `host` is another address to listen on, which must include loopback: 0.0.0.0 inside a container.

    It dies with the thread that called this. Its objects, its state and `emulator.log` are below `data`.

    Raises:
        EmulatorError: it cannot listen there, it ended, or did not answer within a minute, or another has
            its data directory.
        SettingsError: the port is none, or the data directory cannot be made.
        environment.EnvironmentMakingError: its environment could not be made.

    """
    check_port(port)
    port = port or free_port()
    python = environment.ensure(environments)
    log = data / "emulator.log"
    boot = Path(__file__).with_name("boot.py")
    arguments = (accounts.ACCESS_KEY, account.number, accounts.ROLE, accounts.SESSION, account.region)
    with hold(data) as held, log.open("ab") as output:
        _try_to_listen(host, port)  # not before one that was here and is still ending has let go of it
        process = subprocess.Popen(
            [str(python), str(boot), *arguments],
            env=child_environment(environ, port=port, data=data, account=account, host=host),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=data,
            pass_fds=[held],
            preexec_fn=_dying_with(os.getpid()) if sys.platform == "linux" else None,  # noqa: PLW1509  (one prctl)
        )
    emulator = Emulator(process=process, port=port, account=account, log=log)
    try:
        _await(emulator)
        accounts.lay_down(emulator.endpoint, account)
    except BaseException:
        emulator.stop()
        raise
    return emulator


@contextlib.contextmanager
def hold(data: Path, *, within: float = STOP_SECONDS) -> Iterator[int]:
    """Keep other emulators off a data directory: each would write its state over that of the other.

    Yields a descriptor. A child that inherits it goes on holding the directory, until it has ended; one whose
    service was killed needs a moment for that.

    Raises:
        EmulatorError: another holds it, and goes on for so many seconds.

    """
    make_folder(data)
    deadline = time.monotonic() + within
    with (data / "lock").open("a") as handle:
        while not _is_ours(handle):
            if time.monotonic() > deadline:
                raise EmulatorError(
                    f"another AWS emulator has the data directory {data}; stop it, or choose one by --data"
                )
            time.sleep(0.05)
        yield handle.fileno()


def _is_ours(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def child_environment(
    environ: Mapping[str, str], *, port: int, data: Path, account: accounts.Account, host: str = HOST
) -> dict[str, str]:
    """Build ministack's settings: one address, everything on disk, no listeners beyond the one port."""
    # Its own AWS_ACCESS_KEY_ID would name the root caller, and PYTHONDONTWRITEBYTECODE doubles its start.
    inherited = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV", "MINISTACK_"))
    }
    temporary = data / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return inherited | {
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,
        "MINISTACK_ACCOUNT_ID": account.number,
        "MINISTACK_REGION": account.region,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(data / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(data / "state"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(temporary),
    }


def free_port() -> int:
    """Find a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def lasting_port(data: Path, *, within: float = STOP_SECONDS) -> int:
    """Find a port for the emulator of a data directory: its last one if that is free within so many seconds.

    An emulator whose service was killed needs a moment to write its state down, and holds its port meanwhile.
    """
    note = data / "port"
    deadline = time.monotonic() + within
    try:
        port = int(note.read_text())
    except (FileNotFoundError, ValueError):
        port = 0
    while port and not _is_free(port):
        if time.monotonic() > deadline:
            port = 0
        time.sleep(0.05)
    port = port or free_port()
    make_folder(data)
    note.write_text(str(port))
    return port


def _is_free(port: int) -> bool:
    try:
        _try_to_listen(HOST, port)
    except EmulatorError:
        return False
    return True


def _try_to_listen(host: str, port: int) -> None:
    """Refuse an address at which the emulator could not listen: it would tell so in a traceback."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # Connections of the last owner that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EmulatorError(
                f"the AWS emulator cannot listen on {host}:{port}: {error.strerror}"
            ) from error


def _await(emulator: Emulator) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        code = emulator.process.poll()
        if code is not None:
            raise EmulatorError(f"the AWS emulator ended with {code}; its log ends:\n{_tail(emulator.log)}")
        if _answers(emulator.port):
            return
        time.sleep(0.05)
    raise EmulatorError(
        f"the AWS emulator did not answer on port {emulator.port} within {READY_SECONDS:.0f} s; "
        f"its log ends:\n{_tail(emulator.log)}"
    )


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _dying_with(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before; in a container its number may well be 1
            os._exit(1)

    return prepare
