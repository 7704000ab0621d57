r"""The service model's patterns are Java's regular expressions; this makes Python's of them.

Almost all are the same in both. The rest use Unicode categories (`\p{L}`) and POSIX classes (`\p{Alnum}`),
which Python's `re` does not know: these become ranges of characters, computed once from `unicodedata`.

Source: https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Pattern.html
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata

_POSIX = {
    "ASCII": r"\x00-\x7f",
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Lower": "a-z",
    "Upper": "A-Z",
    "Graph": r"\x21-\x7e",
    "Print": r"\x20-\x7e",
    "Punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "Space": r" \t\n\x0b\f\r",
    "XDigit": "0-9a-fA-F",
}
_PROPERTY = re.compile(r"\\p\{(\w+)\}")
_QUANTIFIED_END = re.compile(r"\$\{\d+,\d+\}")
# Java reads a surrogate pair in a class as one character beyond the basic plane; Python writes it plainly.
_SURROGATES = re.compile(r"\\uD800\\uDC00-\\uDBFF\\uDFFF", re.IGNORECASE)
_BEYOND_BASIC_PLANE = r"\U00010000-\U0010FFFF"


@functools.cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern for `fullmatch`, as Java's `matches()` does; None when Python cannot read it."""
    text = _SURROGATES.sub(lambda _: _BEYOND_BASIC_PLANE, pattern)
    text = _QUANTIFIED_END.sub("$", text).replace(r"\z", r"\Z")
    text = _outside_classes(text)
    try:
        return re.compile(text)
    except re.error:
        return None


def _outside_classes(text: str) -> str:
    r"""Replace each `\p{…}`: by its ranges inside a character class, by a class of its own outside."""
    result, end, depth = "", 0, 0
    for found in _PROPERTY.finditer(text):
        before = text[end : found.start()]
        depth = _class_depth(before, depth)
        ranges = _ranges(found[1])
        result += before + (ranges if depth else f"[{ranges}]")
        end = found.end()
    return result + text[end:]


def _class_depth(text: str, depth: int) -> int:
    """Tell whether a position after `text` is inside a character class (1) or not (0)."""
    escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter in "[]":
            depth = 1 if letter == "[" else 0
    return depth


def _ranges(name: str) -> str:
    if name in _POSIX:
        return _POSIX[name]
    if name not in _categories():
        return f"\\p{{{name}}}"  # left as it is: `compiled` then answers None
    return _categories()[name]


@functools.cache
def _categories() -> dict[str, str]:
    """Map each Unicode category and its first letter (`Lu`, `L`) to the ranges of its characters."""
    found: dict[str, list[str]] = {}
    start = 0
    for category, group in itertools.groupby(
        range(sys.maxunicode + 1), lambda c: unicodedata.category(chr(c))
    ):
        size = sum(1 for _ in group)
        text = f"\\U{start:08x}-\\U{start + size - 1:08x}"
        start += size
        for name in (category, category[0]):
            found.setdefault(name, []).append(text)
    return {name: "".join(ranges) for name, ranges in found.items()}
