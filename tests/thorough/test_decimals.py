"""Many numbers read at a time have the bits that `float` and float32 give them one by one."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagelocal.serving import decimals

LARGEST_WORD = 10**18 - 1


def one_by_one(table):
    return np.array([[np.float32(float(text)) for text in row] for row in table])


def as_csv(table):
    return "\n".join(",".join(row) for row in table).encode()


def as_json(table, separator=", "):
    return f"[{separator.join(f'[{separator.join(row)}]' for row in table)}]".encode()


def some_text(generator):
    digits = generator.randint(1, decimals.LONGEST)
    whole = generator.randrange(10**digits)
    point = generator.randint(0, digits - 1)
    text = str(whole).zfill(point + 1)
    text = f"{text[:-point]}.{text[-point:]}" if point else text + generator.choice(["", ".0"])[:2]
    return generator.choice(["", "-"]) + text


def test_random_numbers():
    generator = random.Random(20261101)
    texts = [some_text(generator) for _ in range(40_000)]
    table = [texts[place : place + 4] for place in range(0, len(texts), 4)]
    table = [row for row in table if all(len(text.strip("-").replace(".", "")) <= 18 for text in row)]
    assert decimals.from_csv(as_csv(table)).tobytes() == one_by_one(table).tobytes()


def test_what_clients_send():
    """Numbers of 17 digits and more, exponents and blanks, and short ones without blanks."""
    rows = np.random.default_rng(7).normal(0, 100, (3000, 5)).astype(np.float32)
    rows[::100, 1] *= 1e-7
    text = json.dumps(rows.tolist())
    assert "e-" in text
    assert decimals.from_json(text.encode()).tobytes() == rows.tobytes()
    short = rows.astype(float).round(1)
    text = json.dumps(short.tolist(), separators=(",", ":"))
    assert decimals.from_json(text.encode()).tobytes() == short.astype(np.float32).tobytes()


@pytest.mark.parametrize("largest", [1e-4, 1e-2, 1, 16, 1e4, 1e9, 1e12])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_of_every_size_are_read(largest, kind):
    """With however many digits after the point: of floats, and of doubles, which are between two floats."""
    rows = np.random.default_rng(11).uniform(-largest, largest, (5000, 4)).astype(kind).astype(float)
    rows[np.abs(rows) < 1e-4] = 0.0  # Python writes them with exponents
    texts = [[repr(number) for number in row] for row in rows.tolist()]
    want = rows.astype(np.float32).tobytes()
    assert decimals.from_json(as_json(texts)).tobytes() == want
    assert decimals.from_csv(as_csv(texts)).tobytes() == want


def test_odd_numbers_among_many():
    table = [["1.5", "2"]] * 100
    for text in ("1e5", "-1.5e-3", "-2e+30", "1e-400", "0.0000000000000000000123", "12345678901234567890123"):
        some = [*table, [text, "3"]]
        assert decimals.from_csv(as_csv(some)).tobytes() == one_by_one(some).tobytes()
        assert decimals.from_json(as_json(some)).tobytes() == one_by_one(some).tobytes()
    for text in ("1e", "e5", "1e5.5", "1e+-5", "1ee5", "--1e5", "1-e5", "1e5-", "1e+", "-e-5"):
        assert decimals.from_csv(as_csv([*table, [text, "3"]])) is None
    assert decimals.from_json(as_json([*table, ["01e5", "3"]])) is None
    assert decimals.from_csv(as_csv([["1e5", "1"]] * 100)) is None


def test_numbers_at_the_boundary_between_two_floats():
    generator = random.Random(1)
    halves = [np.float64(generator.uniform(1, 9)).astype(np.float32) for _ in range(500)]
    middles = [(np.float64(each) + np.float64(np.nextafter(each, np.float32(10)))) / 2 for each in halves]
    texts = [f"{float(np.nextafter(each, way)):.17f}"[:19] for each in middles for way in (0.0, each, 10.0)]
    table = [[text] for text in texts]
    assert decimals.from_csv(as_csv(table)).tobytes() == one_by_one(table).tobytes()


@pytest.mark.parametrize(
    "text",
    [
        *("1,2\n3\n", "1\n2,3\n", "1,2,3\n4\n5,6\n", "1,,2\n", ",1\n", "1,\n", "\n", "", "1\n\n2\n"),
        *("a\n", "1e5\n", "nan\n", "+1\n", "1 2\n", " 1\n", "1\r2\n", '"1"\n', "0x1\n", "1_0\n"),
        *("1.2.3\n", "1.2,3.4.5\n", "1.2.3,4\n", "1-2\n", "--1\n", "-\n", ".\n", "-.\n", "1-,2\n"),
        f"{LARGEST_WORD}0\n",
    ],
)
def test_what_is_not_plain_is_left_alone(text):
    assert decimals.from_csv(text.encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        # What `float` reads and JSON does not.
        *("[[.5]]", "[[5.]]", "[[05]]", "[[-.5]]", "[[00.5]]", "[[-]]"),
        # What is JSON of another shape, or none.
        *(
            "[1, 2]",
            "[[1, 2]",
            "[[1], [2, 3]]",
            "[[[1]]]",
            "[[]]",
            "[]",
            "{}",
            "[[1 2]]",
            "[[1],\n[2]]",
            "[[1] ,[2]]",
            "[[1],[2], [3]]",
        ),
        # Numbers where none can be.
        *("1[[2]]", "[1[2]]", "[[1]2]", "[[1]]2", "[[1]2, [3]]", "[[1], 2[3]]", "[[1,2 3]]", "[[1],5 [2]]"),
        *("[[1]2,[3]]", "[[1],2[3]]", "[[1], [2e]]", "[[1], [e2]]"),
        # Whole numbers: what is no double on its way, and a zero that has no sign.
        *("[[9007199254740993]]", "[[-0, 1]]"),
    ],
)
def test_what_is_not_plain_json_is_left_alone(text):
    assert decimals.from_json(text.encode()) is None


@given(st.lists(st.sampled_from([*"[[]],,  \n0123.-e", "1.5, ", "], [", "],["]), max_size=12))
@settings(max_examples=2000, deadline=None)
def test_whatever_comes_has_the_bits_that_the_container_would_give_or_is_left_alone(parts):
    text = f"[[{''.join(parts)}]]"
    got = decimals.from_json(text.encode())
    if got is not None:
        want = np.array(json.loads(text)).astype(np.float32)
        assert (got.shape, got.tobytes()) == (want.shape, want.tobytes())


def test_whole_numbers_and_signs():
    table = [["-0.0", "7", "-12345678"], ["0.5", "-7.25", "123456789012345678"]]
    assert decimals.from_csv(as_csv(table)).tobytes() == one_by_one(table).tobytes()
    assert decimals.from_json(b"[[1, -2], [30, 0]]").tolist() == [[1, -2], [30, 0]]
