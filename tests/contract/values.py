"""Valid values for the shapes of a service model: constraints and patterns are kept.

A text is taken from a list of likely ones when its pattern allows it, else made by hypothesis.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import find, settings
from hypothesis import strategies as st

from sagelocal.wire import patterns

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from botocore.model import Shape

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
LIKELY = (
    "thing",
    "s3://bucket/key",
    "arn:aws:iam::123456789012:role/SageMakerRole",
    f"{ARN}:thing/thing",
    "subnet-0123456789abcdef0",
    "sg-0123456789abcdef0",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1",
    "https://example.com/thing",
    "1",
    "1.0",
    "1.0.0",
    "{}",
    "us-east-1a",
    "d-0123456789ab",
    "2026-11-22T12:30:45Z",
    "P1D",
    "image:1",
    "a@example.com",
    "/thing",
    "$[0]",
    "t" * 40,
    "0123456789ab",
    "01234567-0123-0123-0123-0123456789ab",
    "sha256:" + "0" * 64,
    "text/csv",
    "US",
    "Mon:01:00",
    "1D",
    "1K",
    "p5",
    "Python 3.11",
    "10.0.0.0/8",
    "UserName",
    "DisplayName",
    "notebook-al2-v2",
    "ml.thing",
    "pool_1",
    "dzd-thing",
    "None",
    "default",
    "i-01234567",
    "vpc-01234567",
    "eni-01234567",
    "vol-01234567",
    "ami-01234567",
    "fs-0123456789",
    "fs-0123456789.example.com",
    *(
        f"{ARN}:{each}"
        for each in (
            "experiment/thing",
            "artifact/thing",
            "cluster/0123456789ab",
            "image/thing",
            "image-version/thing/1",
            "human-task-ui/thing",
            "mlflow-app/thing",
            "model/thing",
            "model-card/thing/export-job/thing",
            "model-package/thing",
            "model-package-group/thing",
            "partner-app/app-0123456789AB",
            "pipeline/thing/execution/thing",
            "reserved-capacity/thing",
            "training-plan/thing",
            "workteam/thing",
            "hub-content/thing/Model/thing",
            "hub-content/thing/DataSet/thing",
        )
    ),
    *(
        f"arn:aws:{each}"
        for each in (
            "sagemaker:us-east-1:aws:hub-content/thing/Model/thing",
            "eks:us-east-1:123456789012:cluster/thing",
            "secretsmanager:us-east-1:123456789012:secret:thing",
            "codewhisperer:us-east-1:thing:thing",
            "sso::123456789012:application/thing/apl-thing",
            "sso:::instance/ins-0123456789abcdef",
            "sns:us-east-1:123456789012:thing",
            "lambda:us-east-1:123456789012:function:thing",
            "kms:us-east-1:123456789012:key/0123",
        )
    ),
)


def value(shape: Shape, *, full: bool, parents: tuple[str, ...] = ()) -> Any:
    """Return a value as a boto3 user gives it; `full` fills optional members, too (recursion is cut)."""
    low = int(shape.metadata.get("min", 0))
    match shape.type_name:
        case "structure":
            return structure(shape, full=full, parents=(*parents, shape.name))
        case "list":
            # Lists are cut as well: they may hold themselves.
            is_cut = shape.name in parents or shape.member.name in parents
            inner = (*parents, shape.name)
            size = 0 if is_cut else max(low, int(full))
            return [value(shape.member, full=full, parents=inner) for _ in range(size)]
        case "map":
            size = max(low, int(full))
            return {text(shape.key): value(shape.value, full=full, parents=parents) for _ in range(size)}
        case "string":
            return text(shape)
        case kind:
            return PLAIN[kind](shape)


def number(shape: Shape) -> float:
    """Return 1, or what is nearest to it."""
    return max(min(1, shape.metadata.get("max", 1)), shape.metadata.get("min", 1))


PLAIN: dict[str, Callable[[Shape], Any]] = {
    "timestamp": lambda _: 1_800_000_000,
    "blob": lambda shape: b"{}".ljust(int(shape.metadata.get("min", 0))),
    "boolean": lambda _: True,
    "integer": number,
    "long": number,
    "float": number,
    "double": number,
}


def structure(shape: Shape, *, full: bool, parents: tuple[str, ...]) -> dict[str, Any]:
    """Return a structure: required members, with `full` all; one member when it is a union."""
    is_union = bool(getattr(shape, "is_tagged_union", False))
    names = [
        name
        for name, member in shape.members.items()
        if name in shape.required_members
        or (full and member.name not in parents and not member.serialization.get("eventstream"))
        or is_union
    ]
    return {
        name: value(shape.members[name], full=full, parents=parents)
        for name in (names[:1] if is_union else names)
    }


def text(shape: Shape) -> str:
    """Return a text that the shape allows."""
    allowed = getattr(shape, "enum", None)
    if allowed:
        return str(allowed[0])
    low, high = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 10**6))
    return _text(shape.metadata.get("pattern", ""), low, high)


@cache
def _text(pattern: str, low: int, high: int) -> str:
    compiled = patterns.compiled(pattern) if pattern else None

    def fits(each: str) -> bool:
        return low <= len(each) <= high and (compiled is None or compiled.fullmatch(each) is not None)

    for each in LIKELY:
        if fits(each):
            return each
        if fits(each.ljust(low, "x")[:high]):
            return each.ljust(low, "x")[:high]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = st.from_regex(compiled, fullmatch=True)
        return find(made, fits, settings=settings(database=None, derandomize=True, max_examples=2000))


def broken(shape: Shape, good: dict[str, Any]) -> list[dict[str, Any]]:
    """Return JSON bodies that break a rule: a required member left out, other types, bounds passed."""
    names = [name for name, member in shape.members.items() if not member.serialization.get("location")]
    found = [
        {key: each for key, each in good.items() if key != name}
        for name in shape.required_members
        if name in names
    ]
    for name in names:
        member = shape.members[name]
        found += [good | {name: wrong} for wrong in WRONG.get(member.type_name, ([[]],))]
        if member.type_name == "string" and member.metadata.get("max", LONG) < LONG:
            found.append(good | {name: "x" * LONG})
    return found


LONG = 100_000
WRONG: dict[str, tuple[Any, ...]] = {
    "string": (7, ["x"], {}),
    "structure": ("text", ["x"]),
    "map": ("text", ["x"]),
    "list": ("text", {"a": 1}),
    "integer": (10**30, "text"),
    "long": (10**30, "text"),
    "boolean": ("text",),
}


DEEPEST = 6
"""Structures and lists inside of each other; deeper ones stay as small as they may be."""


def some(shape: Shape, chance: random.Random, depth: int = 0) -> Any:
    """Return a valid value that chance chose: some optional members, any of the allowed words, any bound."""
    if shape.type_name in SOME:
        return SOME[shape.type_name](shape, chance)
    low = int(shape.metadata.get("min", 0))
    high = min(int(shape.metadata.get("max", low + 2)), low + 2)
    places = range(low if depth > DEEPEST else chance.randint(low, high))
    match shape.type_name:
        case "structure":
            return _some_members(shape, chance, depth)
        case "list":
            return [some(shape.member, chance, depth + 1) for _ in places]
        case "map":
            return {_some_text(shape.key, chance): some(shape.value, chance, depth + 1) for _ in places}
        case kind:
            return PLAIN[kind](shape)


def _some_members(shape: Shape, chance: random.Random, depth: int) -> dict[str, Any]:
    names = [name for name, each in shape.members.items() if not each.serialization.get("eventstream")]
    if getattr(shape, "is_tagged_union", False):
        names = [chance.choice(names)]
    else:
        rate = 0 if depth > DEEPEST else chance.choice((0.1, 0.5, 0.9))
        names = [each for each in names if each in shape.required_members or chance.random() < rate]
    return {name: some(shape.members[name], chance, depth + 1) for name in names}


def _some_number(shape: Shape, chance: random.Random) -> float:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 2**31 - 1)
    found = chance.choice((low, high, max(low, min(high, chance.randint(0, 100)))))
    return float(found) if shape.type_name in ("float", "double") else int(found)


def _some_text(shape: Shape, chance: random.Random) -> str:
    if allowed := getattr(shape, "enum", None):
        return str(chance.choice(allowed))
    low, high = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 10**6))
    return chance.choice(_texts(shape.metadata.get("pattern", ""), low, high))


SOME: dict[str, Callable[[Shape, random.Random], Any]] = {
    "string": _some_text,
    "boolean": lambda _, chance: chance.random() < 0.5,
    **dict.fromkeys(("integer", "long", "float", "double"), _some_number),
}


@cache
def _texts(pattern: str, low: int, high: int) -> tuple[str, ...]:
    """Return the likely texts that a shape allows, the longest and the shortest, or one that is made."""
    compiled = patterns.compiled(pattern) if pattern else None
    likely = (*LIKELY, "x" * max(low, 1), "x" * min(high, 2000), "é€𝄞", "..", "a/b")
    found = [
        each for each in likely if low <= len(each) <= high and (compiled is None or compiled.fullmatch(each))
    ]
    return tuple(found) or (_text(pattern, low, high),)


JUNK: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**30, 1.5, float("inf"), "", "x", "x" * 5000, "\0", "../../x", "é€𝄞"),
    *([], {}, [None], [[[]]], {"": None}, {"a": {"b": []}}),
)


def spoiled(body: Any, chance: random.Random) -> Any:
    """Return a JSON value with one place of it, at any depth, taken away or replaced by junk."""
    if isinstance(body, dict) and body and chance.random() < 0.85:
        key = chance.choice(sorted(body))
        rest = {name: each for name, each in body.items() if name != key}
        return rest if chance.random() < 0.15 else rest | {key: spoiled(body[key], chance)}
    if isinstance(body, list) and body and chance.random() < 0.85:
        place = chance.randrange(len(body))
        return [spoiled(each, chance) if place == number else each for number, each in enumerate(body)]
    return chance.choice(JUNK)
