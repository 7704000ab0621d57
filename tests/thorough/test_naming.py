"""Names are valid for SageMaker, the same for the same thing, and different for different things."""

import datetime as dt
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewind import naming

PATTERN = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
identity = st.lists(st.text(max_size=40), min_size=1, max_size=6)


@given(st.text(max_size=200), identity)
def test_any_name_is_one_that_sagemaker_takes(readable, parts):
    made = naming.name(readable, *parts)
    assert len(made) <= 63
    assert PATTERN.fullmatch(made)
    assert made == naming.name(readable, *parts)


@given(identity, identity)
def test_different_identities_have_different_names(one, other):
    assert (naming.name("x", *one) == naming.name("x", *other)) == (one == other)


def task(**changed):
    same = {"dag_id": "iris", "run_id": "manual__1", "task_id": "train", "map_index": -1, "try_number": 1}
    return SimpleNamespace(**(same | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"dag_id": "other"},
        {"run_id": "manual__2"},
        {"task_id": "train2"},
        {"map_index": 0},
        {"try_number": 2},  # what a failed attempt made may still be there
    ],
)
def test_each_part_of_a_tasks_identity_changes_its_name(changed):
    assert naming.for_task(task(**changed)) != naming.for_task(task())


def test_a_tasks_name_can_be_read():
    assert re.fullmatch(r"iris-train-[0-9a-f]{12}", naming.for_task(task()))


def test_no_map_index_is_the_index_of_an_unmapped_task():
    assert naming.for_task(task(map_index=None)) == naming.for_task(task(map_index=-1))


@pytest.mark.parametrize(
    ("day", "partition"),
    [
        ("2026-01-05", "ds=2026-01-05"),
        (dt.date(2026, 1, 5), "ds=2026-01-05"),
        # late in the evening in New York is the next day in UTC
        (dt.datetime(2026, 1, 5, 23, tzinfo=dt.timezone(dt.timedelta(hours=-5))), "ds=2026-01-06"),
    ],
)
def test_a_partition_is_a_day_in_utc(day, partition):
    assert naming.partition(day) == partition


def test_a_partition_of_no_day_is_an_error():
    with pytest.raises(ValueError, match="tomorrow"):
        naming.partition("tomorrow")


def run(**given):
    blank = {
        "data_interval_start": None,
        "logical_date": None,
        "run_after": dt.datetime(2026, 3, 3, tzinfo=dt.UTC),
        "run_type": "manual",
    }
    return SimpleNamespace(**(blank | given))


@pytest.mark.parametrize(
    ("given_run", "day"),
    [
        (run(data_interval_start=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), "2026-01-01"),
        (run(logical_date=dt.datetime(2026, 2, 2, tzinfo=dt.UTC)), "2026-02-02"),
        (run(), "2026-03-03"),  # from the API: neither
        (run(run_type="asset_triggered"), "2026-03-02"),  # a new champion: the newest whole day
    ],
)
def test_every_run_has_a_day(given_run, day):
    assert naming.day_of(given_run) == day


def test_a_day_ends_where_the_next_begins():
    assert naming.end_of_day("2026-01-31") == "2026-02-01T00:00:00+00:00"


NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
AT = NOON.isoformat()


def begun(kind="manual", **changed):
    nothing = {"data_interval_start": None, "data_interval_end": None, "logical_date": None}
    return SimpleNamespace(**(nothing | {"run_after": NOON, "run_type": kind} | changed))


MIDNIGHT = "2026-03-02T00:00:00+00:00"
DAILY = {"data_interval_start": NOON - dt.timedelta(days=1), "data_interval_end": NOON}


@pytest.mark.parametrize(
    ("started", "day", "until"),
    [
        # by a clock or for a past interval: its own end, also of an hour
        (begun("scheduled", **DAILY), None, AT),
        (begun("scheduled", **DAILY | {"data_interval_start": NOON - dt.timedelta(hours=1)}), None, AT),
        (begun("backfill", **DAILY), "", AT),
        (begun("manual", **DAILY, logical_date=NOON), None, AT),
        # by a person for a day: its end, and nothing of what came after
        (begun("manual", **DAILY, logical_date=NOON), "2026-02-01", "2026-02-02T00:00:00+00:00"),
        (begun("manual"), "2026-03-01", MIDNIGHT),
        # by a new champion: the end of the day before
        (begun("asset_triggered"), None, MIDNIGHT),
        # a day that has not ended: what is there when it is asked for
        (begun("manual"), None, AT),
        (begun("manual"), "2026-03-02", AT),
    ],
)
def test_what_is_scored_was_there_by_the_end_of_its_day(started, day, until):
    assert naming.scored_until(started, day) == until


def events(*extras):
    return {"drift": [SimpleNamespace(extra=extra) for extra in extras]}


@pytest.mark.parametrize(
    ("started", "told", "until", "since"),
    [
        # a clock or a person: data until the interval's end, a champion from the approval on
        (begun("scheduled", data_interval_end=NOON), {}, AT, ""),
        (begun(), {}, AT, ""),
        # a backfill: both are its interval's
        (
            begun("backfill", data_interval_end=NOON),
            {},
            AT,
            AT,
        ),
        # drift that a scheduled scoring has found
        (
            begun("asset_triggered"),
            events({"until": "2026-03-02T00:00:00+00:00"}),
            "2026-03-02T00:00:00+00:00",
            "",
        ),
        # drift that a backfill has found, on two days; an event made by hand says nothing
        (
            begun("asset_triggered"),
            events(
                {"until": "2026-01-05T00:00:00+00:00", "backfill": True},
                {"until": "2026-01-06T00:00:00+00:00", "backfill": True},
                None,
            ),
            "2026-01-06T00:00:00+00:00",
            "2026-01-06T00:00:00+00:00",
        ),
    ],
)
def test_what_started_a_run_says_which_data_it_may_use_and_when_its_model_counts(started, told, until, since):
    assert naming.until(started, told) == until
    assert naming.since(started, told) == since
