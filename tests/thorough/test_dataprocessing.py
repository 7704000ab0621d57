"""DataProcessing: SageMaker's JSONPath, and filters and joins on CSV rows and JSON records."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelocal.serving import dataprocessing, jsonpath

RECORD = {"id": 7, "features": [1, 2, 3], "a b": {"c": "d"}}
ROW = ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    ("path", "value", "want"),
    [
        # The operators of the documentation's table.
        ("$", RECORD, RECORD),
        ("$.features", RECORD, [1, 2, 3]),
        ("$['a b'].c", RECORD, "d"),
        ("$['id','features']", RECORD, {"id": 7, "features": [1, 2, 3]}),
        ("$.features[0:2]", RECORD, [1, 2]),
        ("$.features[-1]", RECORD, 3),
        ("$.*", {"x": 1, "y": 2}, [1, 2]),
        ("$[1:]", ROW, ["b", "c", "d", "e", "f"]),
        ("$[:-1]", ROW, ["a", "b", "c", "d", "e"]),
        ("$[0,5:]", ROW, ["a", "f"]),
        ("$[0]", ROW, "a"),
        ("$[-1]", ROW, "f"),
    ],
)
def test_paths_select(path, value, want):
    assert jsonpath.parse(path).apply(value) == want


@pytest.mark.parametrize(
    "path", ["features", "$..id", "$[?(@.id)]", "$[0:2:2]", "$['a',]x", "$[a]", "$.", "$[", "$['a'"]
)
def test_what_sagemaker_does_not_know_is_refused(path):
    with pytest.raises(jsonpath.PathError, match=r"the path"):
        jsonpath.parse(path)


@pytest.mark.parametrize(
    ("path", "value"),
    [("$.x", RECORD), ("$[6]", ROW), ("$[0:7]", ROW), ("$[-7]", ROW), ("$.x", ROW), ("$[0]", RECORD)],
)
def test_a_path_that_leads_nowhere_is_an_error(path, value):
    with pytest.raises(jsonpath.PathError, match="the path"):
        jsonpath.parse(path).apply(value)


def process(request, kind, lines, answer, answer_type="text/csv", *, several=True):
    processing = dataprocessing.parse(request, kind)
    return processing.before(lines), processing.after(lines, answer, answer_type, several=several)


def test_csv_leaves_out_the_id_and_joins_it_with_the_answer():
    request = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    sent, got = process(request, "text/csv", [b"id1,2,3\n", b'"x,y",5,6\r\n'], b"0\n1\n")
    assert sent == [b"2,3\n", b"5,6\r\n"]
    assert got == [b"id1,0", b'"x,y",1']


def test_csv_joins_a_json_answer_as_fields():
    _, got = process(
        {"JoinSource": "Input"}, "text/csv", [b"1\n", b"2\n"], b"[[0.1, 0.9], 3]", "application/json"
    )
    assert got == [b"1,0.1,0.9", b"2,3"]


def test_json_joins_under_sagemakeroutput_and_filters():
    request = {
        "InputFilter": "$.features",
        "JoinSource": "Input",
        "OutputFilter": "$['id','SageMakerOutput']",
    }
    lines = [b'{"id": 1, "features": [1]}\n', b'{"id": 2, "features": [2]}\n']
    sent, got = process(
        request, "application/jsonlines", lines, b'{"p": 3}\n{"p": 4}\n', "application/jsonlines"
    )
    assert sent == [b"[1]\n", b"[2]\n"]
    assert [json.loads(line) for line in got] == [
        {"id": 1, "SageMakerOutput": {"p": 3}},
        {"id": 2, "SageMakerOutput": {"p": 4}},
    ]


def test_json_that_is_no_object_is_wrapped_and_a_single_answer_is_kept_whole():
    request = {"JoinSource": "Input"}
    _, got = process(request, "application/json", [b"[1, 2]"], b"[0]", "application/json", several=False)
    assert json.loads(got[0]) == {"SageMakerInput": [1, 2], "SageMakerOutput": [0]}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(b"[1, 2, 3]", "application/json"), (b'{"predictions": [1, 2, 3]}', "application/json")],
)
def test_a_json_answer_to_many_is_taken_apart(answer, kind):
    assert dataprocessing.take_apart(answer, kind, 3, several=True) == [1, 2, 3]


def test_an_answer_for_another_number_of_records_fails_rather_than_shifting_rows():
    with pytest.raises(dataprocessing.ProcessingError, match="answered 2 records with 1 results"):
        process({"JoinSource": "Input"}, "text/csv", [b"1\n", b"2\n"], b"0\n")


def test_the_record_at_fault_is_told():
    processing = dataprocessing.parse({"InputFilter": "$[2]"}, "text/csv")
    with pytest.raises(dataprocessing.ProcessingError, match="finds no place 2") as caught:
        processing.before([b"1,2,3\n", b"1,2\n"])
    assert caught.value.record == 1


def test_other_content_types_cannot_be_joined():
    with pytest.raises(dataprocessing.ProcessingError, match="not 'image/png'"):
        dataprocessing.parse({"JoinSource": "Input"}, "image/png")
    assert dataprocessing.parse({}, "image/png").is_identity


FIELD = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8)


@given(st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=5))
def test_any_csv_field_survives_filter_and_join(rows):
    lines = [dataprocessing._write_row([field.encode() for field in row]) + b"\n" for row in rows]
    answers = b"".join(b"%d\n" % number for number in range(len(rows)))
    _, got = process({"JoinSource": "Input", "OutputFilter": "$[2,1,0,3]"}, "text/csv", lines, answers)
    want = [[*reversed(row), str(number)] for number, row in enumerate(rows)]
    assert [[f.decode() for f in dataprocessing._read_row(line)] for line in got] == want


@pytest.mark.parametrize(
    ("record", "answer", "kind"),
    [
        (b"1", b"no json", "application/json"),
        (b'{"a": 1}', b"[" * 100_000, "application/jsonlines"),
        (b'"1', b"2", "text/csv"),
    ],
)
def test_what_cannot_be_read_is_the_records_fault(record, answer, kind):
    processing = dataprocessing.parse({"JoinSource": "Input"}, kind)

    with pytest.raises(dataprocessing.ProcessingError) as caught:
        processing.after([record], answer, kind, several=False)

    assert caught.value.record == 0


def test_a_path_that_doubles_what_it_selects_is_bounded():
    path = jsonpath.parse("$" + "[0:,0:]" * 40)
    with pytest.raises(jsonpath.PathError, match="selects more than 1,000,000 values"):
        path.apply([1, 2])
