"""The janitor finds what is ours and unneeded, touches nothing else, and deletes only when told."""

from datetime import timedelta

import pytest

from sagewind.janitor import Janitor, JanitorError
from sagewind.testing.hosting import HostingTwin

OURS = {"sagewind:model": "iris"}
PAST = {"sagewind:expires": "2025-12-31T00:00:00+00:00"}
VERIFIED = {"sagewind:verified": "yes"}


def config(model):
    return {"ProductionVariants": [{"ModelName": model, "VariantName": "AllTraffic"}]}


@pytest.fixture
def twin():
    """Two days old: what is needed, what is not, and what is not ours; and something fresh."""
    twin = HostingTwin()
    twin.add("Endpoint", "live", OURS, EndpointConfigName="live-config")
    twin.add("Endpoint", "expired", OURS | PAST, EndpointConfigName="expired-config")
    twin.add("Endpoint", "later", OURS | {"sagewind:expires": "2026-02-01T00:00:00Z"}, EndpointConfigName="x")
    twin.add("Endpoint", "foreign", PAST, EndpointConfigName="foreign-config")
    twin.add("EndpointConfig", "live-config", OURS, **config("live-model"))
    twin.add("EndpointConfig", "expired-config", OURS, **config("expired-model"))
    twin.add("EndpointConfig", "old-config", OURS, **config("old-model"))
    twin.add("EndpointConfig", "foreign-old-config", {}, **config("lent-model"))
    for name in ("live", "expired", "old", "lent", "batch", "unused"):
        twin.add("Model", f"{name}-model", OURS)
    twin.add("Model", "verified-before", OURS | VERIFIED)
    twin.account.tick(minutes=1)
    twin.add("Model", "verified-newest", OURS | VERIFIED)
    twin.add("Model", "foreign-model", {})
    for run in ("over", "alive"):
        twin.add("TrainingJob", f"train-{run}", of_run(run))
        twin.add("TransformJob", f"batch-{run}", of_run(run), ModelName="batch-model")
    twin.add("TrainingJob", "foreign-job", {"sagewind:run": "iris/over"})
    twin.account.tick(days=2)
    twin.add("EndpointConfig", "fresh-config", OURS, **config("fresh-model"))
    twin.add("Model", "fresh-model", OURS)
    return twin


RUNS = {"iris/over": True, "iris/alive": False}
"""Whether a run is over; of another nothing is known."""


def janitor(twin, **options):
    return Janitor(twin.client(), now=twin.account.now, run_is_over=RUNS.get, **options)


def of_run(run):
    return OURS | {"sagewind:dag": "iris", "sagewind:run": run}


def test_orphans_are_listed_and_nothing_is_deleted(twin):
    before = dict(twin.resources)
    swept = janitor(twin).sweep()
    assert [(each.kind, each.name) for each in swept.found] == [
        ("training-job", "train-over"),
        ("transform-job", "batch-over"),
        ("endpoint", "expired"),
        ("endpoint-config", "old-config"),
        ("model", "unused-model"),
        ("model", "verified-before"),
    ]
    assert swept.found[0].reason == "its run iris/over is over"
    assert swept.found[2].reason == "expired at 2025-12-31T00:00:00+00:00"
    assert swept.deleted == ()
    assert twin.resources == before


def test_deleting_again_and_again_ends_with_what_is_needed(twin):
    first = janitor(twin).sweep(delete=True)
    assert len(first.deleted) == 6
    second = janitor(twin).sweep(delete=True)
    assert [each.name for each in second.deleted] == ["expired-config", "old-model"]
    assert [each.name for each in janitor(twin).sweep(delete=True).deleted] == ["expired-model"]
    assert janitor(twin).sweep().found == ()
    assert twin.names("Endpoint") == ["foreign", "later", "live"]
    assert "fresh-model" in twin.names("Model")
    assert "foreign-old-config" in twin.names("EndpointConfig")


@pytest.mark.parametrize(
    ("later", "left"), [({"hours": 23}, ["first"]), ({"hours": 25}, ["first", "second"])]
)
def test_a_verified_model_is_kept_for_a_day_after_its_successor_was_made(later, left):
    twin = HostingTwin()
    for name in ("first", "second", "third"):
        twin.add("Model", name, OURS | VERIFIED)
        twin.account.tick(days=2)
    twin.account.tick(days=-2, **later)
    assert [each.name for each in janitor(twin).sweep().found] == left[::-1]


def test_an_endpoint_whose_life_was_prolonged_meanwhile_is_spared(twin):
    class Prolonging(Janitor):
        def find(self):
            found = list(super().find())
            arn = twin.account.arn("endpoint", "expired")
            twin.tags[arn]["sagewind:expires"] = "2027-01-01T00:00:00Z"
            yield from found

    sweep = Prolonging(twin.client(), now=twin.account.now, run_is_over=lambda _: False).sweep(delete=True)
    assert "expired" in [each.name for each in sweep.found]
    assert "expired" in twin.names("Endpoint")


def test_a_refused_deletion_is_reported_and_the_rest_goes_on(twin):
    twin.refuses.add("expired")
    swept = janitor(twin).sweep(delete=True)
    assert [(each.name, why) for each, why in swept.failed] == [("expired", "Cannot delete expired")]
    assert len(swept.deleted) == 5


def test_a_config_of_an_update_under_way_is_in_use(twin):
    twin.resources["Endpoint", "live"]["PendingDeploymentSummary"] = {"EndpointConfigName": "old-config"}
    assert "old-config" not in [each.name for each in janitor(twin).sweep().found]


def test_the_grace_period_can_be_longer(twin):
    names = [each.name for each in janitor(twin, grace=timedelta(days=3)).sweep().found]
    assert names == ["train-over", "batch-over", "expired"]


@pytest.mark.parametrize(
    ("run", "found"),
    [
        # A model is made long before a person has approved it, and a config uses it.
        ("alive", set()),
        ("over", {"endpoint", "endpoint-config", "model"}),
        # Of another Airflow, or forgotten: what costs nothing stays, and a time that was set is kept.
        ("unknown", {"endpoint"}),
    ],
)
def test_what_a_run_made_stays_until_the_run_is_over(run, found):
    twin = HostingTwin()
    twin.add("Endpoint", "rented", of_run(run) | PAST, EndpointConfigName="rented-config")
    twin.add("EndpointConfig", "unused-config", of_run(run), **config("other-model"))
    twin.add("Model", "unused-model", of_run(run))
    twin.account.tick(days=3)
    swept = janitor(twin).sweep(delete=True)
    assert {each.kind for each in swept.found} == {each.kind for each in swept.deleted} == found


def test_airflow_is_asked_of_a_run_once():
    twin = HostingTwin()
    for number in range(3):
        twin.add("Model", f"model-{number}", of_run("alive"))
    twin.account.tick(hours=2)
    asked = []
    keeper = Janitor(twin.client(), now=twin.account.now, run_is_over=asked.append)
    assert keeper.sweep().found == ()
    assert asked == ["iris/alive"]


@pytest.mark.parametrize("value", ["tomorrow", "2026-01-01T00:00:00"])
def test_a_lifetime_that_is_no_time_is_an_error(twin, value):
    twin.add("Endpoint", "odd", OURS | {"sagewind:expires": value}, EndpointConfigName="x")
    with pytest.raises(JanitorError, match=f"endpoint odd: tag sagewind:expires is '{value}'"):
        janitor(twin).sweep()
