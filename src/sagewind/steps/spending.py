"""A spec's budget against what its jobs and endpoint have cost this month, and the most that a run can cost.

An endpoint costs as long as it is there. SageMaker tells since when, and which machines it has now; of an
endpoint that was deleted, and of machines that it had before, it keeps nothing, so those are in no sum.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sagewind import aws, cost, load, naming
from sagewind.jobs import identity
from sagewind.objects import Address, Objects
from sagewind.requests import MODEL_TAG
from sagewind.steps import made

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sagewind import spec

_UNBILLED = {"Creating", "Deleting", "Failed"}
_RUN = (identity.DAG_TAG, identity.RUN_TAG)
_MEASURED = 2
"""The new model and the champion, each by a job."""


def planned(model: spec.Model, prices: cost.Prices, *, instance_type: str = "") -> Decimal:
    """Return the most that one run can cost: each job for the whole of its time limit.

    `instance_type` is what trains; empty: the spec's.

    Raises:
        CostError: an instance type has no known price.

    """
    train, tuning, batch = model.training, model.tuning, model.transform
    jobs = tuning.max_jobs if tuning else 1
    measured = (
        (model.evaluation.instance_type, _MEASURED, model.evaluation.max_runtime_seconds)
        if model.evaluates_by_script
        else (batch.instance_type, _MEASURED * batch.instance_count, batch.max_runtime_seconds)
    )
    machines = (
        (instance_type or train.instance_type, train.instance_count * jobs, train.max_runtime_seconds),
        measured,
    )
    return sum((cost.most(*each, prices) for each in machines), Decimal(0))


def check(
    model: spec.Model, clients: aws.Clients, *, now: dt.datetime, instance_type: str = ""
) -> dict[str, str]:
    """Return what is spent and planned; nothing is asked of AWS when the spec has no budget.

    `instance_type` is the machine that was chosen to train on; empty: the spec's.

    Raises:
        BudgetExceededError: the run could cost more than the budget has left.
        CostError: an instance type has no known price.

    """
    budget = model.budget
    if budget.month is None and budget.run is None:
        return {}
    prices = prices_of(model)
    most = planned(model, prices, instance_type=instance_type)
    nothing = cost.bill((), prices)
    if budget.run is not None:
        limit = Decimal(str(budget.run))
        cost.check_budget(spent=nothing, planned=most, limit=limit, what=f"one run of {model.name}")
    spent = nothing
    if budget.month is not None:
        spent = month(model, clients, now=now)
        limit = Decimal(str(budget.month))
        cost.check_budget(spent=spent, planned=most, limit=limit, what=f"{model.name} in {now:%Y-%m}")
    return {"spent": str(spent.total), "planned": str(most), "currency": prices.currency}


def bill(
    spec_file: Path | str,
    *,
    run_name: str,
    dag_id: str,
    run_id: str,
    since: str,
    clients: aws.Clients = aws.client,
    now: dt.datetime | None = None,
) -> dict[str, Any]:
    """Return what a run's jobs have cost, by task, and write it to the run's `cost.json`.

    A job is the run's by its tags. `since` (ISO 8601) is when the run began, before any clear of it
    (`naming.began`). An instance type without a price is listed as `unpriced`.
    """
    model = load.load(spec_file)
    found = made.Jobs(clients("sagemaker"))
    owner = identity.Identity(dag_id=dag_id, run_id=run_id, task_id="", map_index=-1, generation=0)
    wanted = {tag["Key"]: tag["Value"] for tag in owner.tags("") if tag["Key"] in _RUN}
    began, moment = dt.datetime.fromisoformat(since), now or dt.datetime.now(dt.UTC)
    tasks: dict[str, str] = {}
    usages: list[cost.Usage] = []
    for job in found.since(began, model.name, dag_id):
        tags = found.tags(job)
        if wanted.items() <= tags.items():
            tasks[job.name] = tags.get(identity.TASK_TAG, "")
            usages += cost.usage(found.describe(job), now=moment)
    total = cost.bill(usages, prices_of(model))
    document = total.to_json()
    document["lines"] = [{**line, "task": tasks[line["name"]]} for line in document["lines"]]
    place = aws.account(model.account, clients)
    home = Address(place.bucket, model.name) / "runs" / run_name
    Objects(clients("s3"), kms_key=model.account.kms_key).write_json(home / "cost.json", document)
    return {**document, "report": str(home / "cost.json")}


def prices_of(model: spec.Model) -> cost.Prices:
    """Return the project's own price table where there is one, otherwise the one that is shipped.

    Raises:
        CostError: the project's cannot be used.

    """
    return cost.prices_in(model.path.parent.parent if model.path else None)


def month(model: spec.Model, clients: aws.Clients, *, now: dt.datetime) -> cost.Bill:
    """Return what the jobs, and the endpoint while it is there, have cost since the month's first (UTC)."""
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    sagemaker = clients("sagemaker")
    used = (*_usages(sagemaker, model, start, now), *_served(sagemaker, model, start, now))
    return cost.bill(used, prices_of(model))


def _served(
    sagemaker: Any, model: spec.Model, start: dt.datetime, now: dt.datetime
) -> tuple[cost.Usage, ...]:
    """Return what the endpoint has used since `start`, as if it had always had its machines of now."""
    try:
        found = sagemaker.describe_endpoint(EndpointName=model.endpoint_name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return ()
    if found["EndpointStatus"] in _UNBILLED:
        return ()
    config = sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
    running = {each["VariantName"]: each for each in found.get("ProductionVariants", ())}
    variants = [{**each, **running.get(each["VariantName"], {})} for each in config["ProductionVariants"]]
    since = max(start, found["CreationTime"])
    described = {**found, "CreationTime": since, "ProductionVariants": variants}
    return cost.usage(described, now=now)


def _usages(sagemaker: Any, model: spec.Model, start: dt.datetime, now: dt.datetime) -> Iterator[cost.Usage]:
    """Yield what the model's jobs have used since `start`."""
    beside = model.path.parent.glob(f"{model.name}-*.yaml") if model.path else ()
    others = [naming.beginning(file.stem) for file in beside]
    found = made.Jobs(sagemaker)
    for job in found.since(start, model.name):
        told = found.tags(job).get(MODEL_TAG) if job.tuning else None
        if told == model.name if told else _is_named(job.name, model, others):
            yield from cost.usage(found.describe(job), now=now)


def _is_named(job: str, model: spec.Model, others: list[str]) -> bool:
    """Whether a job is the model's by its name.

    What begins with the longer name of another model beside it, as `wine-red` beside `wine`, is that one's.
    """
    return job.startswith(naming.beginning(model.name)) and not job.startswith(tuple(others))
