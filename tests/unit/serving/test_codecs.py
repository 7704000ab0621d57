"""Codecs: the container's decoders and encoders, and what is deliberately other."""

import io
import json

import numpy as np
import pytest

from sagelocal.serving import codecs


@pytest.mark.parametrize(
    ("body", "kind", "want"),
    [
        (b"[[1, 2], [3, 4]]", codecs.JSON, [[1, 2], [3, 4]]),
        (b"[1.5, 2]", codecs.JSON, [1.5, 2]),  # JSON keeps the shape that was sent
        (b"1,2\n3,4\n", codecs.CSV, [[1, 2], [3, 4]]),
        (b"1,2.5", codecs.CSV, [[1, 2.5]]),  # one row is two-dimensional; integers and fractions may mix
        (b'"1","2"\r\n"3","4"', codecs.CSV, [[1, 2], [3, 4]]),  # quoted, and with the line ends of Windows
        (b"1\n2\n", codecs.CSV, [[1], [2]]),
    ],
)
def test_decodes(body, kind, want):
    assert codecs.decode(body, kind).tolist() == want


def test_an_empty_csv_field_is_a_missing_value_in_small_and_in_large_bodies():
    for rows in (2, 5000):
        array = codecs.decode(b"1,,3\n" * rows, codecs.CSV)
        assert array.shape == (rows, 3)
        assert np.isnan(array[:, 1]).all()


def test_large_and_small_csv_decode_to_the_same_bits():
    text = "\n".join(f"{i / 7},{i * 1e-9},{-i}" for i in range(2000)).encode()
    large = codecs.decode(text, codecs.CSV)
    assert len(text) > codecs.SMALL_BODY_BYTES
    small = np.concatenate([codecs.decode(line, codecs.CSV) for line in text.splitlines()])
    assert large.tobytes() == small.tobytes()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"1,2\n3\n", "CSV line 2 has 1 fields; line 1 has 2"),
        (b"1,2\n3,x\n", "CSV line 2: could not convert string to float"),
        (b"1,2\n" * 3000 + b"3,x\n", "CSV line 3001"),  # beyond the size that numpy reads
    ],
)
def test_a_bad_csv_names_its_line(body, words):
    with pytest.raises(ValueError, match=words):
        codecs.decode(body, codecs.CSV)


def test_npy_goes_there_and_back_and_takes_no_pickles():
    array = np.arange(6.0).reshape(2, 3)
    body, kind = codecs.encode(array, codecs.NPY)
    assert kind == codecs.NPY
    assert codecs.decode(body, codecs.NPY).tobytes() == array.tobytes()
    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        codecs.decode(stream.getvalue(), codecs.NPY)


@pytest.mark.parametrize(
    ("prediction", "accept", "want"),
    [
        (np.array([0, 2]), "application/json", (b"[0, 2]", "application/json")),
        (np.array([0, 2]), "text/csv", (b"0\n2\n", "text/csv; charset=utf-8")),
        (np.array(["a", "b,c"]), "text/csv", (b'a\n"b,c"\n', "text/csv; charset=utf-8")),
        (np.array([[0.25, 0.75]]), "text/csv", (b"0.25,0.75\n", "text/csv; charset=utf-8")),
        ({"p": np.float64(0.5)}, "application/json", (b'{"p": 0.5}', "application/json")),
        ([1], "image/png, text/csv;q=0.5", (b"1\n", "text/csv; charset=utf-8")),  # the first that can be had
    ],
)
def test_encodes(prediction, accept, want):
    assert codecs.encode(prediction, accept) == want


@pytest.mark.parametrize("most", [0, 9, 10, 127])
@pytest.mark.parametrize("least", [0, -1])
@pytest.mark.parametrize("shape", [(0,), (63,), (64,), (1000,), (80, 2), ()])
def test_whole_numbers_are_written_as_json_writes_them(shape, least, most):
    values = np.resize(np.arange(least, most + 1), shape)
    for kind in (np.int8, np.int64, np.float64, bool):
        array = values.astype(kind)
        assert codecs.encode(array, codecs.JSON)[0] == json.dumps(array.tolist()).encode()


def test_an_unknown_type_is_refused_in_the_toolkits_words():
    for attempt in (lambda: codecs.decode(b"", "image/png"), lambda: codecs.encode([1], "image/png")):
        with pytest.raises(codecs.UnsupportedFormatError, match="Content type image/png is not supported"):
            attempt()
