"""A table is read strictly: an error names the file, the row and the column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewind import table


def test_the_target_is_taken_out_wherever_it_stands():
    read = table.parse(b"a,y,b\n1,x,2\n3,z,4\n", "y", "t.csv")
    assert read.columns == ("a", "b")
    assert read.features == (("1", "2"), ("3", "4"))
    assert read.truth == ("x", "z")
    assert table.to_csv(read.features) == b"1,2\n3,4\n"


def test_a_byte_order_mark_and_windows_line_ends_are_read():
    assert table.parse("\ufeffa,y\r\n1,x\r\n".encode(), "y", "t.csv").truth == ("x",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "t.csv: is empty"),
        (b"a,y\n", "t.csv: has a header but no rows"),
        (b"a,b\n1,2\n", "t.csv: has no column 'y'; it has a, b"),
        (b"a;y\n1;2\n", "t.csv: has no column 'y'; it has a;y"),  # another delimiter
        (b"a,y\n1,x\n2\n", "t.csv: row 3 has 1 values; the header has 2"),
        (b"a,y\n1,x\n ,z\n", "t.csv: row 3: a is empty"),
        (b"a,y\n\xff,x\n", "t.csv: is no UTF-8 text"),
    ],
)
def test_a_broken_table_says_where(content, words):
    with pytest.raises(table.TableError) as caught:
        table.parse(content, "y", "t.csv")
    assert words in str(caught.value)


@given(st.integers(1, 60), st.integers(1, 10))
def test_a_sample_is_spread_over_the_table(rows, count):
    whole = table.Table(columns=("a",), features=(("1",),) * rows, truth=("x",) * rows)
    chosen = whole.sample(count)
    assert len(chosen) == min(rows, count) == len(set(chosen))
    assert all(0 <= row < rows for row in chosen)


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=20))
def test_what_is_written_is_counted(rows):
    assert table.count_rows(table.to_csv(tuple((str(a), str(b)) for a, b in rows))) == len(rows)
