"""Where an endpoint's requests go: its fleet as the data plane sees it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.jobs import fleet_plan, modelserver
from sagelocal.serving import traffic as serving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.jobs.folder import JobFolder


def traffic(
    name: str, fleet: Mapping[str, Any], folder: Callable[[str, fleet_plan.Instance], JobFolder]
) -> serving.Traffic:
    """Return what the endpoint's requests go to now; `folder` tells where an instance lives."""
    variants = []
    for generation, variant, count, weight in fleet_plan.routed(fleet):
        containers = fleet_plan.containers(variant)
        roots = [folder(name, (generation, variant["name"], number)).root for number in range(count)]
        variants.append(
            serving.Variant(
                name=variant["name"],
                weight=weight,
                instances=tuple(
                    serving.Instance(
                        root=root,
                        sockets=tuple(
                            modelserver.socket_of(modelserver.place(root, place))
                            for place in range(len(containers))
                        ),
                    )
                    for root in roots
                ),
                containers=names(containers),
                mode=variant.get("mode", serving.SERIAL),
                max_concurrency=variant.get("serverless", {}).get("MaxConcurrency", 0),
            )
        )
    # While two fleets share the traffic, capture and queue are those of the one that serves.
    plan = fleet["Plans"][fleet.get("Serving") or fleet["Coming"]]
    capture = plan.get("capture", {})
    return serving.Traffic(
        variants=tuple(variants),
        capture=capture if capture.get("EnableCapture") else None,
        asynchronous=plan.get("async"),
    )


def names(containers: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the containers' names: one alone is `primary`, others are named or numbered."""
    if len(containers) == 1:
        return ("primary",)
    return tuple(
        each.get("ContainerHostname", f"container-{place}") for place, each in enumerate(containers, 1)
    )
