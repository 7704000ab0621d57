"""Application Auto Scaling of endpoints: instance counts follow the scalable targets and their policies.

A target bounds the instances of a variant; a target-tracking policy has them follow the invocations that
each gets in a minute. AWS goes by CloudWatch alarms over three minutes (out) and fifteen (in); here the last
minute decides, and ten seconds of it suffice to scale out: nobody waits a quarter of an hour on a laptop.
https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal import errors
from sagelocal.jobs.status import EndpointStatus
from sagelocal.jobs.store import MissingError
from sagelocal.serving.ticking import Ticking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.jobs.store import Store

TARGET, POLICY = "scalable-target", "scaling-policy"
EVERY_SECONDS = 2.0
CLOSE_SECONDS = 5.0
WINDOW_SECONDS = 60.0
LEAST_SECONDS = 10.0
COOLDOWN_SECONDS = 300.0
MOST_ACTIVITIES = 50
_SLACK = 0.9
"""Below this part of the target a policy scales in, as AWS's own alarms do."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a variant is and gets: `rate` in invocations per instance and minute, seen for `seconds`."""

    count: int
    rate: float
    seconds: float
    since: float
    """Seconds since the last time that it was scaled."""


def decide(load: Load, target: Mapping[str, Any], policy: Mapping[str, Any] | None) -> int:
    """Return how many instances a variant is to have; `policy` is a target-tracking configuration."""
    low, high, paused = target["MinCapacity"], target["MaxCapacity"], target.get("SuspendedState", {})
    bounded = min(max(load.count, low), high)
    if bounded != load.count or policy is None or not load.count:
        return int(bounded)
    wanted = math.ceil(load.count * load.rate / policy["TargetValue"])
    if wanted > load.count:
        ready = load.seconds >= LEAST_SECONDS and not paused.get("DynamicScalingOutSuspended")
        ready = ready and load.since >= policy.get("ScaleOutCooldown", COOLDOWN_SECONDS)
        return int(min(wanted, high)) if ready else load.count
    low_rate = load.rate < _SLACK * policy["TargetValue"] and not policy.get("DisableScaleIn")
    ready = load.seconds >= WINDOW_SECONDS and not paused.get("DynamicScalingInSuspended")
    ready = ready and load.since >= policy.get("ScaleInCooldown", COOLDOWN_SECONDS)
    return int(max(wanted, low, 1)) if ready and low_rate else load.count


class Scaler(Ticking):
    """Looks at every target every few seconds, and has the endpoint scaled."""

    def __init__(
        self,
        *,
        store: Store,
        scale: Callable[[str, list[Mapping[str, Any]]], None],
        invocations: Callable[[str, str], int],
    ) -> None:
        super().__init__("auto scaling", every=EVERY_SECONDS, within=CLOSE_SECONDS)
        self._store = store
        self._scale = scale
        self._invocations = invocations
        self._seen: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._scaled: dict[str, float] = {}

    def tick(self) -> None:
        """Look at every target; one that cannot be scaled does not keep the others from it."""
        for resource in self._store.list(TARGET):
            try:
                self._look_at(resource.name, resource.body)
            except (errors.ServiceError, MissingError) as error:
                _log.warning("%s is not scaled: %s", resource.body["ResourceId"], error)

    def _look_at(self, name: str, target: Mapping[str, Any]) -> None:
        endpoint, variant = parse(target["ResourceId"])
        try:
            body = self._store.get("endpoint", endpoint).body
        except MissingError:
            forget(self._store, name)  # as on AWS, a target goes with what it scales
            return
        counts = {
            each["VariantName"]: each.get("CurrentInstanceCount")
            for each in body.get("ProductionVariants", [])
        }
        count = counts.get(variant)
        if body["EndpointStatus"] != EndpointStatus.IN_SERVICE or count is None:
            return
        load = self._load(name, count, self._invocations(endpoint, variant))
        policy = next(
            (
                each.body
                for each in self._store.list(POLICY)
                if each.body["ResourceId"] == target["ResourceId"]
            ),
            None,
        )
        tracking = policy["TargetTrackingScalingPolicyConfiguration"] if policy else None
        wanted = decide(load, target, tracking)
        if wanted != count:
            self._scale(endpoint, [{"VariantName": variant, "DesiredInstanceCount": wanted}])
            self._scaled[name] = time.monotonic()
            self._seen[name].clear()
            self._store.update(TARGET, name, lambda kept: _note(kept, policy, load, wanted))

    def _load(self, name: str, count: int, total: int) -> Load:
        now = time.monotonic()
        seen = self._seen[name]
        seen.append((now, total))
        while now - seen[0][0] > WINDOW_SECONDS + EVERY_SECONDS:
            seen.popleft()
        seconds = now - seen[0][0]
        rate = (total - seen[0][1]) / max(seconds, EVERY_SECONDS) * WINDOW_SECONDS / max(1, count)
        return Load(
            count=count, rate=rate, seconds=seconds, since=now - self._scaled.get(name, -COOLDOWN_SECONDS)
        )


def forget(store: Store, resource_id: str) -> None:
    """Remove the policies and the target of a variant.

    Raises:
        MissingError: there is no such target.

    """
    for each in store.list(POLICY):
        if each.body["ResourceId"] == resource_id:
            with contextlib.suppress(MissingError):  # another has just removed it
                store.delete(POLICY, each.name)
    store.delete(TARGET, resource_id)


def parse(resource_id: str) -> tuple[str, str]:
    """Return endpoint and variant of `endpoint/<name>/variant/<name>`.

    Raises:
        errors.ValidationException: it is something else.

    """
    parts = resource_id.split("/")
    if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant":  # noqa: PLR2004
        raise errors.ValidationException(
            f"Unsupported resource id {resource_id!r}; needed is endpoint/<endpoint>/variant/<variant>"
        )
    return parts[1], parts[3]


def _note(target: dict[str, Any], policy: Mapping[str, Any] | None, load: Load, wanted: int) -> None:
    """Add an activity to the target's list, the newest first."""
    by = (
        f"policy {policy['PolicyName']}: {load.rate:.1f} invocations per instance and minute"
        if policy
        else ""
    )
    activity = {
        "ActivityId": str(uuid.uuid4()),
        "ServiceNamespace": target["ServiceNamespace"],
        "ResourceId": target["ResourceId"],
        "ScalableDimension": target["ScalableDimension"],
        "Description": f"Setting desired instance count to {wanted}.",
        "Cause": by or f"{load.count} instances are outside of the target's bounds",
        "StartTime": time.time(),
        "EndTime": time.time(),
        "StatusCode": "Successful",
    }
    target["Activities"] = [activity, *target.get("Activities", [])][:MOST_ACTIVITIES]
