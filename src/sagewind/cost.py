"""What a run costs: instance seconds from AWS's descriptions, times a price table with source and date.

An estimate, not a bill: storage, transfer and discounts are not in it. An instance type that the table
does not know has no price, which a report shows as such and a budget refuses, since a guess would be
worse than neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_NAME = "prices.json"
_TABLE = Path(__file__).parent / _NAME
_HOUR = Decimal(3600)
_CENT = Decimal("0.0001")


class CostError(SagewindError):
    """A price is not known, or the price table cannot be used."""


class BudgetExceededError(CostError):
    """Starting this would spend more than the budget; nothing was started."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices of an instance hour, and where they come from."""

    currency: str
    region: str
    source: str
    as_of: str
    hourly: Mapping[str, Decimal]

    def per_hour(self, instance_type: str) -> Decimal:
        """Return an instance's price for an hour.

        Raises:
            CostError: the table does not know the instance type.

        """
        try:
            return self.hourly[instance_type]
        except KeyError:
            raise CostError(
                f"no price for {instance_type!r} in the table of {self.as_of} from {self.source}; "
                f"it has {', '.join(sorted(self.hourly))}"
            ) from None


def load_prices(path: Path = _TABLE) -> Prices:
    """Read a price table; the default is the one that is shipped.

    Raises:
        CostError: the file is missing something, or a price is no positive amount.

    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        hourly = {str(name): Decimal(str(price)) for name, price in document["hourly"].items()}
        facts = {name: str(document[name]) for name in ("currency", "region", "source", "as_of")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise CostError(f"price table {path}: {error!r}") from error
    wrong = [name for name, price in hourly.items() if not price.is_finite() or price <= 0]
    if wrong:
        raise CostError(f"price table {path}: {wrong[0]} costs {hourly[wrong[0]]}; expected more than 0")
    return Prices(hourly=hourly, **facts)


def prices_in(folder: Path | None) -> Prices:
    """Return the price table in a project's folder of DAGs, otherwise the one that is shipped.

    A project's own is of its region, with its discounts.

    Raises:
        CostError: the project's cannot be used.

    """
    own = folder / _NAME if folder else None
    return load_prices(own) if own and own.is_file() else load_prices()


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Instances that ran: `seconds` of one of them, billed for each."""

    name: str
    kind: str
    """training, processing, transform or endpoint."""
    instance_type: str
    instances: int
    seconds: float

    def cost(self, prices: Prices) -> Decimal | None:
        """Return the amount, to a hundredth of a cent; None when the instance type has no known price."""
        price = prices.hourly.get(self.instance_type)
        if price is None:
            return None
        return (price * self.instances * Decimal(str(self.seconds)) / _HOUR).quantize(_CENT, ROUND_HALF_UP)


def usage(described: Mapping[str, Any], *, now: datetime) -> tuple[Usage, ...]:
    """Return what a Describe response of a job or endpoint (with its config's variants) was billed so far.

    A job that has not started costs nothing; one that runs costs until `now`, an aware time. For an
    endpoint pass DescribeEndpoint's answer merged with the config's `ProductionVariants`.

    Raises:
        CostError: the answer is of no known kind.

    """
    for key, read in _KINDS.items():
        if key in described:
            return tuple(read(described, now))
    raise CostError(f"cost: expected the description of a job or an endpoint; got {sorted(described)[:6]}")


def _training(job: Mapping[str, Any], now: datetime) -> list[Usage]:
    seconds = job.get("BillableTimeInSeconds")
    if seconds is None:
        seconds = _elapsed(job.get("TrainingStartTime"), job.get("TrainingEndTime"), now)
    resources = job["ResourceConfig"]
    groups = resources.get("InstanceGroups") or [resources]
    return [_used(job["TrainingJobName"], "training", group, seconds) for group in groups]


def _processing(job: Mapping[str, Any], now: datetime) -> list[Usage]:
    seconds = _elapsed(job.get("ProcessingStartTime"), job.get("ProcessingEndTime"), now)
    cluster = job["ProcessingResources"]["ClusterConfig"]
    return [_used(job["ProcessingJobName"], "processing", cluster, seconds)]


def _transform(job: Mapping[str, Any], now: datetime) -> list[Usage]:
    seconds = _elapsed(job.get("TransformStartTime"), job.get("TransformEndTime"), now)
    return [_used(job["TransformJobName"], "transform", job["TransformResources"], seconds)]


def _endpoint(endpoint: Mapping[str, Any], now: datetime) -> list[Usage]:
    seconds = _elapsed(endpoint["CreationTime"], None, now)
    variants = endpoint["ProductionVariants"]
    return [
        Usage(
            name=f"{endpoint['EndpointName']}/{each['VariantName']}",
            kind="endpoint",
            instance_type=each["InstanceType"],
            instances=int(each.get("CurrentInstanceCount", each.get("InitialInstanceCount", 1))),
            seconds=seconds,
        )
        for each in variants
        if "InstanceType" in each
    ]


_KINDS = {
    "TrainingJobName": _training,
    "ProcessingJobName": _processing,
    "TransformJobName": _transform,
    "EndpointName": _endpoint,
}


def _used(name: str, kind: str, resources: Mapping[str, Any], seconds: float) -> Usage:
    return Usage(
        name=name,
        kind=kind,
        instance_type=resources["InstanceType"],
        instances=int(resources["InstanceCount"]),
        seconds=float(seconds),
    )


def _elapsed(start: datetime | None, end: datetime | None, now: datetime) -> float:
    """Return the seconds from start to end (or now), 0 when it has not started."""
    return max(0.0, ((end or now) - start).total_seconds()) if start else 0.0


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The sum over some usages: `unpriced` are the instance types whose price is not known."""

    total: Decimal
    currency: str
    lines: tuple[tuple[Usage, Decimal | None], ...] = field(default_factory=tuple)
    unpriced: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; amounts as text, so that no cent is lost."""
        lines = [
            {**vars(used), "cost": None if amount is None else str(amount)} for used, amount in self.lines
        ]
        return {
            "total": str(self.total),
            "currency": self.currency,
            "unpriced": list(self.unpriced),
            "lines": lines,
        }


def bill(usages: Iterable[Usage], prices: Prices) -> Bill:
    """Add up what was used."""
    lines = tuple((used, used.cost(prices)) for used in usages)
    unpriced = tuple(sorted({used.instance_type for used, amount in lines if amount is None}))
    total = sum((amount for _, amount in lines if amount is not None), Decimal(0))
    return Bill(total=total, currency=prices.currency, lines=lines, unpriced=unpriced)


def most(instance_type: str, instances: int, max_seconds: int, prices: Prices) -> Decimal:
    """Return the most that a job can cost: all its instances for the whole of its time limit.

    Raises:
        CostError: the instance type has no known price.

    """
    price = prices.per_hour(instance_type)
    return (price * instances * max_seconds / _HOUR).quantize(_CENT, ROUND_HALF_UP)


def check_budget(*, spent: Bill, planned: Decimal, limit: Decimal, what: str) -> Decimal:
    """Return what is left of `limit` after `planned` more is spent.

    Raises:
        BudgetExceededError: nothing may start: it would be more than the limit.
        CostError: something that was used has no known price, so what was spent is not known.

    """
    if spent.unpriced:
        raise CostError(
            f"budget for {what}: no price for {', '.join(spent.unpriced)}, so what was spent is unknown"
        )
    left = limit - spent.total - planned
    if left < 0:
        raise BudgetExceededError(
            f"budget for {what}: {spent.total} {spent.currency} spent and up to {planned} planned; "
            f"the limit is {limit}"
        )
    return left
