"""A spec's budget against what its jobs have cost this month, and the most that a run can cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sagewind import cost

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from sagewind import aws, spec

_JOBS = (
    ("training_jobs", "TrainingJobSummaries", "TrainingJobName", "describe_training_job"),
    ("processing_jobs", "ProcessingJobSummaries", "ProcessingJobName", "describe_processing_job"),
    ("transform_jobs", "TransformJobSummaries", "TransformJobName", "describe_transform_job"),
)


def planned(model: spec.Model, prices: cost.Prices) -> Decimal:
    """Return the most that one run can cost: each job for the whole of its time limit.

    Raises:
        CostError: an instance type has no known price.

    """
    train, tuning = model.training, model.tuning
    jobs = tuning.max_jobs if tuning else 1
    machines = (
        (train.instance_type, train.instance_count * jobs, train.max_runtime_seconds),
        (model.evaluation.instance_type, 2, model.evaluation.max_runtime_seconds),
    )
    return sum((cost.most(*each, prices) for each in machines), Decimal(0))


def check(model: spec.Model, clients: aws.Clients, *, now: dt.datetime) -> dict[str, str]:
    """Return what is spent and planned; nothing is asked of AWS when the spec has no budget.

    Raises:
        BudgetExceededError: the run could cost more than the budget has left.
        CostError: an instance type has no known price.

    """
    budget = model.budget
    if budget.month is None and budget.run is None:
        return {}
    prices = cost.load_prices()
    most = planned(model, prices)
    nothing = cost.bill((), prices)
    if budget.run is not None:
        limit = Decimal(str(budget.run))
        cost.check_budget(spent=nothing, planned=most, limit=limit, what=f"one run of {model.name}")
    spent = nothing
    if budget.month is not None:
        start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        spent = cost.bill(_usages(clients("sagemaker"), model.name, start, now), prices)
        limit = Decimal(str(budget.month))
        cost.check_budget(spent=spent, planned=most, limit=limit, what=f"{model.name} in {start:%Y-%m}")
    return {"spent": str(spent.total), "planned": str(most), "currency": prices.currency}


def _usages(sagemaker: Any, name: str, start: dt.datetime, now: dt.datetime) -> Iterator[cost.Usage]:
    """Yield what the model's jobs have used since `start`; their names begin with the model's."""
    for plural, listed, key, describe in _JOBS:
        pages = sagemaker.get_paginator(f"list_{plural}").paginate(
            NameContains=f"{name}-", CreationTimeAfter=start
        )
        for page in pages:
            for each in page[listed]:
                if each[key].startswith(f"{name}-"):
                    yield from cost.usage(getattr(sagemaker, describe)(**{key: each[key]}), now=now)
