"""Items of a DynamoDB table as rows: scanned or exported, the same table is the same bytes."""

import gzip
import json
from decimal import Decimal

import pytest

from sagewind import dynamodb

COLUMNS = ("id", "age", "smokes")
ITEMS = [
    {"id": "b", "person": {"age": Decimal("0.10000000000000000001")}, "smokes": False, "tags": {"x", "y"}},
    {"id": "a", "person": {"age": 61}, "smokes": None, "photo": b"\x00\x01"},
    {"id": "c"},
]
ROWS = (("a", "61", ""), ("b", "0.10000000000000000001", "false"), ("c", "", ""))
EXPORT = "m/exports/x/AWSDynamoDB/0163-abc"


def rows(*files, attributes=None):
    given = {"age": "person.age"} if attributes is None else attributes
    return dynamodb.rows(files, COLUMNS, attributes=given, name="people")


def test_numbers_keep_their_digits_and_rows_an_order_of_their_own():
    scanned = b"".join(map(dynamodb.line, ITEMS))
    turned = b"".join(map(dynamodb.line, reversed(ITEMS)))
    exported = gzip.compress(scanned)
    assert rows(("scan", scanned)).cells == rows(("x.json.gz", exported)).cells == ROWS
    assert rows(("scan", turned)).to_csv() == rows(("scan", scanned)).to_csv()


def test_an_exports_manifests_are_no_items():
    assert dynamodb.is_data(f"/{EXPORT}/data/abc.json.gz")
    assert dynamodb.is_data("/m/exports/x/0a1b")  # a scan's
    assert not dynamodb.is_data(f"/{EXPORT}/manifest-files.json")
    assert dynamodb.is_summary(f"/{EXPORT}/manifest-summary.json")
    assert dynamodb.count_of(json.dumps({"itemCount": 3}).encode(), "s") == 3
    with pytest.raises(dynamodb.ExportError, match="says no itemCount"):
        dynamodb.count_of(b"{}", "s")


@pytest.mark.parametrize(
    ("content", "attributes", "words"),
    [
        (b'{"Item": {"id": {"S": "a"}}}\noops\n', {}, "f: line 2: is no item"),
        (b'{"id": "a"}\n', {}, "f: line 1: is no item"),
        (
            dynamodb.line(ITEMS[0]),
            {"age": "tags"},
            "attribute tags is of type SS; allowed are S, N, BOOL, NULL",
        ),
        (dynamodb.line(ITEMS[1]), {"age": "person"}, "attribute person is of type M"),
    ],
)
def test_what_is_no_row_is_named(content, attributes, words):
    with pytest.raises(dynamodb.ExportError) as caught:
        rows(("f", content), attributes=attributes)
    assert words in str(caught.value)
