"""The instances of endpoints as processes: launched, asked to stop, killed when they do not, and tidied away.

An instance is a detached process with a folder `<endpoint>/<generation>/<variant>-<number>`. It outlives the
service; what it is, its folder tells.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from sagelocal import settings as configuration
from sagelocal.container import orphans
from sagelocal.jobs import fleet_plan, instance
from sagelocal.jobs.folder import JobFolder
from sagelocal.serving import traffic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sagelocal.faults import Faults
    from sagelocal.jobs.supervisors import Supervisor, Supervisors
    from sagelocal.settings import Settings

KIND = "endpoint"
COMMAND = (sys.executable, "-m", "sagelocal.jobs.instance")
KILL_AFTER_SECONDS = 60.0
"""An instance that has not ended this long after it was asked to is killed."""
POLL_SECONDS = 0.02
_DIED = "the process that looks after the instance died"


class Fleet:
    """The instances below one folder, of all endpoints. To be used by one thread at a time."""

    def __init__(self, *, root: Path, settings: Settings, detached: Supervisors, faults: Faults) -> None:
        self._root = root
        self._settings = settings
        self._detached = detached
        self._faults = faults
        self._children: dict[Path, Supervisor] = {}
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
        if child is not None:
            if child.lives():
                return True
            self._children.pop(folder.root).close()
        return folder.is_alive()

    def launch(self, endpoint: str, each: fleet_plan.Instance, variant: Mapping[str, Any]) -> None:
        """Start an instance; what an earlier life left in its folder is forgotten."""
        folder = self.folder(endpoint, each)
        _end_orphans(folder)
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
        self._children[folder.root] = self._detached.start(COMMAND, folder)

    def stop(self, root: Path) -> bool:
        """Ask an instance to end, and kill it when it does not; tell whether it still lives."""
        folder = JobFolder(root)
        if not self.alive(folder):
            self._ending.pop(root, None)
            return False
        asked = self._ending.setdefault(root, 0.0)
        if asked == 0.0 or time.monotonic() - asked > KILL_AFTER_SECONDS:
            folder.ask_to_stop()
            if folder.signal(signal.SIGTERM if asked == 0.0 else signal.SIGKILL):
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
                _end_orphans(JobFolder(root))
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


def _end_orphans(folder: JobFolder) -> None:
    if folder.lock.exists():  # otherwise nothing was ever started in it
        orphans.end(folder.root)


def _instance_id(root: Path) -> str:
    """Return an instance id as EC2 spells them, the same for the same folder."""
    return "i-" + hashlib.sha256(str(root).encode()).hexdigest()[:17]
