"""Requests that break a rule are refused in AWS's words; values of another type are not guessed at."""

import json
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.model import DenormalizedStructureBuilder

from sagelocal.errors import SerializationException, ValidationException
from sagelocal.wire import model, patterns, protocol
from sagelocal.wire.codec import Codec
from sagelocal.wire.message import Request
from sagelocal.wire.model import Match, Operation
from sagelocal.wire.protocol import Protocols

MEMBERS = {
    "Name": {"type": "string", "min": 1, "max": 5, "pattern": "[a-z]*"},
    "Size": {"type": "integer", "min": 1, "max": 9},
    "Big": {"type": "long"},
    "Rate": {"type": "double"},
    "Color": {"type": "string", "enum": ["red", "blue"]},
    "Secret": {"type": "string", "max": 2, "sensitive": True},
    "When": {"type": "timestamp"},
    "Data": {"type": "blob"},
    "On": {"type": "boolean"},
    "Items": {"type": "list", "max": 2, "member": {"type": "string", "max": 3}},
    "Labels": {"type": "map", "key": {"type": "string"}, "value": {"type": "string", "max": 3}},
    "Inner": {"type": "structure", "members": {"A": {"type": "string"}}},
}


def operation(**members):
    shape = DenormalizedStructureBuilder().with_members(members or MEMBERS).build_model()
    return Operation(
        service="s",
        name="Do",
        protocol="json",
        method="POST",
        path="/",
        status=200,
        input=shape,
        output=shape,
        errors={},
    )


def decode(value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    request = Request(method="POST", path="/")
    return Protocols().decode(Match(operation=operation(), labels={}), request, body)


BROKEN = [
    # A length below and above its bounds, and a pattern that the whole text must match.
    (
        {"Name": ""},
        "Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ),
    ({"Name": "a" * 6}, "Member must have length less than or equal to 5"),
    (
        {"Name": "ab1"},
        "Value 'ab1' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern",
    ),
    # Numbers.
    (
        {"Size": 0},
        "Value '0' at 'size' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ),
    ({"Size": 10}, "Member must have value less than or equal to 9"),
    # An enumeration tells what it allows.
    (
        {"Color": "green"},
        "Value 'green' at 'color' failed to satisfy constraint: Member must satisfy enum value set: [red, ",
    ),
    # What is sensitive is not repeated.
    ({"Secret": "hunter2"}, "Value '***Sensitive***' at 'secret'"),
    # Paths into lists and maps; absent elements.
    ({"Items": ["ok", "long"]}, "Value 'long' at 'items.2.member' failed"),
    (
        {"Items": ["a", "b", "c"]},
        "at 'items' failed to satisfy constraint: Member must have length less than or equal to 2",
    ),
    (
        {"Items": [None]},
        "Value null at 'items.1.member' failed to satisfy constraint: Member must not be null",
    ),
    ({"Labels": {"k": "long"}}, "Value 'long' at 'labels.k.value' failed"),
]


@pytest.mark.parametrize(("value", "words"), BROKEN)
def test_a_broken_constraint_is_told_with_value_path_and_rule(value, words):
    with pytest.raises(ValidationException) as caught:
        decode(value)
    assert caught.value.message.startswith("1 validation error detected: ")
    assert words in caught.value.message


def test_all_broken_constraints_are_told_at_once():
    with pytest.raises(ValidationException, match=r"^2 validation errors detected: .*; Value '0' at 'size'"):
        decode({"Name": "", "Size": 0})


WRONG_TYPES = [
    ({"Name": 5}, "NUMBER_VALUE can not be converted to a String at 'name'"),
    ({"Name": ["a"]}, "START_ARRAY can not be converted to a String"),
    ({"Size": "5"}, "STRING_VALUE can not be converted to an Integer at 'size'"),
    ({"Size": True}, "BOOLEAN_VALUE can not be converted to an Integer"),
    ({"Size": 1.5}, "NUMBER_VALUE can not be converted to an Integer"),
    ({"Size": 2**31}, "NUMBER_VALUE can not be converted to an Integer"),
    ({"Big": 2**63}, "NUMBER_VALUE can not be converted to a Long"),
    ({"Rate": 10**400}, "NUMBER_VALUE can not be converted to a Double"),
    ({"On": 1}, "NUMBER_VALUE can not be converted to a Boolean"),
    ({"When": "yesterday"}, "STRING_VALUE can not be converted to a Timestamp"),
    ({"When": 1e18}, "NUMBER_VALUE can not be converted to a Timestamp"),
    ({"Data": "no base64!"}, "STRING_VALUE can not be converted to a Blob"),
    ({"Items": {}}, "START_OBJECT can not be converted to a list at 'items'"),
    ({"Inner": []}, "START_ARRAY can not be converted to a structure at 'inner'"),
    # Bodies that are no JSON object.
    ([], "the body is a JSON list; an object is needed"),
    (b"{", "the body is not JSON"),
    (b'{"Rate": NaN}', "NaN is not JSON"),
    (b"\xff", "the body is not JSON"),
    (b'{"Name": "\\ud800"}', "the body is not JSON"),
    (b"[" * 100_000, "the body is not JSON"),
    (b'{"Size": ' + b"9" * 5000 + b"}", "the body is not JSON"),
]


@pytest.mark.parametrize(("value", "words"), WRONG_TYPES)
def test_a_value_of_another_type_is_refused(value, words):
    with pytest.raises(SerializationException) as caught:
        decode(value)
    assert words in caught.value.message


def test_good_values_arrive():
    value = {
        "Name": "abc",
        "Size": 3.0,
        "Rate": "Infinity",
        "When": "2026-11-22T12:00:00Z",
        "Data": "AAE=",
        "Items": [],
        "Unknown": 1,
        "Color": None,
    }
    assert decode(value) == {
        "Name": "abc",
        "Size": 3,
        "Rate": math.inf,
        "When": 1795348800.0,
        "Data": b"\x00\x01",
        "Items": [],
    }


def test_an_answer_has_the_members_of_its_shape_and_no_empty_structure():
    encode = Codec().encoder(operation().output)
    value = {
        "Name": "n",
        "Other": 1,
        "Inner": {},
        "Items": [],
        "Color": None,
        "When": 1.23456,
        "Rate": math.nan,
    }
    assert encode(value) == {"Name": "n", "Items": [], "When": 1.235, "Rate": "NaN"}


JAVA = [
    (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "größe 9:=", "a#"),
    (r"([\p{L}_]*)${1,128}", "a_b", "a1"),
    (r"\p{ASCII}*", "plain ~", "é"),
    (r"\A\S[\p{Print}]*\z", "x y", " x"),
    (r"arn:[\p{Alnum}\-]+:x", "arn:aws-cn:x", "arn:ä:x"),
    (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a\U0001f600", "\x00"),
    (r"[\]\p{L}]+", "]a", "["),
]


@pytest.mark.parametrize(("pattern", "good", "bad"), JAVA)
def test_javas_patterns_work_in_python(pattern, good, bad):
    compiled = patterns.compiled(pattern)
    assert compiled.fullmatch(good)
    assert not compiled.fullmatch(bad)


def test_a_pattern_that_python_cannot_read_checks_nothing():
    assert patterns.compiled(r"\p{Nonsense}") is None


def test_threads_may_meet_a_shape_for_the_first_time_together():
    deep = {"Inner": {"type": "structure", "members": {"A": {"type": "string"}}}}
    for number in range(40):
        deep = {f"M{number}": {"type": "structure", "members": deep} for _ in (0,)}
    shape = operation(**deep).input
    value = {}
    for number in range(40):
        value = {f"M{number}": value} if value else {"M0": {"Inner": {"A": "x"}}}
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3):
            codec = Codec()
            with ThreadPoolExecutor(4) as pool:
                found = list(pool.map(lambda _: codec.encoder(shape)(value), range(4)))  # noqa: B023
            assert found == [value] * 4
    finally:
        sys.setswitchinterval(switching)


def nested(levels):
    """Return a body that is nested in so many levels, of a shape that holds itself."""
    expression = {}
    for _ in range(levels // 2 - 1):
        expression = {"SubExpressions": [expression]}
    return json.dumps({"Resource": "TrainingJob", "SearchExpression": expression}).encode()


def test_what_is_nested_too_deep_is_refused():
    match = model.load(["sagemaker"]).by_target("SageMaker.Search")
    request = Request(method="POST", path="/")
    Protocols().decode(match, request, nested(protocol.DEEPEST))
    for levels in (protocol.DEEPEST + 2, 4 * protocol.DEEPEST):
        with pytest.raises(
            ValidationException,
            match=f"^the request is nested in {levels} levels; at most {protocol.DEEPEST} are allowed$",
        ):
            Protocols().decode(match, request, nested(levels))
