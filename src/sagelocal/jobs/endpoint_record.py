"""What changes in an endpoint's stored body as its fleet comes, serves and goes. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sagelocal import errors
from sagelocal.jobs import deployments, fleet_plan
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.jobs.status import ENDPOINT_TRANSITIONS, EndpointStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


def deployment(config: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return a deployment that is about to begin, onto variants of at least `count` instances."""
    return {
        "Steps": deployments.steps(config, count),
        "Step": -1,
        "Since": 0.0,
        "Begun": time.time(),
        "Alarms": deployments.alarms(config),
        "Timeout": deployments.timeout(config),
    }


def begin(body: dict[str, Any], plan: fleet_plan.Plan, request: Mapping[str, Any]) -> None:
    """Write down the fleet that comes, and how."""
    own = body.setdefault("Fleet", {"Generation": 0, "Plans": {}})
    config = request.get("DeploymentConfig", {})
    if "Serving" in own:
        if request.get("RetainAllVariantProperties"):
            excluded = {
                each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", [])
            }
            fleet_plan.retain(plan, own["Plans"][own["Serving"]], frozenset(excluded))
        if request.get("RetainDeploymentConfig"):
            config = body.get("LastDeploymentConfig", config)
    own["Generation"] += 1
    own["Coming"] = str(own["Generation"])
    own["Plans"][own["Coming"]] = plan
    own["Deployment"] = deployment(config if "Serving" in own else {}, fleet_plan.smallest(plan))
    if config:
        body["LastDeploymentConfig"] = config
    body["PendingDeploymentSummary"] = {
        "EndpointConfigName": plan["config"],
        "StartTime": time.time(),
    }
    _tell_pending(body, "Creating", "the new fleet starts")


def _tell_pending(body: dict[str, Any], status: str, message: str) -> None:
    plan = body["Fleet"]["Plans"][body["Fleet"]["Coming"]]
    body["PendingDeploymentSummary"]["ProductionVariants"] = fleet_plan.pending(plan, status, message)


def take_back(body: dict[str, Any], why: str) -> None:
    """Begin to roll back; an endpoint that never served just loses its fleet."""
    if "Serving" in body["Fleet"] and body["EndpointStatus"] == EndpointStatus.UPDATING:
        become(body, EndpointStatus.ROLLING_BACK)
    body["FailureReason"] = why[:LONGEST_REASON]
    body["Fleet"].setdefault("Deployment", deployment({}, 1))["Back"] = why[:LONGEST_REASON]


def _describe(body: dict[str, Any], plan: fleet_plan.Plan) -> None:
    body["ProductionVariants"] = fleet_plan.described(plan)
    for member, value in (
        ("DataCaptureConfig", fleet_plan.captured(plan)),
        ("AsyncInferenceConfig", plan.get("async")),
    ):
        body.pop(member, None)
        if value is not None:
            body[member] = value


def is_changing(fleet: Mapping[str, Any]) -> bool:
    """Tell whether a deployment or a change of capacities is written down."""
    return "Coming" in fleet or (
        "Serving" in fleet and fleet_plan.is_changing(fleet["Plans"][fleet["Serving"]])
    )


def count(fleet: Mapping[str, Any], variant: str) -> int:
    """Return how many instances of a variant serve."""
    plan = fleet["Plans"][fleet["Serving"]]
    return next(int(each["count"]) for each in plan["variants"] if each["name"] == variant)


def become(body: dict[str, Any], status: EndpointStatus) -> None:
    """Change the status, as the table allows; `ConflictException` otherwise."""
    old = EndpointStatus(body["EndpointStatus"])
    if old != status and status not in ENDPOINT_TRANSITIONS[old]:
        raise errors.ConflictException(f"endpoint {body['EndpointName']} cannot go from {old} to {status}")
    body["EndpointStatus"] = status


def step(body: dict[str, Any]) -> None:
    """Go to the deployment's next step."""
    own = body["Fleet"].setdefault("Deployment", deployment({}, 1))
    own["Step"] += 1
    own["Since"] = time.time()
    now = own["Steps"][own["Step"]]
    message = f"{now['share']:.0%} of the traffic goes to the new fleet"
    _tell_pending(body, "Baking" if now["watched"] else "Deleting", message)


def finish(body: dict[str, Any]) -> None:
    """Make the fleet that came the one that serves."""
    if body["EndpointStatus"] == EndpointStatus.DELETING:
        return
    own = body["Fleet"]
    own.pop("Deployment", None)
    own["Serving"] = own.pop("Coming")
    plan = own["Plans"][own["Serving"]]
    own["Plans"] = {own["Serving"]: plan}
    body["EndpointConfigName"] = plan["config"]
    _describe(body, plan)
    body.pop("PendingDeploymentSummary", None)
    body.pop("FailureReason", None)
    become(body, EndpointStatus.IN_SERVICE)


def restored(body: dict[str, Any]) -> None:
    """Note that the old fleet is whole again: the new one may go."""
    body["Fleet"]["Deployment"]["Restored"] = True


def give_up(body: dict[str, Any]) -> None:
    """End a deployment that was taken back: nothing of it runs any more."""
    if body["EndpointStatus"] == EndpointStatus.DELETING:
        return
    fleet = body["Fleet"]
    fleet.pop("Deployment", None)
    fleet["Plans"].pop(fleet.pop("Coming", None), None)
    body.pop("PendingDeploymentSummary", None)
    become(body, EndpointStatus.IN_SERVICE if "Serving" in fleet else EndpointStatus.FAILED)


def fail_plan(body: dict[str, Any], why: str) -> None:
    """End a change that cannot even be planned."""
    serves = "Serving" in body.get("Fleet", {})
    become(body, EndpointStatus.IN_SERVICE if serves else EndpointStatus.FAILED)
    body["FailureReason"] = why[:LONGEST_REASON]


def wish(body: dict[str, Any], wishes: list[Mapping[str, Any]]) -> None:
    """Write down weights and capacities that are wished for.

    Raises:
        errors.ValidationException: the endpoint or a variant cannot have them.

    """
    if body["EndpointStatus"] != EndpointStatus.IN_SERVICE:
        raise errors.ValidationException(
            f'Cannot update in-progress endpoint "{body["EndpointArn"]}" '
            f"(its status is {body['EndpointStatus']})."
        )
    plan = body["Fleet"]["Plans"][body["Fleet"]["Serving"]]
    fleet_plan.change(plan, wishes)
    body["ProductionVariants"] = fleet_plan.described(plan)
    body.pop("FailureReason", None)
    become(body, EndpointStatus.UPDATING)


def settle(body: dict[str, Any], failure: str) -> None:
    """End a change of weights and capacities, well or with the reason why it failed."""
    plan = body["Fleet"]["Plans"][body["Fleet"]["Serving"]]
    fleet_plan.settle(plan, keep=not failure)
    body["ProductionVariants"] = fleet_plan.described(plan)
    if failure:
        body["FailureReason"] = failure[:LONGEST_REASON]
    if body["EndpointStatus"] == EndpointStatus.UPDATING:
        become(body, EndpointStatus.IN_SERVICE)
