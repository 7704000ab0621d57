"""What Firehose landed: which objects an interval has, when they are all there, and their rows."""

import gzip

import pytest

from sagewind import landing
from sagewind.landing import Landed
from sagewind.objects import Address, Entry

COLUMNS = ("id", "age", "smokes")


def rows(*bodies, form="json", id_column="id"):
    landed = [Landed(name=f"s3://b/{number}", body=body) for number, body in enumerate(bodies)]
    return landing.rows(landed, COLUMNS, form=form, name="stream", id_column=id_column)


@pytest.mark.parametrize(
    ("until", "unit", "watched"),
    [
        ("2026-01-05T00:00:00+00:00", "hour", "2026/01/04/23/"),
        ("2026-01-05T00:00:00+00:00", "day", "2026/01/04/"),
        ("2026-01-05T03:20:00+00:00", "hour", "2026/01/05/02/"),  # the hour of 03 has not ended
        ("2026-01-05T03:20:00+00:00", "day", "2026/01/04/"),
        ("2026-01-05T01:00:00+02:00", "hour", "2026/01/04/22/"),  # Firehose counts in UTC
    ],
)
def test_the_last_full_hour_or_day_is_watched(until, unit, watched):
    assert landing.watched(until, unit) == watched


def test_what_arrived_in_an_hour_may_land_after_it():
    assert landing.due("2026-01-05T03:20:00+00:00", 900) == "2026-01-05T03:15:00+00:00"


def test_an_interval_has_the_hours_that_ended_in_it():
    keys = [
        "in/2026/01/03/23/a",
        "in/2026/01/04/00/b",
        "in/2026/01/04/23/c",
        "in/2026/01/05/00/d",
        "in/2026/13/05/00/no-month",
        "in/failed/2026/01/04/00/e",
        "in/README",
    ]
    entries = [Entry(address=Address("b", key), size=1, etag="") for key in keys]
    until = "2026-01-05T00:30:00+00:00"

    def chosen(until, days):
        return [each.address.name for each in landing.select(entries, "in/", until, days=days)]

    assert chosen("2026-01-05T00:00:00+00:00", 1) == ["b", "c"]
    assert chosen(until, 0) == ["a", "b", "c"]


def test_json_is_read_with_and_without_newlines_and_to_the_last_digit():
    body = (
        b'{"id":"a","age":0.10000000000000000001,"more":[1]}{"id":"b","smokes":true}\n{"id":"c","age":null}'
    )
    assert rows(body).cells == (("a", "0.10000000000000000001", ""), ("b", "", "true"), ("c", "", ""))


def test_a_record_that_was_delivered_twice_is_one_row():
    record = b'{"id":"a","age":1}'
    assert len(rows(record, gzip.compress(record)).cells) == 1
    assert len(rows(record, record, id_column="").cells) == 2  # nothing says that they are one


def test_csv_has_the_columns_in_their_order():
    assert rows(b'a,"1,5",true\nb,2,\n', form="csv").cells == (("a", "1,5", "true"), ("b", "2", ""))


@pytest.mark.parametrize(
    ("body", "form", "words"),
    [
        (b'{"id":"a"} oops', "json", "s3://b/0: record 2: is no JSON"),
        (b'["a"]', "json", 's3://b/0: record 1: is ["a"]; allowed is a JSON object'),
        (b'{"id":{"x":1}}', "json", "record 1: id is {"),
        (b'{"id":NaN}', "json", "record 1: id is NaN; allowed is text"),
        (b"a,1\n", "csv", "record 1 has 2 values; allowed are 3: id, age, smokes"),
        (b"\xff", "csv", "byte 0 is not UTF-8"),
        (b"\x1f\x8b broken", "json", "cannot be unpacked"),
    ],
)
def test_what_is_no_record_is_named(body, form, words):
    with pytest.raises(landing.LandingError) as caught:
        rows(body, form=form)
    assert words in str(caught.value)
