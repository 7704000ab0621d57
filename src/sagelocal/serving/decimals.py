"""Tables of plain decimal numbers, as text, to float32: many numbers at a time, the same bits as one by one.

A client's rows are mostly numbers like `5.1` or `-6.400000095367432`, and reading them one by one costs more
than a forest's answer. Here the digits of all numbers are gathered eight at a time into 64-bit words, as in
https://lemire.me/blog/2022/01/21/swar-explained-parsing-eight-digits/.

The result is what `float` and a cast to float32 give. Both round monotonically: when a number lies between
two that become the same float32, so does it. So eight digits after the point do for most numbers, sixteen for
nearly all; the few others are read by `float`, as are those with exponents. What is not plain (blanks, empty
fields, rows of different lengths) is left to the caller: the answer is None.

Few looks are had at all bytes: for commas, for points, and one that counts digits. What stands between
numbers is looked at where it must be; with all that accounted for, the count says that numbers hold digits.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

LONGEST = 18
"""Digits of a number before its point; more do not fit into 63 bits."""
_EXACT = float(1 << 53)
"""Whole numbers below it are doubles."""
_WORD = 8
_PADDING = b"0" * 3 * _WORD
_DIGITS = 0x0F0F0F0F0F0F0F0F
# Of k digits in a word, the last k bytes, which are its highest, or the first k.
_LAST = np.array([_DIGITS >> (64 - 8 * k) << (64 - 8 * k) for k in range(_WORD + 1)], dtype=np.uint64)
_FIRST = np.array([_DIGITS & ((1 << 8 * k) - 1) for k in range(_WORD + 1)], dtype=np.uint64)
_FEW = 3
"""Digits up to which they are sooner read one by one than as a word."""
_ODD_SHARE = 16
"""When more than one number in so many is to be read by itself, all may as well be."""
_DOUBT = 2.0**-50
"""The share of itself that a double may be off by, more than four roundings make."""
_FACTORS = tuple(
    (np.uint64(factor), np.uint64(shift), np.uint64(mask))
    for factor, shift, mask in (
        (2561, 8, 0x00FF00FF00FF00FF),
        (6553601, 16, 0x0000FFFF0000FFFF),
        (42949672960001, 32, 0x00000000FFFFFFFF),
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


_CSV = _Layout(b"", b",", b"\n", b"\n")
_COMPACT = _Layout(b"[[", b",", b"],[", b"]]")
_SPACED = _Layout(b"[[", b", ", b"], [", b"]]")
"""As `json.dumps` writes it."""


class _Found(NamedTuple):
    """What is known of each number in a text: an array of each."""

    starts: Any
    ends: Any
    fractions: Any
    """Digits after the point; -1 without one."""
    negative: Any
    lengths: Any
    """Digits."""
    odd: Any
    """Whether it is to be read by itself."""

    @property
    def decimals(self) -> Any:
        """Digits after the point; 0 without one."""
        return np.maximum(self.fractions, 0)


def _table(text: bytes, layout: _Layout, *, strict: bool) -> Any:
    """Read a table; `strict` takes only what is a number in JSON too (`.5`, `5.`, `05` are none)."""
    if not text.startswith(layout.head) or not text.endswith(layout.tail):
        return None
    width = text.count(b",", 0, text.find(layout.tail[:1])) + 1
    codes = np.frombuffer(text, dtype=np.uint8)
    found = _found(codes, layout, width)
    if found is None or (strict and not _is_json(codes, found)):
        return None
    values = _values(text, found, strict=strict)
    if values is None:
        return None
    try:
        for number in np.flatnonzero(found.odd):
            word = text[found.starts[number] : found.ends[number]]
            values[number] = np.float32(json.loads(word) if strict else float(word))
    except ValueError:
        return None
    return values.reshape(-1, width)


def _found(codes: Any, layout: _Layout, width: int) -> _Found | None:
    """Look at all numbers; None when anything is where it cannot be, or too many are odd."""
    inner = codes[: -len(layout.tail)]
    is_comma = inner == ord(",")
    if layout is _CSV:
        is_comma |= inner == ord("\n")
    spans = _spans(codes, np.flatnonzero(is_comma), layout, width)
    if spans is None:
        return None
    starts, ends = spans
    fractions = _fractions(np.flatnonzero(inner == ord(".")), starts, ends)
    if fractions is None:
        return None
    negative = codes.take(starts) == ord("-")
    lengths = ends - starts
    lengths -= negative
    lengths -= fractions >= 0
    odd = lengths - np.maximum(fractions, 0) > LONGEST
    if lengths.min() < 1 or not _are_numbers(codes, ends, lengths, odd):
        return None
    return _Found(starts, ends, fractions, negative, lengths, odd)


def _spans(codes: Any, commas: Any, layout: _Layout, width: int) -> tuple[Any, Any] | None:
    """Return where each number starts and ends; None when what is between two is not the layout's."""
    rows, rest = divmod(len(commas) + 1, width)
    if rest:
        return None
    starts = np.empty(len(commas) + 1, dtype=np.intp)
    starts[0] = len(layout.head)
    np.add(commas, len(layout.comma), out=starts[1:])
    ends = np.append(commas, len(codes) - len(layout.tail))
    if len(layout.comma) > 1 and not (codes.take(commas + 1) == ord(" ")).all():
        return None
    lasts, firsts = ends[width - 1 : -1 : width], starts[width::width]
    if layout is _CSV:
        is_line = codes.take(commas) == ord("\n")
        is_table = is_line.sum() == rows - 1 and is_line[width - 1 :: width].all()
        return (starts, ends) if is_table else None
    lasts -= 1  # by two brackets
    if not ((codes[lasts] == ord("]")).all() and (codes[firsts] == ord("[")).all()):
        return None
    firsts += 1
    return starts, ends


def _fractions(points: Any, starts: Any, ends: Any) -> Any:
    """Return how many digits follow each number's point, -1 where it has none; None when one has two."""
    if len(points) == len(ends):
        return ends - points - 1 if ((points >= starts) & (points < ends)).all() else None
    found = np.full(len(ends), -1)
    owners = np.searchsorted(ends, points)
    if not (np.diff(owners) > 0).all():
        return None
    found[owners] = ends[owners] - points - 1
    return found


def _are_numbers(codes: Any, ends: Any, lengths: Any, odd: Any) -> bool:
    """Tell whether numbers are all digits but for their signs and points; those with exponents become odd."""
    others = int(lengths.sum()) - int(np.count_nonzero(codes - np.uint8(ord("0")) < 10))  # noqa: PLR2004
    if others:
        exponents = np.flatnonzero(codes == ord("e"))
        after = codes[exponents + 1]
        others -= len(exponents) + int(np.count_nonzero((after == ord("-")) | (after == ord("+"))))
        odd[np.searchsorted(ends, exponents)] = True
    return not others and int(np.count_nonzero(odd)) <= len(odd) // _ODD_SHARE


def _is_json(codes: Any, found: _Found) -> bool:
    """Tell whether every number is one in JSON: digits around its point, and no needless zero before."""
    before = found.lengths - found.decimals
    is_one = (codes.take(found.starts + found.negative) != ord("0")) | (before == 1)
    is_one &= found.fractions != 0
    is_one &= before >= 1
    is_one |= found.odd
    return bool(is_one.all())


def _values(text: bytes, found: _Found, *, strict: bool) -> Any:
    """Return the numbers as float32, but for odd ones; None where JSON would have it otherwise.

    Those of which too many digits would be wanted become odd.
    """
    words = _words(text)
    decimals = found.decimals
    begins = found.ends - decimals
    begins += len(_PADDING)
    whole = _whole(words, begins - (found.fractions >= 0), found.lengths - decimals)
    is_whole = found.fractions < 0
    # JSON's whole numbers are no doubles on their way to float32, and have no negative zero.
    if strict and is_whole.any():
        is_other = (whole >= _EXACT) | (found.negative & (whole == 0))
        if (is_other & is_whole & ~found.odd).any():
            return None
    values = whole.astype(np.float64)
    if decimals.any():
        values = _with_fractions(words, begins, values, found)
    values = values.astype(np.float32, copy=False)
    if found.negative.any():
        np.negative(values, out=values, where=found.negative)
    return values


def _words(text: bytes) -> Any:
    """Return at every byte the eight bytes from there; void has no alignment, so that any place will do."""
    padded = _PADDING + text + _PADDING
    return np.ndarray(shape=(len(padded) - _WORD + 1,), dtype="V8", buffer=padded, strides=(1,))


def _whole(words: Any, ends: Any, lengths: Any) -> Any:
    """Return the whole numbers (uint64) of so many digits that end in the text at `ends`."""
    most = min(int(lengths.max()), LONGEST)
    if most <= _FEW:
        return _by_digit(words, ends, lengths, most)
    whole = np.zeros(len(ends), dtype=np.uint64)
    for done in range(0, most, _WORD):
        word = _read(words, ends - (done + _WORD), _LAST.take(lengths - done, mode="clip"))
        word *= np.uint64(10**done)
        whole += word
    return whole


def _by_digit(words: Any, ends: Any, lengths: Any, most: int) -> Any:
    """Do as `_whole` does for the few digits that most numbers have before their point."""
    codes = np.frombuffer(words.base, dtype=np.uint8)
    whole = np.zeros(len(ends), dtype=np.uint64)
    for place in range(most):
        digit = codes.take(ends - (place + 1)) & np.uint8(0x0F)
        digit *= lengths > place
        whole += digit * np.uint64(10**place)
    return whole


def _read(words: Any, places: Any, keep: Any) -> Any:
    """Return the whole numbers of eight digits from `places` on; what is not to `keep` counts as zero."""
    word = words[places].view("<u8")
    word &= keep
    for factor, shift, mask in _FACTORS:
        word *= factor
        word >>= shift
        word &= mask
    return word


def _with_fractions(words: Any, begins: Any, whole: Any, found: _Found) -> Any:
    """Add to whole numbers (float64) the digits after their points; return float32.

    Eight digits say between which two doubles a number is. Where these are not one float32, eight more do.
    """
    decimals, scale = found.decimals, 10.0**_WORD
    scaled = whole * scale
    scaled += _read(words, begins, _FIRST.take(decimals, mode="clip"))
    low, high = scaled / scale, scaled + (decimals > _WORD)
    high /= scale
    is_rounded = scaled >= _EXACT
    if is_rounded.any():
        np.multiply(low, 1 - _DOUBT, out=low, where=is_rounded)
        np.multiply(high, 1 + _DOUBT, out=high, where=is_rounded)
        for each in (low, high):
            np.copyto(each, whole, where=decimals == 0)
    values = low.astype(np.float32)
    unsure = np.flatnonzero(values != high.astype(np.float32))
    if len(unsure):
        more = _read(words, begins[unsure] + _WORD, _FIRST.take(decimals[unsure] - _WORD, mode="clip"))
        low = scaled[unsure] / scale + more / scale**2
        high = (low + (decimals[unsure] > 2 * _WORD) / scale**2) * (1 + _DOUBT)
        low *= 1 - _DOUBT
        values[unsure] = low
        found.odd[unsure[low.astype(np.float32) != high.astype(np.float32)]] = True
    return values
