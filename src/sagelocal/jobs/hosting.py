"""Endpoints: fleets of model-server instances brought up, switched over and taken down.

What an endpoint is to be is in the store, beside its Describe response: under `Fleet`, the generation that
serves and the one that comes, each with all that its instances need (so an endpoint lives on when its
configuration or model is deleted, as on AWS). What it is, the instances' folders tell. One thread compares
the two in rounds, and every step can be taken again, so that a service killed at any moment goes on where
it was: living instances are adopted, dead ones restarted.

An update is blue/green, all at once: the new fleet must be whole before traffic moves to it, and the old
one serves until then; when the new one fails, the endpoint rolls back, `InService` on the old configuration
with a FailureReason.
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-all-at-once.html
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import errors
from sagelocal import settings as configuration
from sagelocal.faults import Faults
from sagelocal.jobs import instance, modelserver
from sagelocal.jobs.folder import JobFolder
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.jobs.status import ENDPOINT_TRANSITIONS, EndpointStatus
from sagelocal.jobs.store import MissingError
from sagelocal.serving.endpoints import Variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.jobs.store import Store
    from sagelocal.serving.endpoints import Router
    from sagelocal.settings import Settings

KIND = "endpoint"
INSTANCE = (sys.executable, "-m", "sagelocal.jobs.instance")
BUSY_SECONDS = 0.05
"""Between two rounds while an endpoint changes; else `IDLE_SECONDS`."""
IDLE_SECONDS = 0.5
KILL_AFTER_SECONDS = 60.0
"""An instance that has not ended this long after it was asked to is killed."""

_log = logging.getLogger(__name__)


class EndpointController:
    """Brings up, changes and takes down the fleets of stored endpoints. Safe between threads."""

    def __init__(
        self,
        *,
        store: Store,
        settings: Settings,
        router: Router,
        environ: Mapping[str, str],
        faults: Faults | None = None,
    ) -> None:
        self._faults = faults or Faults()
        self._store = store
        self._settings = settings
        self._router = router
        self._environ = {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._root = Path(settings.data_dir) / "jobs" / KIND
        self._children: dict[Path, subprocess.Popen[bytes]] = {}
        self._ending: dict[Path, float] = {}
        self._changed = threading.Condition()
        self._poked = False
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="endpoints", daemon=True)

    def start(self) -> None:
        """Take up every endpoint that is in the store, and begin."""
        for resource in self._store.list(KIND):
            fleet, status = resource.body.get("Fleet", {}), resource.body["EndpointStatus"]
            if "Serving" in fleet:
                self._route(resource.name, fleet, fleet["Serving"])
            # The service died between the request and the plan.
            if status == EndpointStatus.CREATING and "Coming" not in fleet:
                self.create(resource.name)
            elif status == EndpointStatus.UPDATING and "Coming" not in fleet:
                self._plan_failed(resource.name, "the service was stopped before the update began")
        self._thread.start()

    def create(self, name: str) -> None:
        """Start the first fleet of an endpoint that was just stored as `Creating`."""
        self._plan(name, self._store.get(KIND, name).body["EndpointConfigName"])

    def update(self, name: str, request: Mapping[str, Any]) -> None:
        """Replace the fleet of an endpoint that was just marked `Updating`, by an UpdateEndpoint request."""
        self._plan(name, request["EndpointConfigName"])

    def delete(self, name: str) -> None:  # noqa: ARG002  (the store says it)
        """Take down an endpoint that was just marked `Deleting`, and remove it from the store."""
        self._poke()

    def stop_all(self) -> None:
        """Stop every instance and wait; the endpoints stay in the store, and come back with the service."""
        self.close()
        folders = list(self._root.glob("*/*/*"))
        end = time.monotonic() + KILL_AFTER_SECONDS
        while any([self._stop_instance(folder) for folder in folders]) and time.monotonic() < end:  # noqa: C419
            time.sleep(BUSY_SECONDS)

    def close(self) -> None:
        """End the rounds; instances run on."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _poke(self) -> None:
        with self._changed:
            self._poked = True
            self._changed.notify_all()

    def _plan(self, name: str, config_name: str) -> None:
        """Write down the coming fleet; a configuration that cannot be served here ends the change at once."""
        try:
            fleet = self._fleet(name, config_name)
        except (errors.ServiceError, MissingError) as error:
            self._plan_failed(name, str(error))
            return

        def write(body: dict[str, Any]) -> None:
            plans = body.setdefault("Fleet", {"Generation": 0, "Plans": {}})
            plans["Generation"] += 1
            plans["Coming"] = str(plans["Generation"])
            plans["Plans"][plans["Coming"]] = fleet
            body["PendingDeploymentSummary"] = {
                "EndpointConfigName": config_name,
                "StartTime": time.time(),
                "ProductionVariants": [{"VariantName": each["name"]} for each in fleet["variants"]],
            }

        self._store.update(KIND, name, write)
        self._poke()

    def _plan_failed(self, name: str, why: str) -> None:
        def write(body: dict[str, Any]) -> None:
            serves = "Serving" in body.get("Fleet", {})
            _become(body, EndpointStatus.IN_SERVICE if serves else EndpointStatus.FAILED)
            body["FailureReason"] = why[:LONGEST_REASON]

        self._store.update(KIND, name, write)

    def _fleet(self, name: str, config_name: str) -> dict[str, Any]:
        config = self._store.get("endpoint-config", config_name).body
        variants = []
        for variant in config["ProductionVariants"]:
            model = self._store.get("model", variant["ModelName"]).body
            variants.append(
                {
                    "name": variant["VariantName"],
                    "weight": variant.get("InitialVariantWeight", 1.0),
                    "count": variant.get("InitialInstanceCount", 1),
                    "startup_seconds": variant.get(
                        "ContainerStartupHealthCheckTimeoutInSeconds", modelserver.STARTUP_SECONDS
                    ),
                    "container": modelserver.container_of(model),
                    "role": model.get("ExecutionRoleArn", ""),
                }
            )
        return {"endpoint": name, "config": config_name, "variants": variants}

    def _work(self) -> None:
        while True:
            busy = False
            for resource in self._store.list(KIND):
                try:
                    busy = self._look_after(resource.name, resource.body) or busy
                except MissingError:
                    continue  # deleted meanwhile
                except Exception:  # noqa: BLE001  (one endpoint must not keep the others from being looked after)
                    _log.exception("endpoint %s: this round failed; the next one tries again", resource.name)
            with self._changed:
                if not self._closing and not self._poked:
                    self._changed.wait(BUSY_SECONDS if busy else IDLE_SECONDS)
                self._poked = False
                if self._closing:
                    return

    def _look_after(self, name: str, body: dict[str, Any]) -> bool:
        """Take the endpoint one step further; tell whether it is on its way somewhere."""
        status, fleet = EndpointStatus(body["EndpointStatus"]), body.get("Fleet", {})
        if status is EndpointStatus.DELETING:
            self._delete(name)
            return True
        busy = self._clear(name, keep={fleet.get("Serving"), fleet.get("Coming")})
        if "Serving" in fleet:
            self._revive(name, fleet["Plans"][fleet["Serving"]], fleet["Serving"])
        if "Coming" in fleet:
            self._advance(name, fleet)
            return True
        return busy

    def _advance(self, name: str, fleet: dict[str, Any]) -> None:
        """Start what is not started of the coming fleet, and judge it."""
        generation = fleet["Coming"]
        states: list[str | None] = []
        for folder, spec in self._instances(name, fleet["Plans"][generation], generation):
            if (
                not (folder.root / instance.READY).exists()
                and folder.read_exit() is None
                and not self._alive(folder)
            ):
                if folder.lock.exists():
                    states.append("the process that looks after the instance died")
                    continue
                self._launch(folder, spec)
            record = folder.read_exit()
            ready = (folder.root / instance.READY).exists()
            states.append(record["failure"] if record else "" if ready else None)
        failures = [state for state in states if state]
        if failures:
            self._fail(name, failures[0])
        elif None not in states:
            self._switch(name, generation)

    def _switch(self, name: str, generation: str) -> None:
        """Send the traffic to the fleet that came up."""
        fleet = self._store.get(KIND, name).body["Fleet"]
        self._route(name, fleet, generation)

        def write(body: dict[str, Any]) -> None:
            if body["EndpointStatus"] == EndpointStatus.DELETING:
                return
            own = body["Fleet"]
            own["Serving"] = own.pop("Coming")
            own["Plans"] = {own["Serving"]: own["Plans"][own["Serving"]]}
            plan = own["Plans"][own["Serving"]]
            body["EndpointConfigName"] = plan["config"]
            body["ProductionVariants"] = _described(plan)
            body.pop("PendingDeploymentSummary", None)
            body.pop("FailureReason", None)
            _become(body, EndpointStatus.IN_SERVICE)

        self._store.update(KIND, name, write)

    def _fail(self, name: str, why: str) -> None:
        """Give up the coming fleet: Failed when it is the first, else back to the one that serves."""

        def rolling_back(body: dict[str, Any]) -> None:
            if "Serving" in body["Fleet"] and body["EndpointStatus"] == EndpointStatus.UPDATING:
                _become(body, EndpointStatus.ROLLING_BACK)
            body["FailureReason"] = why

        body = self._store.update(KIND, name, rolling_back).body
        generation = body["Fleet"].get("Coming")
        end = time.monotonic() + KILL_AFTER_SECONDS
        # Nothing of a failed fleet runs any more when its status says that it failed.
        while any(self._stop_instance(folder) for folder in self._folder(name).glob(f"{generation}/*")):
            if time.monotonic() > end:
                break
            time.sleep(BUSY_SECONDS)

        def done(body: dict[str, Any]) -> None:
            if body["EndpointStatus"] == EndpointStatus.DELETING:
                return
            fleet = body["Fleet"]
            fleet["Plans"].pop(fleet.pop("Coming", None), None)
            body.pop("PendingDeploymentSummary", None)
            _become(body, EndpointStatus.IN_SERVICE if "Serving" in fleet else EndpointStatus.FAILED)

        self._store.update(KIND, name, done)

    def _delete(self, name: str) -> None:
        self._router.remove(name)
        if not self._clear(name, keep=set()):
            shutil.rmtree(self._folder(name), ignore_errors=True)
            self._store.delete(KIND, name)

    def _clear(self, name: str, keep: set[str | None]) -> bool:
        """Stop the instances of generations that are not to be kept; tell whether some still end."""
        ending = False
        for generation in self._folder(name).glob("*"):
            if generation.name in keep:
                continue
            if any([self._stop_instance(folder) for folder in generation.iterdir()]):  # noqa: C419  (ask all)
                ending = True
            else:
                shutil.rmtree(generation, ignore_errors=True)
        return ending

    def _revive(self, name: str, plan: dict[str, Any], generation: str) -> None:
        """Start again what should serve and does not live."""
        for folder, spec in self._instances(name, plan, generation):
            if not self._alive(folder):
                _log.warning("endpoint %s: instance %s is started again", name, folder.root.name)
                for left in (folder.exit, folder.root / instance.READY, folder.stop):
                    left.unlink(missing_ok=True)
                self._launch(folder, spec)

    def _route(self, name: str, fleet: dict[str, Any], generation: str) -> None:
        plan = fleet["Plans"][generation]
        self._router.set(
            name,
            tuple(
                Variant(
                    name=variant["name"],
                    weight=variant["weight"],
                    sockets=tuple(
                        folder.root / "run" / "model.sock"
                        for folder, spec in self._instances(name, plan, generation)
                        if spec["variant"] == variant["name"]
                    ),
                )
                for variant in plan["variants"]
            ),
        )

    def _instances(
        self, name: str, plan: dict[str, Any], generation: str
    ) -> list[tuple[JobFolder, dict[str, Any]]]:
        found = []
        for variant in plan["variants"]:
            for number in range(variant["count"]):
                root = self._folder(name) / generation / f"{variant['name']}-{number}"
                spec = {
                    "endpoint": name,
                    "variant": variant["name"],
                    "log_stream": f"{variant['name']}/{_instance_id(root)}",
                    "container": variant["container"],
                    "startup_seconds": variant["startup_seconds"],
                    "role": variant.get("role", ""),
                }
                found.append((JobFolder(root), spec))
        return found

    def _folder(self, name: str) -> Path:
        return self._root / name

    def _alive(self, folder: JobFolder) -> bool:
        child = self._children.get(folder.root)
        if child is not None and child.poll() is None:
            return True
        self._children.pop(folder.root, None)
        return folder.is_alive()

    def _launch(self, folder: JobFolder, spec: dict[str, Any]) -> None:
        settings = configuration.to_json(self._settings)
        if self._faults.fails_ping(spec["endpoint"]):
            spec = spec | {"fails_ping": True}
        folder.write_job({"kind": KIND, "name": spec["endpoint"], "settings": settings, "body": spec})
        with folder.supervisor_log.open("ab") as log:
            self._children[folder.root] = subprocess.Popen(
                [*INSTANCE, str(folder.root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
            )

    def _stop_instance(self, root: Path) -> bool:
        """Ask an instance to end, and kill it when it does not; tell whether it still lives."""
        folder = JobFolder(root)
        if not self._alive(folder):
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


def _instance_id(root: Path) -> str:
    """Return an instance id as EC2 spells them, the same for the same folder."""
    return "i-" + hashlib.sha256(str(root).encode()).hexdigest()[:17]


def _become(body: dict[str, Any], status: EndpointStatus) -> None:
    old = EndpointStatus(body["EndpointStatus"])
    if old != status and status not in ENDPOINT_TRANSITIONS[old]:
        raise errors.ConflictException(f"endpoint {body['EndpointName']} cannot go from {old} to {status}")
    body["EndpointStatus"] = status


def _described(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return ProductionVariants as DescribeEndpoint shows them."""
    return [
        {
            "VariantName": variant["name"],
            "DeployedImages": [
                {
                    "SpecifiedImage": variant["container"]["Image"],
                    "ResolvedImage": variant["container"]["Image"],
                    "ResolutionTime": time.time(),
                }
            ],
            "CurrentWeight": variant["weight"],
            "DesiredWeight": variant["weight"],
            "CurrentInstanceCount": variant["count"],
            "DesiredInstanceCount": variant["count"],
        }
        for variant in plan["variants"]
    ]
