"""Bad data is refused before a job starts: each fault is one clear error that names file, line, rule."""

import io

import pytest

from sagewind import columns, quality
from sagewind.columns import SchemaError
from sagewind.quality import DataError

IRIS = columns.schema(
    {
        "columns": {
            "id": {"type": "integer", "unique": True},
            "length": {"type": "number", "minimum": 0, "maximum": 10},
            "when": {"type": "timestamp", "max_null_fraction": 0.5},
            "species": {"one_of": ["setosa", "virginica"]},
        },
        "target": "species",
    }
)
GOOD = "id,length,when,species\n1,5.1,2026-01-01,setosa\n2,4.9,,virginica\n"


def check(text, schema=IRIS):
    data = text if isinstance(text, bytes) else text.encode()
    return quality.check_csv(io.BytesIO(data), schema, file="iris.csv")


def test_good_data_passes_and_is_counted():
    got = check(GOOD)
    assert (got.passed, got.rows, got.nulls["when"]) == (True, 2, 1)
    got.require()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "iris.csv: the file is empty"),
        (
            b"\xef\xbb\xbf" + GOOD.encode(),
            "the file is UTF-8 with a byte order mark; save it as plain UTF-8",
        ),
        (GOOD.encode("utf-16"), "iris.csv: the file is UTF-16; save it as plain UTF-8"),
        (GOOD.replace("setosa", "señosa").encode("latin-1"), "byte 0xf1 is not UTF-8"),
        ("\n", "iris.csv line 1: blank; expected the header id,length,when,species"),
        (GOOD.replace(",", ";"), "iris.csv line 1: the columns are separated by ';'; expected ','"),
        (GOOD.replace(",", "\t"), r"the columns are separated by '\\t'"),
        (b"PAR1\x15\x04", "iris.csv: the file is Parquet; a CSV file is needed"),
        ("1,5.1,2026-01-01,setosa\n", "expected the header id,length,when,species; got '1,5.1"),
        ("id,length,when\n1,2,3\n", "the header has no species; it has id, length, when"),
        ("id,length,when,species,id\n", "the header names 'id' twice"),
        ('id,length,when,species\n1,2,,"setosa\n', "iris.csv line 2: unexpected end of data"),
        (b"id,length,when,species\n1,2,\0,setosa\n", "iris.csv line 2"),
    ],
)
def test_what_is_no_table_is_an_error(data, message):
    with pytest.raises(DataError, match=message):
        check(data).require()


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("x,1,,setosa", "iris.csv line 4 column 'id': got 'x', expected a whole number"),
        ("1,1,,setosa", "iris.csv line 4 column 'id': got '1', expected a value that occurs once"),
        (",1,,setosa", "iris.csv line 4 column 'id': got '', expected a value"),
        ("3,nan,,setosa", "iris.csv line 4 column 'length': got 'nan', expected a value"),
        ("3,inf,,setosa", "iris.csv line 4 column 'length': got 'inf', expected a finite number"),
        ("3,1_0,,setosa", "iris.csv line 4 column 'length': got '1_0', expected a finite number"),
        ("3,-1,,setosa", "iris.csv line 4 column 'length': got '-1', expected at least 0"),
        ("3,11,,setosa", "iris.csv line 4 column 'length': got '11', expected at most 10"),
        ("3,1,soon,setosa", "iris.csv line 4 column 'when': got 'soon', expected an ISO 8601 time"),
        ("3,1,,rose", "iris.csv line 4 column 'species': got 'rose', expected one of setosa, virginica"),
        ("3,1,", "iris.csv line 4: got '3 values', expected 4 values, as the header has"),
    ],
)
def test_a_bad_row_is_named(row, line):
    got = check(GOOD.replace(",,", ",2026-01-02,") + row + "\n")
    assert [str(each) for each in got.violations] == [line]
    with pytest.raises(DataError, match=r"iris\.csv line 4"):
        got.require()


def test_lines_count_newlines_inside_quotes_and_blank_lines():
    schema = columns.schema({"columns": {"id": {"type": "integer"}, "note": {}}})
    got = check('id,note\n1,"a\nb"\n\nx,c\n', schema)
    assert got.rows == 2
    assert got.violations[0].line == 5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("id,length,when,species\n", "iris.csv: got '0 rows', expected at least 1"),
        (
            "id,length,when,species\n1,1,,setosa\n2,2,2026-01-01,setosa\n",
            "iris.csv column 'species': got 'setosa', expected at least 2 different values to learn from",
        ),
        (
            GOOD + "3,1,,setosa\n",
            "iris.csv column 'when': got '66.7% missing', expected at most 50.0% missing",
        ),
    ],
)
def test_rules_about_the_whole_file(text, line):
    assert [str(each) for each in check(text).violations] == [line]


def test_every_violation_is_counted_and_the_first_hundred_listed():
    rows = "".join(f"{number},99,,setosa\n" for number in range(500))
    got = check("id,length,when,species\n" + rows + "500,1,,virginica\n")
    assert got.counts["length: at most 10"] == 500
    assert len(got.violations) == 100
    with pytest.raises(DataError, match=r"… and 491 more$"):
        got.require()


def test_patterns_booleans_and_json():
    schema = columns.schema({"columns": {"code": {"pattern": "[A-Z]{2}"}, "ok": {"type": "boolean"}}})
    got = check("code,ok\nAB,true\nab,1\nCD,maybe\n", schema).to_json()
    assert got["counts"] == {"code: text that matches [A-Z]{2}": 1, "ok: true, false, 0 or 1": 1}
    assert got["violations"][0] == {
        "file": "iris.csv",
        "line": 3,
        "column": "code",
        "value": "ab",
        "rule": "text that matches [A-Z]{2}",
    }


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"colums": {}}, "schema: unknown key colums; allowed are allow_extra, columns"),
        ({"columns": []}, "columns is \\[\\]"),
        ({"columns": {}}, "expected columns"),
        ({"columns": {"a": 3}}, "column a: got 3"),
        ({"columns": {"a": {"type": "float"}}}, "column a: type is 'float'; expected one of integer, number"),
        ({"columns": {"a": {"min": 3}}}, "column a: unknown key min; allowed are max_null_fraction"),
        ({"columns": {"a": {"minimum": 3}}}, "column a: minimum and maximum need a number, not string"),
        ({"columns": {"a": {"type": "number", "minimum": 3, "maximum": 2}}}, "minimum 3 is above maximum 2"),
        ({"columns": {"a": {"max_null_fraction": 2}}}, "max_null_fraction 2 is not"),
        ({"columns": {"a": {"type": "number", "minimum": "3"}}}, "minimum is '3'; expected a number"),
        ({"columns": {"a": {"pattern": "["}}}, "column a: pattern"),
        ({"columns": {"a": {}}, "target": "b"}, "target 'b' is none of the columns a"),
    ],
)
def test_a_wrong_schema_says_which_key(mapping, message):
    with pytest.raises(SchemaError, match=message):
        columns.schema(mapping)
