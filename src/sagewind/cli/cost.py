"""`sagewind cost <model>`: what a model's jobs and endpoint have cost this month, beside its budget."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sagewind.cli import models

if TYPE_CHECKING:
    from sagewind.cli.call import Call


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("cost", help="what a model's jobs and endpoint have cost this month")
    models.argument(parser)
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Print a line for each job and machine, and the sum; 1 when it is over the month's budget."""
    from sagewind.steps import spending  # noqa: PLC0415 - boto3 only where AWS is asked

    model = models.model(call)
    bill = spending.month(model, models.clients(call), now=dt.datetime.now(dt.UTC))
    for used, amount in bill.lines:
        price = "no price" if amount is None else f"{amount:.4f}"
        what = f"{used.kind:<11} {used.instance_type:<14} x{used.instances}"
        sys.stdout.write(f"{price:>10}  {what} {used.seconds:8.0f} s  {used.name}\n")
    limit = model.budget.month
    budget = "" if limit is None else f" of {Decimal(str(limit)):.2f}"
    sys.stdout.write(f"{bill.total:>10.4f}{budget} {bill.currency}\n\n")
    prices = spending.prices_of(model)
    sys.stdout.write(
        f"Prices of {prices.region} as of {prices.as_of}, {prices.source}. Not counted: storage, transfer,\n"
        "endpoints that were deleted, machines that an endpoint had before those of now, serverless ones.\n"
    )
    if bill.unpriced:
        sys.stdout.write(f"No price is known of {', '.join(bill.unpriced)}: the sum is too small.\n")
    return int(limit is not None and bill.total > Decimal(str(limit)))
