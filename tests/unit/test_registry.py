"""Versions carry what made them, are registered once, and the champion's history can be replayed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sagewind import approvals
from sagewind.approvals import Approvals
from sagewind.registry import Artifacts, Candidate, Lineage, Registry, RegistryError, Serving
from sagewind.testing.registry import RegistryTwin

DAY = datetime(2026, 3, 1, tzinfo=UTC)
CANDIDATE = Candidate(
    group="iris",
    description="Random forest on Iris",
    lineage=Lineage(
        job="iris-train-1",
        code_hash="c" * 64,
        data_hash="d" * 64,
        environment_hash="e" * 64,
        hyperparameters={"n-estimators": "100"},
        metrics={"accuracy": 0.97},
        commit="abc123",
    ),
    artifacts=Artifacts(
        model_data="s3://b/iris-train-1/output/model.tar.gz",
        evaluation="s3://b/eval/evaluation.json",
        statistics="s3://b/base/statistics.json",
        constraints="s3://b/base/constraints.json",
    ),
    serving=Serving(
        image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
    ),
    tags={"sagewind:model": "iris"},
)


def other(job):
    return replace(CANDIDATE, lineage=replace(CANDIDATE.lineage, job=job))


@pytest.fixture
def twin():
    return RegistryTwin()


@pytest.fixture
def registry(twin):
    return Registry(twin.client())


@pytest.fixture
def approved(registry, twin):
    """Versions 1 to 3, approved a day apart from `DAY`."""
    given = Approvals(registry)
    for number in (1, 2, 3):
        version = registry.register(other(f"job-{number}"))
        given.approve(version, at=DAY + timedelta(days=number - 1), by="ana")
    return given


def test_a_version_carries_what_made_it(registry, twin):
    version = registry.register(CANDIDATE)
    assert (version.number, version.status) == (1, "PendingManualApproval")
    assert version.properties == {
        "sagewind:content": CANDIDATE.content,
        "sagewind:job": "iris-train-1",
        "sagewind:code": "c" * 64,
        "sagewind:data": "d" * 64,
        "sagewind:environment": "e" * 64,
        "sagewind:hp:n-estimators": "100",
        "sagewind:metric:accuracy": "0.97",
    }
    assert version.model_data == CANDIDATE.artifacts.model_data
    assert version.evaluation == "s3://b/eval/evaluation.json"
    assert version.statistics == "s3://b/base/statistics.json"
    request = twin.account.called("CreateModelPackage")[0]
    assert "Tags" not in request
    assert request["MetadataProperties"] == {"CommitId": "abc123"}
    assert twin.groups["iris"]["Tags"] == [{"Key": "sagewind:model", "Value": "iris"}]


def test_a_description_of_several_lines_is_one_that_the_api_takes(registry, twin):
    registry.register(replace(CANDIDATE, description="First line.\nSecond\tone.\n"))
    told = twin.account.called("CreateModelPackage")[0]["ModelPackageDescription"]
    assert told == f"First line. Second one. [content {CANDIDATE.content}]"


def test_the_same_content_is_the_same_version(registry, twin):
    first = registry.register(CANDIDATE)
    registry.register(other("second"))
    registry.register(other("third"))
    assert registry.register(CANDIDATE) == first
    assert len(twin.packages) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"job": "x"},
        {"code_hash": "x"},
        {"data_hash": "x"},
        {"environment_hash": "x"},
        {"metrics": {"accuracy": 0.98}},
        {"hyperparameters": {}},
    ],
)
def test_any_other_fact_is_another_content(change):
    assert replace(CANDIDATE, lineage=replace(CANDIDATE.lineage, **change)).content != CANDIDATE.content


def test_values_that_the_registry_would_refuse_are_made_fit(registry):
    lineage = replace(CANDIDATE.lineage, hyperparameters={"sql": "a;b{c}", "long": "x" * 300, "empty": ""})
    properties = registry.register(replace(CANDIDATE, lineage=lineage)).properties
    assert properties["sagewind:hp:sql"] == "a_b_c_"
    assert len(properties["sagewind:hp:long"]) == 256
    assert "sagewind:hp:empty" not in properties


def test_more_facts_than_a_version_carries_is_an_error_before_any_call(registry, twin):
    lineage = replace(CANDIDATE.lineage, hyperparameters={f"p{i}": "1" for i in range(60)})
    with pytest.raises(RegistryError, match="66 hyperparameters, metrics and hashes; a version carries 40"):
        registry.register(replace(CANDIDATE, lineage=lineage))
    assert twin.account.calls == []


def test_an_unknown_version_names_those_there_are(registry):
    registry.register(CANDIDATE)
    with pytest.raises(RegistryError, match=r"no version 7; it has \[1\]"):
        registry.version("iris", 7)
    with pytest.raises(RegistryError, match="no version 1; it has none"):
        registry.version("wine", 1)


def test_the_champion_is_the_newest_approved(registry, approved):
    assert approved.champion("iris").number == 3
    registry.register(other("pending"))
    assert approved.champion("iris").number == 3
    assert approved.champion("wine") is None


def test_the_champion_of_a_day_is_the_one_of_that_day(approved):
    def champion(moment):
        found = approved.champion_as_of("iris", moment)
        return found and found.number

    assert champion(DAY) is None  # the first is made of the data up to then
    assert champion(DAY + timedelta(seconds=1)) == 1
    assert champion(DAY + timedelta(days=1, hours=3)) == 2
    assert champion(DAY + timedelta(days=30)) == 3


def test_approving_twice_changes_nothing(registry, approved, twin):
    before = len(twin.account.called("UpdateModelPackage"))
    version = registry.version("iris", 3)
    assert approved.approve(version, at=DAY + timedelta(days=9), by="eve") == version
    assert len(twin.account.called("UpdateModelPackage")) == before


def test_rollback_returns_to_an_earlier_version_and_the_timeline_shows_it(approved, twin):
    done = approved.rollback("iris", 1, at=DAY + timedelta(days=10), by="ana")
    assert (done.champion.number, done.rejected) == (1, (2, 3))
    assert approved.champion("iris").number == 1
    assert [(reign.start - DAY, reign.champion) for reign in approved.timeline("iris")] == [
        (timedelta(days=0), 1),
        (timedelta(days=1), 2),
        (timedelta(days=2), 3),
        (timedelta(days=10), 1),
    ]
    assert approved.rollback("iris", 1, at=DAY + timedelta(days=11), by="ana").rejected == ()
    first_change = twin.account.called("UpdateModelPackage")[3]
    assert first_change["ApprovalDescription"] == "rollback to version 1"


def test_rollback_approves_before_it_rejects(approved, registry, twin):
    approved.reject(registry.version("iris", 1), at=DAY + timedelta(days=5), by="ana")
    twin.account.calls.clear()
    approved.rollback("iris", 1, at=DAY + timedelta(days=10), by="ana")
    order = [call["ModelApprovalStatus"] for call in twin.account.called("UpdateModelPackage")]
    assert order == ["Approved", "Rejected", "Rejected"]


def test_rollback_to_what_was_never_approved_is_refused(approved, registry):
    registry.register(other("pending"))
    with pytest.raises(RegistryError, match="version 4 was never approved"):
        approved.rollback("iris", 4, at=DAY, by="ana")


@pytest.fixture
def backfilled(registry, twin):
    """Versions 1 and 2, made and approved on two days; then 3 and 4, made later, which count from before."""
    given = Approvals(registry)
    for day in (0, 7):
        twin.account.now = DAY + timedelta(days=day)
        given.approve(registry.register(other(f"live-{day}")), at=twin.account.now, by="gate")
    twin.account.now = DAY + timedelta(days=20)
    for day in (-40, -30):
        given.approve(registry.register(other(f"past-{day}")), at=DAY + timedelta(days=day), by="gate")
    return given


def test_a_backfill_of_training_makes_the_champions_of_its_time_and_none_of_today(backfilled):
    assert backfilled.champion("iris").number == 2
    assert backfilled.champion_as_of("iris", DAY + timedelta(days=5)).number == 1
    assert [(reign.start - DAY, reign.champion) for reign in backfilled.timeline("iris")] == [
        (timedelta(days=-40), 3),
        (timedelta(days=-30), 4),
        (timedelta(days=0), 1),
        (timedelta(days=7), 2),
    ]


def test_what_a_backfill_made_is_the_champion_where_nothing_newer_is_approved(backfilled, registry):
    for number in (1, 2):
        backfilled.reject(registry.version("iris", number), at=DAY + timedelta(days=21), by="ana")
    assert backfilled.champion("iris").number == 4


def test_a_rollback_to_what_a_backfill_made_rejects_what_is_newer_by_time(backfilled):
    done = backfilled.rollback("iris", 3, at=DAY + timedelta(days=21), by="ana")
    assert (done.champion.number, done.rejected) == (3, (1, 2, 4))
    assert backfilled.champion("iris").number == 3


def test_a_version_that_waited_long_for_its_approval_is_as_old_as_it_is(registry, approved):
    waiting, last = registry.register(other("waiting")), registry.register(other("last"))
    approved.approve(last, at=DAY + timedelta(days=5), by="ana")
    approved.approve(waiting, at=DAY + timedelta(days=6), by="ana")
    assert approved.champion("iris").number == last.number


def test_an_approval_given_elsewhere_counts_from_the_last_modification(registry, approved, twin):
    version = registry.register(other("job-4"))
    twin.account.now = DAY + timedelta(days=20)
    registry.client.update_model_package(ModelPackageArn=version.arn, ModelApprovalStatus="Approved")
    last = approved.timeline("iris")[-1]
    assert (last.start, last.champion) == (DAY + timedelta(days=20), 4)
    assert approvals.history(registry.version("iris", 4))[0].by == ""


def test_without_any_approved_version_there_is_no_champion(registry, approved):
    for number in (1, 2, 3):
        approved.reject(registry.version("iris", number), at=DAY + timedelta(days=4), by="ana")
    assert approved.champion("iris") is None
    assert approved.timeline("iris")[-1].champion is None


def test_a_time_without_a_zone_is_refused(registry, approved):
    with pytest.raises(RegistryError, match="expected one with a time zone"):
        approved.approve(registry.register(CANDIDATE), at=datetime(2026, 1, 1), by="ana")  # noqa: DTZ001
