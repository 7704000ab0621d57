"""What the facts on the Models page mean: who is champion since when, what is of concern, what is served."""

from __future__ import annotations

import dataclasses
import itertools
from decimal import Decimal

import pytest
from tests.unit.ui import models_shown as shown

from sagewind import approvals, cost
from sagewind.registry import PREFIX
from sagewind.ui.models import concerns, values
from sagewind.ui.models.values import Unanswered

NOBODY = Unanswered(what="no answer", why="why")


def texts(summary: values.Summary) -> list[str]:
    return [each.text for each in concerns.of(summary)]


def test_the_champion_is_the_newest_approved_version_and_newer_ones_wait():
    found = values.standing(shown.versions())
    assert found.champion is not None
    assert (found.champion.number, found.champion.by) == (2, "ada")
    assert found.champion.since == shown.ago(days=16)
    assert found.champion.metrics == {"r2": 0.46, "rmse": 56.9}
    assert found.waiting == (3,)


def test_nothing_older_than_the_champion_is_asked_for():
    versions = iter(shown.versions())
    values.standing(versions)
    assert [each.number for each in versions] == [1]


def test_a_version_that_a_rollback_brought_back_reigns_since_the_rollback():
    back = shown.ago(days=1)
    first = shown.version(1)
    rejected = dataclasses.replace(
        shown.version(2, "Rejected"),
        properties={
            f"{PREFIX}approval:000": f"{shown.ago(days=9).isoformat()} Approved ada",
            f"{PREFIX}approval:001": f"{back.isoformat()} Rejected bob",
        },
    )
    found = values.standing((rejected, first)).champion
    assert found is not None
    assert (found.number, found.since, found.by) == (1, back, "ada")
    assert found.since == approvals.timeline((rejected, first))[-1].start


@pytest.mark.parametrize("versions", [(), (shown.version(1, "PendingManualApproval"),)])
def test_without_an_approved_version_there_is_no_champion(versions):
    found = values.standing(versions)
    assert found.champion is None
    assert found.waiting == tuple(each.number for each in versions)


def test_what_is_no_number_is_no_metric():
    odd = dataclasses.replace(shown.version(1), properties={f"{PREFIX}metric:r2": "much"})
    assert values.metrics(odd) == {}


def test_of_a_model_in_order_nothing_is_of_concern():
    summary = shown.summary()
    assert texts(summary) == []
    assert summary.serves == "champion"
    assert all(check.passed for check in summary.checks)
    assert not summary.unanswered
    assert summary.last_drift is not None
    assert summary.last_drift.drifted == ("bmi",)


def endpoint(**changed):
    found = shown.summary().endpoint
    assert isinstance(found, values.Endpoint)
    return dataclasses.replace(found, **changed)


def failed(of: str) -> values.Airflow:
    ran = shown.airflow()
    dag = getattr(ran, of)
    runs = (shown.run(dag.dag_id, "failed"), *dag.runs)
    return dataclasses.replace(ran, **{of: dataclasses.replace(dag, runs=runs)})


@pytest.mark.parametrize(
    ("changed", "said", "grave"),
    [
        ({"asks": True}, "waits for approval", False),
        ({"endpoint": endpoint(status="Failed")}, "endpoint Failed", True),
        ({"endpoint": endpoint(artifact=shown.artifact(1))}, "endpoint serves another", False),
        ({"standing": values.standing((shown.version(2, r2=0.1, rmse=50.0),))}, "below the gate", True),
        ({"standing": values.standing((shown.version(2, r2=0.9),))}, "below the gate", True),  # no rmse
        (
            {"watched": dataclasses.replace(shown.chronicle(), days=shown.chronicle().days[:10])},
            "drift",
            False,
        ),
        ({"airflow": failed("training")}, "last training failed", True),
        ({"airflow": failed("scoring")}, "last scoring failed", True),
        ({"cost": cost.Bill(total=Decimal("20.01"), currency="USD")}, "over budget", True),
    ],
)
def test_each_concern_is_said_alone(changed, said, grave):
    found = concerns.of(shown.summary(**changed))
    assert [(each.text, each.grave) for each in found] == [(said, grave)]


def test_of_what_nobody_answered_nothing_is_said():
    parts = ("standing", "endpoint", "scored", "watched", "cost", "airflow")
    summary = shown.summary(**dict(zip(parts, itertools.repeat(NOBODY), strict=False)))
    assert texts(summary) == []
    assert summary.unanswered
    assert (summary.champion, summary.checks, summary.last_day, summary.serves) == (None, (), None, "")


def test_a_partition_says_which_version_scored_it_or_which_model():
    [first, *_] = shown.scored()
    assert first.version == "2"
    assert dataclasses.replace(first, model="iris-model-1").version == "iris-model-1"


def test_only_the_newest_approved_version_is_shown_as_the_champion():
    assert [each.champion for each in values.show(shown.versions())] == [False, True, False]
