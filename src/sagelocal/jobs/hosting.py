"""Endpoints: fleets of model-server instances brought up, switched over, scaled and taken down.

What an endpoint is to be is in the store, beside its Describe response, under `Fleet` (see `fleet_plan`).
What it is, the instances' folders tell. One thread compares the two in rounds, and every step can be taken
again, so that a service killed at any moment goes on where it was: living instances are adopted, dead ones
restarted, a deployment goes on with the step that it was at.

An update is blue/green or rolling, as its DeploymentConfig says (see `deployments`), all at once when it says
nothing. The old fleet serves until the new one has all the traffic; when the new one fails, an alarm rings or
the time is over, the endpoint rolls back, `InService` on the old configuration with a FailureReason.
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import errors
from sagelocal.faults import Faults
from sagelocal.jobs import endpoint_record, fleet_plan, fleet_routes
from sagelocal.jobs.alarm_watch import AlarmWatch
from sagelocal.jobs.fleet import KIND, POLL_SECONDS, Fleet
from sagelocal.jobs.status import EndpointStatus
from sagelocal.jobs.store import MissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.jobs.store import Store
    from sagelocal.jobs.supervisors import Supervisors
    from sagelocal.serving.endpoints import Router
    from sagelocal.settings import Settings

IDLE_SECONDS = 0.5
"""Between two rounds while no endpoint changes."""

_log = logging.getLogger(__name__)


class EndpointController:
    """Brings up, changes and takes down the fleets of stored endpoints. Safe between threads."""

    def __init__(
        self,
        *,
        store: Store,
        settings: Settings,
        router: Router,
        detached: Supervisors,
        faults: Faults | None = None,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take, as `changed`, what to call with an endpoint's name when its status may have changed."""
        self._store = store
        self._router = router
        self._tell = changed
        self._wait_part = settings.deployment_wait_percent / 100
        self._fleet = Fleet(
            root=Path(settings.data_dir) / "jobs" / KIND,
            settings=settings,
            detached=detached,
            faults=faults or Faults(),
        )
        self._alarms: dict[str, AlarmWatch] = {}
        self._changed = threading.Condition()
        self._poked = False
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="endpoints", daemon=True)
        router.wanted = self._poke

    def start(self) -> None:
        """Take up every endpoint that is in the store, and begin."""
        for resource in self._store.list(KIND):
            fleet, status = resource.body.get("Fleet", {}), resource.body["EndpointStatus"]
            if "Serving" in fleet:
                self._route(resource.name, fleet)
            # The service died between the request and the plan.
            if status == EndpointStatus.CREATING and "Coming" not in fleet:
                self.create(resource.name)
            elif status == EndpointStatus.UPDATING and not endpoint_record.is_changing(fleet):
                self._plan_failed(resource.name, "the service was stopped before the update began")
        self._thread.start()

    def create(self, name: str) -> None:
        """Start the first fleet of an endpoint that was just stored as `Creating`."""
        self._plan(name, {"EndpointConfigName": self._store.get(KIND, name).body["EndpointConfigName"]})

    def update(self, name: str, request: Mapping[str, Any]) -> None:
        """Replace the fleet of an endpoint that was just marked `Updating`, by an UpdateEndpoint request."""
        self._plan(name, request)

    def scale(self, name: str, wishes: list[Mapping[str, Any]]) -> None:
        """Change weights and capacities of an endpoint that is `InService`, which becomes `Updating`.

        Raises:
            errors.ValidationException: the endpoint or a variant cannot have what is wished for.

        """
        self._store.update(KIND, name, lambda body: endpoint_record.wish(body, wishes))
        self._poke()

    def delete(self, name: str) -> None:  # noqa: ARG002  (the store says it)
        """Take down an endpoint that was just marked `Deleting`, and remove it from the store."""
        self._poke()

    def stop_all(self) -> None:
        """Stop every instance and wait; the endpoints stay in the store, and come back with the service."""
        self.close()
        self._fleet.stop_all()

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

    def _plan(self, name: str, request: Mapping[str, Any]) -> None:
        """Write down the coming fleet; a configuration that cannot be served here ends the change at once."""
        try:
            config = self._store.get("endpoint-config", request["EndpointConfigName"]).body
            plan = fleet_plan.make(name, config, lambda model: self._store.get("model", model).body)
            self._store.update(KIND, name, lambda body: endpoint_record.begin(body, plan, request))
        except (errors.ServiceError, MissingError) as error:
            self._plan_failed(name, str(error))
            return
        self._poke()

    def _plan_failed(self, name: str, why: str) -> None:
        self._store.update(KIND, name, lambda body: endpoint_record.fail_plan(body, why))

    def _work(self) -> None:
        while True:
            busy = self._round()
            with self._changed:
                if not self._closing and not self._poked:
                    self._changed.wait(POLL_SECONDS if busy else IDLE_SECONDS)
                self._poked = False
                if self._closing:
                    return

    def _round(self) -> bool:
        """Look after every endpoint; tell whether one is on its way somewhere."""
        try:
            resources = self._store.list(KIND)
        except Exception:  # noqa: BLE001  (a full disk, say: nothing was begun that could be lost)
            _log.exception("endpoints: this round failed; the next one tries again")
            return False
        busy = False
        for resource in resources:
            try:
                if self._look_after(resource.name, resource.body):
                    busy = True
                    self._tell(resource.name)
            except MissingError:
                continue  # deleted meanwhile
            except Exception:  # noqa: BLE001  (one endpoint must not keep the others from being looked after)
                _log.exception("endpoint %s: this round failed; the next one tries again", resource.name)
        return busy

    def _look_after(self, name: str, body: dict[str, Any]) -> bool:
        """Take the endpoint one step further; tell whether it is on its way somewhere."""
        status, fleet = EndpointStatus(body["EndpointStatus"]), body.get("Fleet", {})
        if status is EndpointStatus.DELETING:
            self._delete(name)
            return True
        wanted = dict(fleet_plan.wanted(fleet))
        asleep = {each for each, variant in wanted.items() if self._sleeps(name, fleet, each, variant)}
        ending = self._fleet.clear(name, keep=wanted.keys() - asleep)
        states = {
            each: self._state(name, fleet, each, variant)
            for each, variant in wanted.items()
            if each not in asleep
        }
        if "Coming" in fleet:
            self._advance(name, fleet, states, ending=ending)
            return True
        if status is EndpointStatus.UPDATING and endpoint_record.is_changing(fleet):
            self._scale(name, fleet, states)
            return True
        return ending

    def _sleeps(
        self, name: str, fleet: dict[str, Any], each: fleet_plan.Instance, variant: dict[str, Any]
    ) -> bool:
        """Tell whether an instance of a serverless variant has nothing to do; a coming one proves itself."""
        return (
            fleet_plan.may_sleep(variant)
            and each[0] == fleet.get("Serving")
            and self._router.is_idle(name, variant["name"])
        )

    def _state(
        self, name: str, fleet: dict[str, Any], each: fleet_plan.Instance, variant: dict[str, Any]
    ) -> str | None:
        """Return how an instance stands (see `Fleet.failure`); launch it when it is not there."""
        folder = self._fleet.folder(name, each)
        serves = each[0] == fleet.get("Serving") and each[2] < variant["count"]
        if serves and not self._fleet.alive(folder):
            if folder.lock.exists():
                _log.warning("endpoint %s: instance %s is started again", name, folder.root.name)
            self._fleet.launch(name, each, variant)
        elif not folder.lock.exists() and not self._fleet.alive(folder):
            self._fleet.launch(name, each, variant)
        return self._fleet.failure(folder)

    def _advance(
        self,
        name: str,
        fleet: dict[str, Any],
        states: dict[fleet_plan.Instance, str | None],
        *,
        ending: bool,
    ) -> None:
        """Take the coming fleet a step further, or back."""
        deployment = fleet.setdefault("Deployment", endpoint_record.deployment({}, 1))
        if "Back" in deployment:
            self._go_back(name, fleet, states, ending=ending)
            return
        coming = [state for each, state in states.items() if each[0] == fleet["Coming"]]
        if why := self._objection(name, deployment, coming):
            self._store.update(KIND, name, lambda body: endpoint_record.take_back(body, why))
            return
        now = fleet_plan.at_step(fleet)
        if now is not None and time.time() - deployment["Since"] < now["wait"] * self._wait_part:
            return
        last = len(deployment["Steps"]) - 1
        if deployment["Step"] == last:
            self._finish(name)
        elif all(state == "" for state in coming) and self._alarms[name].asked_once:
            self._route(name, self._store.update(KIND, name, endpoint_record.step).body["Fleet"])
            if deployment["Step"] + 1 == last and not deployment["Steps"][last]["wait"]:
                self._finish(name)

    def _go_back(
        self,
        name: str,
        fleet: dict[str, Any],
        states: dict[fleet_plan.Instance, str | None],
        *,
        ending: bool,
    ) -> None:
        """Give the traffic back to the old fleet once that is whole, and end the new one."""
        if "Restored" not in fleet["Deployment"]:
            if all(state == "" for each, state in states.items() if each[0] == fleet.get("Serving")):
                back = self._store.update(KIND, name, endpoint_record.restored).body["Fleet"]
                if "Serving" in back:
                    self._route(name, back)
        elif not ending:
            self._alarms.pop(name, None)
            self._store.update(KIND, name, endpoint_record.give_up)

    def _objection(self, name: str, deployment: dict[str, Any], coming: list[str | None]) -> str:
        """Return why the deployment cannot go on; empty when it can."""
        watch = self._alarms.get(name)
        if watch is None:
            watch = self._alarms[name] = AlarmWatch(deployment["Alarms"])
        if failures := [state for state in coming if state]:
            return failures[0]
        place = deployment["Step"]
        if (place < 0 or deployment["Steps"][place]["watched"]) and (trouble := watch.trouble()):
            return f"The deployment was rolled back because {trouble}"
        limit = deployment["Timeout"]
        if limit is not None and time.time() - deployment["Begun"] > limit:
            return f"The deployment was rolled back because it took longer than {limit:.0f} seconds"
        return ""

    def _finish(self, name: str) -> None:
        self._alarms.pop(name, None)
        fleet = self._store.update(KIND, name, endpoint_record.finish).body["Fleet"]
        if "Serving" in fleet:
            self._route(name, fleet)

    def _scale(self, name: str, fleet: dict[str, Any], states: dict[fleet_plan.Instance, str | None]) -> None:
        """Have the weights and capacities that are wished for, once the instances for them are up."""
        failures = [
            state
            for (_, variant, number), state in states.items()
            if state and number >= endpoint_record.count(fleet, variant)
        ]
        if not failures and any(state is None for state in states.values()):
            return
        why = failures[0] if failures else ""
        body = self._store.update(KIND, name, lambda body: endpoint_record.settle(body, why)).body
        self._route(name, body["Fleet"])

    def _delete(self, name: str) -> None:
        self._router.remove(name)
        if not self._fleet.clear(name, keep=set()):
            self._fleet.forget(name)
            self._alarms.pop(name, None)
            self._store.delete(KIND, name)

    def _route(self, name: str, fleet: dict[str, Any]) -> None:
        self._router.set(name, fleet_routes.traffic(name, fleet, self._fleet.folder))
