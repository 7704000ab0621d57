"""The instances of endpoints as processes: launched, asked to stop, killed when they do not, and tidied away.

An instance is a detached process with a folder `<endpoint>/<generation>/<variant>-<number>`. It outlives the
service; what it is, its folder tells.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import settings as configuration
from sagelocal.jobs import fleet_plan, instance
from sagelocal.jobs.folder import JobFolder
from sagelocal.serving import traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.faults import Faults
    from sagelocal.settings import Settings

KIND = "endpoint"
COMMAND = (sys.executable, "-m", "sagelocal.jobs.instance")
KILL_AFTER_SECONDS = 60.0
"""An instance that has not ended this long after it was asked to is killed."""
POLL_SECONDS = 0.05
_DIED = "the process that looks after the instance died"


class Fleet:
    """The instances below one folder, of all endpoints. To be used by one thread at a time."""

    def __init__(self, *, root: Path, settings: Settings, environ: Mapping[str, str], faults: Faults) -> None:
        self._root = root
        self._settings = settings
        self._environ = {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._faults = faults
        self._children: dict[Path, subprocess.Popen[bytes]] = {}
        self._ending: dict[Path, float] = {}

    def folder(self, endpoint: str, each: fleet_plan.Instance) -> JobFolder:
        """Return an instance's folder."""
        generation, variant, number = each
        return JobFolder(self._root / endpoint / generation / f"{variant}-{number}")

    def failure(self, folder: JobFolder) -> str | None:
        """Return why an instance did not come up, an empty text when it is up, None when it is on its way."""
        record = folder.read_exit()
        if record is not None:
            return str(record["failure"])
        if (folder.root / instance.READY).exists():
            return ""
        if folder.lock.exists() and not self.alive(folder):
            return _DIED
        return None

    def alive(self, folder: JobFolder) -> bool:
        """Tell whether an instance's process lives."""
        child = self._children.get(folder.root)
        if child is not None and child.poll() is None:
            return True
        self._children.pop(folder.root, None)
        return folder.is_alive() or _lingers(folder)

    def launch(self, endpoint: str, each: fleet_plan.Instance, variant: Mapping[str, Any]) -> None:
        """Start an instance; what an earlier life left in its folder is forgotten."""
        folder = self.folder(endpoint, each)
        for left in (folder.exit, folder.root / instance.READY, folder.stop):
            left.unlink(missing_ok=True)
        spec = {
            "endpoint": endpoint,
            "variant": variant["name"],
            "log_stream": f"{variant['name']}/{_instance_id(folder.root)}",
            "containers": fleet_plan.containers(variant),
            "mode": variant.get("mode", traffic.SERIAL),
            "startup_seconds": variant["startup_seconds"],
            "role": variant.get("role", ""),
        }
        if self._faults.fails_ping(endpoint):
            spec["fails_ping"] = True
        settings = configuration.to_json(self._settings)
        folder.write_job({"kind": KIND, "name": endpoint, "settings": settings, "body": spec})
        with folder.supervisor_log.open("ab") as log:
            self._children[folder.root] = subprocess.Popen(
                [*COMMAND, str(folder.root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
            )

    def stop(self, root: Path) -> bool:
        """Ask an instance to end, and kill it when it does not; tell whether it still lives."""
        folder = JobFolder(root)
        if not self.alive(folder):
            self._ending.pop(root, None)
            return False
        asked = self._ending.setdefault(root, 0.0)
        pid = folder.process()
        if asked == 0.0 or time.monotonic() - asked > KILL_AFTER_SECONDS:
            folder.ask_to_stop()
            if pid is not None:
                os.kill(pid, signal.SIGTERM if asked == 0.0 else signal.SIGKILL)
                self._ending[root] = time.monotonic()
        return True

    def clear(self, endpoint: str, keep: set[fleet_plan.Instance]) -> bool:
        """Stop the instances of an endpoint that are not to be kept; tell whether some still end."""
        kept = {self.folder(endpoint, each).root for each in keep}
        ending = False
        for root in list((self._root / endpoint).glob("*/*")):
            if root in kept:
                continue
            if self.stop(root):
                ending = True
            else:
                shutil.rmtree(root, ignore_errors=True)
                if not any(root.parent.iterdir()):
                    shutil.rmtree(root.parent, ignore_errors=True)
        return ending

    def forget(self, endpoint: str) -> None:
        """Remove an endpoint's folder."""
        shutil.rmtree(self._root / endpoint, ignore_errors=True)

    def stop_all(self) -> None:
        """Stop every instance and wait."""
        roots = list(self._root.glob("*/*/*"))
        end = time.monotonic() + KILL_AFTER_SECONDS
        while any([self.stop(root) for root in roots]) and time.monotonic() < end:  # noqa: C419  (ask all)
            time.sleep(POLL_SECONDS)


def _lingers(folder: JobFolder) -> bool:
    """Tell whether a process that let go of its folder's lock is still about to end."""
    try:
        pid = int(folder.pid.read_text())
        return str(folder.root) in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except (OSError, ValueError):
        return False


def _instance_id(root: Path) -> str:
    """Return an instance id as EC2 spells them, the same for the same folder."""
    return "i-" + hashlib.sha256(str(root).encode()).hexdigest()[:17]
