"""A row that is held out stays held out, however the table grows or is sorted."""

import csv
import io
from pathlib import Path

import pytest

from sagewind import holdout
from sagewind.holdout import HoldoutError

DATA = Path(__file__).parents[2] / "dags" / "data"


def table(rows):
    return ("id,x\n" + "".join(f"{key},{value}\n" for key, value in rows)).encode()


def ids(content):
    return {row["id"] for row in csv.DictReader(io.StringIO(content.decode()))}


def test_about_the_share_is_held_out_and_nothing_is_lost():
    made = holdout.split(table((n, n) for n in range(4000)), share=0.25, name="t")
    assert made.train_rows + made.test_rows == 4000
    assert made.test_rows == pytest.approx(1000, abs=100)
    assert ids(made.train) | ids(made.test) == {str(n) for n in range(4000)}


def test_a_grown_and_shuffled_table_keeps_its_held_out_rows():
    before = holdout.split(table((n, n) for n in range(100)), share=0.3, name="t")
    after = holdout.split(table((n, n) for n in reversed(range(200))), share=0.3, name="t")
    assert ids(before.test) <= ids(after.test)
    assert ids(before.train) <= ids(after.train)


def test_by_id_a_corrected_row_stays_on_its_side():
    rows = [(n, n) for n in range(100)]
    before = holdout.split(table(rows), share=0.3, name="t", id_column="id")
    after = holdout.split(table((n, "mended") for n, _ in rows), share=0.3, name="t", id_column="id")
    assert ids(before.test) == ids(after.test)


def test_equal_rows_lie_on_one_side_and_another_seed_deals_anew():
    made = holdout.split(table([(1, 1)] * 5 + [(n, n) for n in range(50)]), share=0.3, name="t")
    assert not ids(made.train) & ids(made.test)
    other = holdout.split(table((n, n) for n in range(50)), share=0.3, name="t", seed="2")
    assert ids(other.test) != ids(holdout.split(table((n, n) for n in range(50)), share=0.3, name="t").test)


def test_the_worked_examples_keep_every_class_on_both_sides():
    made = holdout.split((DATA / "iris.csv").read_bytes(), share=0.25, name="iris.csv")
    for part in (made.train, made.test):
        rows = csv.DictReader(io.StringIO(part.decode()))
        assert {row["Species"] for row in rows} == {"setosa", "versicolor", "virginica"}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"id,x\n1,1\n", {"share": 1.0}, "share to hold out is 1.0"),
        (b"id,x\n1,1\n", {"share": 0.5, "id_column": "key"}, "has no column 'key'; it has id, x"),
        (b"id,x\n1\n", {"share": 0.5}, "t: row 2 has 1 values; the header has 2"),
        (b"id,x\n1,1\n", {"share": 0.5}, "expected some of each"),
        (b"", {"share": 0.5}, "expected some of each"),
        (b'id,x\n1,"1\n2,2\n3,3\n', {"share": 0.5}, "t line 4: unexpected end of data"),
    ],
)
def test_a_table_that_cannot_be_split_says_why(content, options, message):
    with pytest.raises(HoldoutError, match=message):
        holdout.split(content, name="t", **options)
