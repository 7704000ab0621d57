"""Data as of a moment has no future, and errors name what is wrong."""

from datetime import UTC, datetime

import pytest

from sagewind import dataset
from sagewind.dataset import DatasetError
from sagewind.objects import Address, AddressError, ObjectMissingError, Objects
from sagewind.testing.s3 import S3Twin


@pytest.fixture
def twin():
    return S3Twin(page=2)


@pytest.fixture
def objects(twin):
    return Objects(twin.client())


def test_a_key_encrypts_every_object(twin):
    Objects(twin.client(), kms_key="k").write(Address("b", "x"), "1")
    assert {call["SSEKMSKeyId"] for call in twin.account.called("PutObject")} == {"k"}


@pytest.fixture
def days(twin):
    for key in (
        "ds=2026-01-01/a.csv",
        "ds=2026-01-02/a.csv",
        "ds=2026-01-02/_SUCCESS",
        "ds=2026-01-03/a.csv",
    ):
        twin.put("b", f"raw/{key}", key)
    return Address("b", "raw")


def test_data_as_of_a_moment_is_the_days_that_had_ended(objects, days):
    chosen = dataset.as_of(objects, days, datetime(2026, 1, 3, tzinfo=UTC))
    assert [str(each.address) for each in chosen.entries] == [
        "s3://b/raw/ds=2026-01-01/a.csv",
        "s3://b/raw/ds=2026-01-02/a.csv",
    ]
    assert dataset.as_of(objects, days, datetime(2026, 1, 3, 23, 59, tzinfo=UTC)) == chosen


def test_a_window_is_the_last_days_before_the_moment(objects, days):
    chosen = dataset.as_of(objects, days, datetime(2026, 1, 4, 4, tzinfo=UTC), days=2)
    assert [each.address.key for each in chosen.entries] == [
        "raw/ds=2026-01-02/a.csv",
        "raw/ds=2026-01-03/a.csv",
    ]


def test_a_window_that_is_too_short_says_on_which_side_the_days_lie(twin, objects, days):
    twin.put("b", "raw/ds=2026-03-01/a.csv", "x")
    with pytest.raises(DatasetError) as caught:
        dataset.as_of(objects, days, datetime(2026, 2, 1, tzinfo=UTC), days=2)
    assert str(caught.value) == (
        "s3://b/raw/: no partition ds=YYYY-MM-DD/ ended in the 2 days before 2026-02-01T00:00:00+00:00; "
        "found 1 later object(s) and 3 earlier object(s)"
    )


@pytest.mark.parametrize(
    ("until", "extra", "message"),
    [
        (
            datetime(2026, 1, 1, tzinfo=UTC),
            None,
            "no partition .*; found 3 later object",
        ),
        (datetime(2026, 1, 3), None, "with a time zone"),  # noqa: DTZ001
        (datetime(2026, 1, 3, tzinfo=UTC), "loose.csv", "raw/loose.csv: expected it in a partition"),
        (datetime(2026, 1, 3, tzinfo=UTC), "ds=2026-02-31/a.csv", "ds=2026-02-31 is no date"),
    ],
)
def test_data_that_cannot_be_dated_is_an_error(twin, days, until, extra, message):
    if extra:
        twin.put("b", f"raw/{extra}", "x")
    with pytest.raises(DatasetError, match=message):
        dataset.as_of(Objects(twin.client()), days, until)


def test_addresses():
    assert str(Address.parse("s3://b/a/b") / "c") == "s3://b/a/b/c"
    assert str(Address.parse("s3://b") / "c") == "s3://b/c"
    for bad in ("b/key", "https://b/key", "s3:///key", "s3://b/key?x"):
        with pytest.raises(AddressError, match="expected s3://bucket/key"):
            Address.parse(bad)


def test_objects_that_are_missing_or_no_json_say_which(objects, twin):
    with pytest.raises(ObjectMissingError, match="s3://b/x: there is no such object"):
        objects.read(Address("b", "x"))
    twin.put("b", "x", "{")
    with pytest.raises(ObjectMissingError, match="s3://b/x: expected JSON"):
        objects.read_json(Address("b", "x"))
    assert objects.head(Address("b", "y")) is None
