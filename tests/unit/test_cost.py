"""Costs come from AWS's own numbers and a dated table; an unknown price is never zero."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sagewind import cost
from sagewind.cost import BudgetExceededError, CostError, Usage

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = NOW - timedelta(hours=1)
PRICES = cost.load_prices()
LARGE = {"InstanceType": "ml.m5.large", "InstanceCount": 2}


def used(instance_type="ml.m5.large", seconds=3600.0, instances=1):
    return Usage(name="j", kind="training", instance_type=instance_type, instances=instances, seconds=seconds)


@pytest.mark.parametrize(
    ("described", "seconds", "instances"),
    [
        # billable time is for one instance: spot savings are in it already
        ({"TrainingJobName": "j", "BillableTimeInSeconds": 90, "ResourceConfig": LARGE}, 90, 2),
        # a job that runs still costs until now; one that has not started nothing
        ({"TrainingJobName": "j", "TrainingStartTime": START, "ResourceConfig": LARGE}, 3600, 2),
        ({"TrainingJobName": "j", "ResourceConfig": LARGE}, 0, 2),
        (
            {
                "ProcessingJobName": "j",
                "ProcessingStartTime": START,
                "ProcessingEndTime": START + timedelta(seconds=30),
                "ProcessingResources": {"ClusterConfig": LARGE},
            },
            30,
            2,
        ),
        (
            {
                "TransformJobName": "j",
                "TransformStartTime": START,
                "TransformEndTime": START + timedelta(seconds=7.5),
                "TransformResources": LARGE,
            },
            7.5,
            2,
        ),
        (
            {
                "EndpointName": "e",
                "CreationTime": START,
                "ProductionVariants": [
                    {"VariantName": "v", "InstanceType": "ml.m5.large", "CurrentInstanceCount": 3},
                    {"VariantName": "serverless"},
                ],
            },
            3600,
            3,
        ),
    ],
)
def test_usage_is_read_from_descriptions(described, seconds, instances):
    [got] = cost.usage(described, now=NOW)
    assert (got.seconds, got.instances, got.instance_type) == (seconds, instances, "ml.m5.large")


def test_each_instance_group_is_billed():
    groups = [LARGE, {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1}]
    job = {
        "TrainingJobName": "j",
        "BillableTimeInSeconds": 10,
        "ResourceConfig": {"InstanceGroups": groups},
    }
    assert [each.instance_type for each in cost.usage(job, now=NOW)] == ["ml.m5.large", "ml.c5.xlarge"]


def test_what_is_no_description_is_refused():
    with pytest.raises(CostError, match=r"got \['ModelName'\]"):
        cost.usage({"ModelName": "m"}, now=NOW)


def test_amounts_are_exact():
    assert used().cost(PRICES) == Decimal("0.1150")
    assert used(seconds=90, instances=2).cost(PRICES) == Decimal("0.0058")
    total = cost.bill([used(), used("ml.c5.xlarge")], PRICES)
    assert (total.total, total.unpriced) == (Decimal("0.3190"), ())
    assert json.loads(json.dumps(total.to_json()))["lines"][1]["cost"] == "0.2040"


def test_an_unknown_instance_type_is_shown_as_unpriced():
    total = cost.bill([used(), used("ml.x9.huge")], PRICES)
    assert total.unpriced == ("ml.x9.huge",)
    assert total.to_json()["lines"][1]["cost"] is None
    with pytest.raises(CostError, match=r"no price for 'ml.x9.huge' in the table of 20.* from http"):
        cost.most("ml.x9.huge", 1, 60, PRICES)


def test_a_budget_refuses_before_it_is_exceeded():
    spent = cost.bill([used()], PRICES)
    planned = cost.most("ml.m5.large", 2, 7200, PRICES)
    assert planned == Decimal("0.4600")
    assert cost.check_budget(spent=spent, planned=planned, limit=Decimal("0.575"), what="iris") == 0
    with pytest.raises(
        BudgetExceededError, match=r"iris: 0.1150 USD spent and up to 0.4600 planned; .* 0.57"
    ):
        cost.check_budget(spent=spent, planned=planned, limit=Decimal("0.57"), what="iris")


def test_a_budget_fails_closed_when_what_was_spent_is_not_known():
    spent = cost.bill([used("ml.x9.huge")], PRICES)
    with pytest.raises(CostError, match=r"no price for ml.x9.huge, so what was spent is unknown"):
        cost.check_budget(spent=spent, planned=Decimal(0), limit=Decimal(1000), what="iris")


@pytest.mark.parametrize(
    "text", ["", "{}", '{"hourly": {"a": "x"}}', '{"hourly": {"a": 0}, "currency": "USD"}', "[]"]
)
def test_a_wrong_price_table_names_its_file(tmp_path, text):
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(CostError, match=r"prices.json"):
        cost.load_prices(path)


def test_a_price_must_be_more_than_nothing(tmp_path):
    table = json.loads(cost._TABLE.read_text()) | {"hourly": {"ml.m5.large": "0"}}
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(table))
    with pytest.raises(CostError, match=r"ml.m5.large costs 0; expected more than 0"):
        cost.load_prices(path)


def test_a_project_s_own_prices_go_before_those_that_are_shipped(tmp_path):
    assert cost.prices_in(None) == cost.prices_in(tmp_path) == PRICES
    own = json.loads(cost._TABLE.read_text()) | {"currency": "EUR", "hourly": {"ml.m5.large": "0.2"}}
    (tmp_path / "prices.json").write_text(json.dumps(own))
    found = cost.prices_in(tmp_path)
    assert (found.currency, found.hourly) == ("EUR", {"ml.m5.large": Decimal("0.2")})
