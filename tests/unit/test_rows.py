"""Tables of rows: what people send as one."""

import gzip

import pytest

from sagewind import partition
from sagewind.objects import Address, Objects
from sagewind.partition import Partition
from sagewind.steps.rows import Rows, RowsError
from sagewind.testing.s3 import S3Twin

LONG = "word " * 40_000
"""More than Python's own bound of a value, 131072 characters."""


def test_a_value_may_be_as_long_as_a_document():
    rows = Rows.parse(f"id,text\n1,{LONG}\n".encode(), "rows.csv")
    assert rows.cells == (("1", LONG),)
    objects = Objects(S3Twin().client())
    day = Partition(root=Address("b", "s"), ds="2026-01-05", model="m", id_column="id", features=("text",))
    assert partition.prepare(objects, rows.to_csv(), day, name="rows.csv").rows == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # two rows, of which the second would be a part of the first one's text
        (b'id,text\n1,"open\n2,more\n', "rows.csv line 3: unexpected end of data"),
        (b'id,text\n1,"a"b"\n', "rows.csv line 2: ',' expected after"),
        (b"PAR1\x15\x04\x15", "rows.csv: is Parquet; a CSV file is needed"),
        (b"PK\x03\x04\x14", "rows.csv: is an Excel workbook, or another ZIP; a CSV file is needed"),
        (gzip.compress(b"id,text\n"), "rows.csv: is gzip; a CSV file is needed"),
    ],
)
def test_what_is_no_table_is_refused_by_name(content, message):
    with pytest.raises(RowsError) as caught:
        Rows.parse(content, "rows.csv")
    assert message in str(caught.value)
