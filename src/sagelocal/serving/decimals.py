"""Tables of plain decimal numbers, as text, to float32: many numbers at a time, the same bits as one by one.

A client's rows are mostly numbers like `5.1` or `-6.400000095367432`, and reading them one by one costs more
than a forest's answer. Here the digits of all numbers are gathered eight at a time into 64-bit words, as in
https://lemire.me/blog/2022/01/21/swar-explained-parsing-eight-digits/, and divided by their powers of ten.

The result is what `float` and a cast to float32 give. A quotient of two exact doubles is correctly rounded;
digits beyond 2**53 make it inexact by less than two units in the last place, which shows in float32 only at a
boundary between two of its numbers: such a number is read again by `float`, as are the few with exponents
or very many digits. What is not plain (blanks, empty fields, rows of different lengths) is left to the
caller: the answer is None.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

LONGEST = 18
"""Digits of a number; more do not fit into 63 bits."""
_EXACT = 1 << 53
_WORD = 8
_PADDING = b"0" * 3 * _WORD
# For a number with k digits in a word: the word's last k bytes, which are its highest.
_KEEP = np.array([(1 << 64) - (1 << (64 - 8 * k)) if k else 0 for k in range(_WORD + 1)], dtype=np.uint64)
_POWERS = np.array([10.0**k for k in range(LONGEST + 1)])
_ODD_SHARE = 16
"""When more than one number in so many is to be read by itself, all may as well be."""
_NEAR = 4
"""Units in the last place of a double within which a boundary between floats counts as met."""
_BOUNDARY = 1 << 28
_BELOW_FLOAT = np.uint64((1 << 29) - 1)
_FACTORS = tuple(
    (np.uint64(mask), np.uint64(factor), np.uint64(shift))
    for mask, factor, shift in (
        (0x0F0F0F0F0F0F0F0F, 2561, 8),
        (0x00FF00FF00FF00FF, 6553601, 16),
        (0x0000FFFF0000FFFF, 42949672960001, 32),
    )
)


def from_json(body: bytes) -> Any:
    """Return the float32 array (rows by columns) of a JSON array of arrays of numbers; None: not plain."""
    return _table(body, _SPACED if b" " in body else _COMPACT, strict=True)


def from_csv(body: bytes) -> Any:
    """Return the float32 array (rows by columns) of lines of numbers; None: not plain."""
    text = body.replace(b"\r\n", b"\n") if b"\r" in body else body
    return _table(text if text.endswith(b"\n") else text + b"\n", _CSV, strict=False)


class _Layout(NamedTuple):
    """What stands before, between and after the numbers of a table."""

    head: bytes
    comma: bytes
    line: bytes
    tail: bytes

    def width(self, skeleton: bytes) -> int:
        """Return the columns of a table without its numbers; 0 when that is none of this layout."""
        width = skeleton.count(b",", 0, skeleton.find(self.tail[:1])) + 1
        row = self.comma * (width - 1)
        inner = len(skeleton) - len(self.head) - len(row) - len(self.tail)
        rest = (self.line + row) * (inner // len(self.line + row))
        return width if skeleton == self.head + row + rest + self.tail else 0


_CSV = _Layout(b"", b",", b"\n", b"\n")
_COMPACT = _Layout(b"[[", b",", b"],[", b"]]")
_SPACED = _Layout(b"[[", b", ", b"], [", b"]]")
"""As `json.dumps` writes it."""


def _table(text: bytes, layout: _Layout, *, strict: bool) -> Any:
    """Read a table; `strict` takes only what is a number in JSON too (`.5`, `5.`, `05` are none)."""
    width = layout.width(text.translate(None, b"0123456789.-+e"))
    if not width or not text.startswith(layout.head) or not text.endswith(layout.tail):
        return None
    text = text[len(layout.head) :]
    codes = np.frombuffer(text, dtype=np.uint8)
    places = _places(codes, layout, width)
    if places is None:
        return None
    starts, ends = places
    digits = text[: -len(layout.tail)].translate(None, b".-+e[] ")
    found = _found(text, np.frombuffer(digits, dtype=np.uint8), starts, ends)
    if found is None or (strict and not _is_json(found)):
        return None
    values = _values(digits, found, strict=strict)
    if values is None:
        return None
    try:
        for number in np.flatnonzero(found.odd):
            word = text[starts[number] : ends[number]]
            values[number] = np.float32(json.loads(word) if strict else float(word))
    except ValueError:
        return None
    return values.reshape(-1, width)


def _places(codes: Any, layout: _Layout, width: int) -> tuple[Any, Any] | None:
    """Return where each number starts and ends; None when there is one within what is between two."""
    inner = codes[: -len(layout.tail)]
    is_one = inner == ord(",")
    if layout is _CSV:
        is_one |= inner == ord("\n")
    commas = np.flatnonzero(is_one)
    starts = np.concatenate(([0], commas + len(layout.comma)))
    ends = np.append(commas, len(inner))
    if len(layout.comma) > 1 and not (codes[commas + 1] == ord(" ")).all():
        return None
    if len(layout.line) > len(layout.comma):  # by two brackets
        lasts, firsts = ends[width - 1 : -1 : width], starts[width::width]
        lasts -= 1
        if not ((codes[lasts] == ord("]")).all() and (codes[firsts] == ord("[")).all()):
            return None
        firsts += 1
    return starts, ends


class _Found(NamedTuple):
    """What is known of each number in a text: an array of each."""

    negative: Any
    fractions: Any
    """Digits after the point; -1 without one."""
    tails: Any
    """Where its digits end, in the text of all digits."""
    lengths: Any
    """Digits."""
    leads_with_zero: Any
    odd: Any
    """Whether it is to be read by itself."""


def _found(text: bytes, digits: Any, starts: Any, ends: Any) -> _Found | None:
    """Look at all numbers; None when a sign or a point is where none can be, or too many are odd."""
    codes = np.frombuffer(text, dtype=np.uint8)
    exponents = np.flatnonzero(codes == ord("e")) if b"e" in text else starts[:0]
    after = codes[exponents + 1]
    negative = codes[starts] == ord("-")
    fractions = _fractions(codes, starts, ends)
    tails = np.append(np.flatnonzero(digits < ord("0")), len(digits))
    lengths = np.diff(tails, prepend=-1) - 1
    odd = lengths > LONGEST
    odd[np.searchsorted(ends, exponents)] = True
    if (
        fractions is None
        or lengths.min() < 1
        or np.count_nonzero(odd) > len(odd) // _ODD_SHARE
        or text.count(b"+") != np.count_nonzero(after == ord("+"))
        or np.count_nonzero(codes == ord("-"))
        != np.count_nonzero(negative) + np.count_nonzero(after == ord("-"))
    ):
        return None
    leads_with_zero = digits[tails - lengths] == ord("0")
    return _Found(negative, fractions, tails, lengths, leads_with_zero, odd)


def _fractions(codes: Any, starts: Any, ends: Any) -> Any:
    """Return how many digits follow each number's point, -1 where it has none; None when one has two."""
    found = np.full(len(ends), -1)
    places = np.flatnonzero(codes == ord("."))
    if not len(places):
        return found
    if len(places) == len(ends):
        owners: Any = slice(None)
        is_own = bool(((places >= starts) & (places < ends)).all())
    else:
        owners = np.searchsorted(ends, places)
        is_own = bool((np.diff(owners) > 0).all())
    if not is_own:
        return None
    found[owners] = ends[owners] - places - 1
    return found


def _is_json(found: _Found) -> bool:
    """Tell whether every number is one in JSON: digits around its point, and no needless zero before."""
    before = found.lengths - np.maximum(found.fractions, 0)
    is_one = (before >= 1) & (found.fractions != 0) & ~(found.leads_with_zero & (before > 1))
    return bool((is_one | found.odd).all())


def _whole(digits: bytes, tails: Any, lengths: Any) -> Any:
    """Return each number's digits as one whole number (uint64)."""
    padded = _PADDING + digits
    # At every byte the eight bytes from there; void has no alignment, so that any place will do.
    words = np.ndarray(shape=(len(padded) - _WORD + 1,), dtype="V8", buffer=padded, strides=(1,))
    whole = np.zeros(len(tails), dtype=np.uint64)
    for done in range(0, min(int(lengths.max()), LONGEST), _WORD):
        word = words[tails + (len(_PADDING) - _WORD - done)].view("<u8")
        word &= _KEEP.take(lengths - done, mode="clip")
        for mask, factor, shift in _FACTORS:
            word &= mask
            word *= factor
            word >>= shift
        whole += word * np.uint64(10**done)
    return whole


def _values(digits: bytes, found: _Found, *, strict: bool) -> Any:
    """Return the numbers as float32, but for odd ones; None where JSON would have it otherwise.

    Those that a boundary between floats is near to become odd.
    """
    whole = _whole(digits, found.tails, found.lengths)
    whole[found.odd] = 0
    largest, is_whole = int(whole.max()), found.fractions < 0
    # JSON's whole numbers are no doubles on their way to float32, and have no negative zero.
    if strict and is_whole.any():
        zero = found.negative & is_whole & (whole == 0) & ~found.odd
        if largest >= _EXACT or zero.any():
            return None
    values = whole.astype(np.float64) / _POWERS[np.minimum(np.maximum(found.fractions, 0), LONGEST)]
    np.negative(values, out=values, where=found.negative)
    if largest >= _EXACT:
        below = (values.view(np.uint64) & _BELOW_FLOAT).astype(np.int64)
        np.logical_or(found.odd, np.abs(below - _BOUNDARY) <= _NEAR, out=found.odd)
    return values.astype(np.float32)
