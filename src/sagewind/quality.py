"""The data gate before training: a CSV held against a schema row by row, before a job is paid for.

The file is streamed, so its size does not matter, and it needs nothing beyond the standard library: the
check runs as a task on an Airflow worker, where a data frame library would be the largest thing
installed. Every broken rule is counted; the first rows that break it are listed with their line in the
file.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewind import csv_text
from sagewind.columns import ColumnCheck
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from sagewind.columns import Schema

MOST_LISTED = 100
_MARKS = {
    codecs.BOM_UTF8: "UTF-8 with a byte order mark",
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_DELIMITERS = (";", "\t", "|")


class DataError(SagewindError):
    """The file cannot be read as the table that it should be; the message names file and line."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule: `line` is the line in the file (1: the header), 0 for a rule about all of it."""

    file: str
    line: int
    column: str
    value: str
    rule: str

    def __str__(self) -> str:
        where = f"{self.file} line {self.line}" if self.line else self.file
        column = f" column {self.column!r}" if self.column else ""
        return f"{where}{column}: got {self.value!r}, expected {self.rule}"


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The outcome for one file: rows read, violations listed (at most 100), and the count of each rule."""

    file: str
    rows: int
    violations: tuple[Violation, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    nulls: dict[str, int] = field(default_factory=dict)
    """Column name → missing values."""

    @property
    def passed(self) -> bool:
        """Whether no rule was broken."""
        return not self.counts

    @property
    def total(self) -> int:
        """How often a rule was broken, listed or not."""
        return sum(self.counts.values())

    def require(self) -> None:
        """Raise unless the file passed.

        Raises:
            DataError: it did not; the message has the first rows that break a rule, and how many more
            there are.

        """
        if self.passed:
            return
        shown = [str(each) for each in self.violations[:10]]
        more = self.total - len(shown)
        raise DataError("\n".join([*shown, *([f"… and {more} more"] if more > 0 else [])]))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        listed = [vars(each) for each in self.violations]
        return {
            "file": self.file,
            "rows": self.rows,
            "passed": self.passed,
            "counts": self.counts,
            "nulls": self.nulls,
            "violations": listed,
        }


def check_csv(stream: BinaryIO, schema: Schema, *, file: str) -> Quality:
    """Hold a CSV (UTF-8, a header, commas) against the schema; `file` names it in errors.

    Raises:
        DataError: it is not a CSV with a header that has the schema's columns: empty, another encoding or
        delimiter,
            a byte order mark, a missing header, or a name twice.

    """
    text = _text(stream, file)
    lines = csv_text.reader(text)
    try:
        header = _header(next(lines, None), schema, file)
        return _check_rows(lines, header, schema, file)
    except csv.Error as error:
        raise DataError(f"{file} line {lines.line_num}: {error}") from error
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(f"{file} after line {lines.line_num}: byte {byte:#04x} is not UTF-8") from error
    finally:
        _release(text)


def _text(stream: BinaryIO, file: str) -> io.TextIOWrapper:
    """Decode as UTF-8 after looking at the first bytes."""
    raw: Any = stream
    buffered = io.BufferedReader(raw)
    head = buffered.peek(4)[:4]
    if not head:
        raise DataError(f"{file}: the file is empty")
    if kind := csv_text.other_than_csv(head):
        raise DataError(f"{file}: the file is {kind}; a CSV file is needed")
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            raise DataError(f"{file}: the file is {name}; save it as plain UTF-8")
    return io.TextIOWrapper(buffered, encoding="utf-8", newline="")


def _release(text: io.TextIOWrapper) -> None:
    """Let go of the caller's stream without closing it."""
    buffered: Any = text.detach()
    buffered.detach()


def _header(names: list[str] | None, schema: Schema, file: str) -> list[str]:
    """Return the header if it is one."""
    wanted = [column.name for column in schema.columns]
    if not names:
        raise DataError(f"{file} line 1: blank; expected the header {','.join(wanted)}")
    delimiter = next((each for each in _DELIMITERS if each in names[0]), "")
    if len(names) == 1 and names[0] not in wanted and delimiter:
        raise DataError(f"{file} line 1: the columns are separated by {delimiter!r}; expected ','")
    _require_names(names, wanted, f"{file} line 1")
    extra = [name for name in names if name not in wanted]
    if extra and not schema.allow_extra:
        raise DataError(f"{file} line 1: the header has {', '.join(extra)}, which the schema does not know")
    return names


def _require_names(names: list[str], wanted: list[str], where: str) -> None:
    """Raise unless each wanted name is there, once."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice and set(twice) & set(wanted):
        raise DataError(f"{where}: the header names {twice[0]!r} twice")
    missing = [name for name in wanted if name not in names]
    if len(missing) == len(wanted):
        raise DataError(f"{where}: expected the header {','.join(wanted)}; got {','.join(names)!r}")
    if missing:
        raise DataError(f"{where}: the header has no {', '.join(missing)}; it has {', '.join(names)}")


class _Tally:
    """Counts violations, and lists the first of each column and rule."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.listed: list[Violation] = []
        self.counts: Counter[str] = Counter()

    def add(self, line: int, column: str, value: str, rule: str) -> None:
        self.counts[f"{column}: {rule}" if column else rule] += 1
        if len(self.listed) < MOST_LISTED:
            shown = value if len(value) <= 80 else value[:77] + "..."  # noqa: PLR2004  (a line of a log)
            self.listed.append(Violation(file=self._file, line=line, column=column, value=shown, rule=rule))


def _check_rows(lines: Any, header: list[str], schema: Schema, file: str) -> Quality:
    tally = _Tally(file)
    checks = [(header.index(column.name), ColumnCheck(column)) for column in schema.columns]
    rows = 0
    for row, line in _numbered(lines):
        rows += 1
        if len(row) != len(header):
            tally.add(line, "", f"{len(row)} values", f"{len(header)} values, as the header has")
            continue
        for place, check in checks:
            broken = check.broken_by(row[place])
            if broken:
                tally.add(line, check.column.name, row[place], broken)
    _check_whole(tally, checks, schema, rows)
    nulls = {check.column.name: check.nulls for _, check in checks}
    return Quality(
        file=file, rows=rows, violations=tuple(tally.listed), counts=dict(tally.counts), nulls=nulls
    )


def _numbered(lines: Any) -> Iterator[tuple[list[str], int]]:
    """Yield each row that is not blank with the line on which it starts."""
    start = lines.line_num + 1
    for row in lines:
        if row:
            yield row, start
        start = lines.line_num + 1


def _check_whole(tally: _Tally, checks: list[tuple[int, ColumnCheck]], schema: Schema, rows: int) -> None:
    """Check what is only known at the end: rows, shares of missing values, classes of the target."""
    if rows < schema.min_rows:
        tally.add(0, "", f"{rows} rows", f"at least {schema.min_rows}")
    for _, check in checks:
        column = check.column
        if rows and check.nulls / rows > column.max_null_fraction > 0:
            rule = f"at most {column.max_null_fraction:.1%} missing"
            tally.add(0, column.name, f"{check.nulls / rows:.1%} missing", rule)
        if column.name == schema.target and rows and len(check.distinct) < schema.min_classes:
            rule = f"at least {schema.min_classes} different values to learn from"
            tally.add(0, column.name, ", ".join(sorted(check.distinct)) or "none", rule)
