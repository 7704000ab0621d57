"""Back to an earlier version of a model: in the registry, and what its endpoint shall serve."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sagewind import aws, load, naming, requests
from sagewind.approvals import APPROVED, Approvals, age, facts
from sagewind.objects import Address
from sagewind.registry import Registry, RegistryError
from sagewind.steps import champions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sagewind.registry import Version


def rollback(
    spec_file: Path | str, *, version: int, by: str, name: str, clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Make an earlier version the champion; return it and the endpoint operator's request for it.

    `version` 0 is the one before the champion; `name` is what the endpoint config is called.

    Raises:
        RegistryError: there is no such version, or it was never approved.

    """
    model = load.load(spec_file)
    place = aws.account(model.account, clients)
    sagemaker = clients("sagemaker")
    registry = Registry(sagemaker)
    number = version or before(model.name, registry.versions(model.name))
    now = dt.datetime.now(dt.UTC)
    done = Approvals(registry).rollback(model.name, number, at=now, by=by)
    serving = champions.sagemaker_model(sagemaker, model, done.champion, role=place.role)
    ttl = dt.timedelta(hours=model.endpoint.ttl_hours)
    return {
        "version": done.champion.number,
        "rejected": list(done.rejected),
        "model_name": serving,
        "endpoint": requests.endpoint(
            model,
            name=name,
            model_name=serving,
            capture=str(Address(place.bucket, model.name) / "capture"),
            expires=(now + ttl).isoformat() if ttl else "",
        ),
    }


def before(model: str, versions: Iterable[Version]) -> int:
    """Return the number of the version before the champion: the newest older one that was ever approved.

    Raises:
        RegistryError: there is no champion, or none before it.

    """
    known = sorted(versions, key=age, reverse=True)
    approved = [each.status == APPROVED for each in known]
    older = known[approved.index(True) + 1 :] if any(approved) else []
    earlier = [each.number for each in older if each.status == APPROVED or facts(each)]
    if not earlier:
        listed = ", ".join(f"{each.number} ({each.status})" for each in known) or "none"
        raise RegistryError(f"model {model}: no approved version before the champion; it has {listed}")
    return earlier[0]


def config_name(model: str, version: int) -> str:
    """Return a name for an endpoint config made by hand."""
    return naming.name(f"{model}-rollback-v{version}", dt.datetime.now(dt.UTC).isoformat())
