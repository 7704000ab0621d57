"""A CSV with a header as rows of text, and the few ways in which the steps look at it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sagewind import csv_text, load
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sagewind import spec

ROW = "row"
"""The id column of a table that has none."""
PREDICTION = "prediction"
"""What scores and baselines call a model's answer."""


class RowsError(SagewindError):
    """A table lacks a column, or its rows do not fit its header."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The header, and each row as wide as it."""

    name: str
    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, content: bytes, name: str) -> Rows:
        """Read CSV bytes; `name` is what errors call the table.

        Raises:
            RowsError: another kind of file, no UTF-8, no header, an open quote, or a row of another width.

        """
        if kind := csv_text.other_than_csv(content[: csv_text.HEAD]):
            raise RowsError(f"{name}: is {kind}; a CSV file is needed")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RowsError(f"{name}: byte {error.start} is not UTF-8") from error
        reader = csv_text.reader(io.StringIO(text, newline=""))
        try:
            lines = [row for row in reader if row]
        except csv.Error as error:
            raise RowsError(f"{name} line {reader.line_num}: {error}") from error
        if not lines:
            raise RowsError(f"{name}: is empty; a header and rows are needed")
        header = tuple(lines[0])
        for number, row in enumerate(lines[1:], start=2):
            if len(row) != len(header):
                raise RowsError(f"{name}: row {number} has {len(row)} values; the header has {len(header)}")
        return cls(name=name, header=header, cells=tuple(map(tuple, lines[1:])))

    def pick(self, columns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Return these columns of every row, in this order.

        Raises:
            RowsError: there is no such column.

        """
        missing = [name for name in columns if name not in self.header]
        if missing:
            raise RowsError(
                f"{self.name}: has no column {', '.join(missing)}; it has {', '.join(self.header)}"
            )
        places = [self.header.index(name) for name in columns]
        return tuple(tuple(row[place] for place in places) for row in self.cells)

    def columns(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return these columns by name."""
        picked = self.pick(names)
        return {name: [row[place] for row in picked] for place, name in enumerate(names)}

    def with_ids(self, id_column: str) -> Rows:
        """Return the table with an id column: its own, or one of row numbers from 1 on."""
        if id_column:
            return self
        numbered = tuple((str(number), *row) for number, row in enumerate(self.cells, start=1))
        return Rows(name=self.name, header=(ROW, *self.header), cells=numbered)

    def ordered(self, columns: tuple[str, ...]) -> Rows:
        """Return the table with these columns alone, in this order.

        Raises:
            RowsError: there is no such column.

        """
        return self if self.header == columns else replace(self, header=columns, cells=self.pick(columns))

    def to_csv(self) -> bytes:
        """Return the table as CSV with its header."""
        return to_csv([self.header, *self.cells])


def to_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as CSV without a header."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def own_header(model: spec.Model) -> tuple[str, ...]:
    """Return the columns of the table that travels with the spec.

    Raises:
        RowsError: its first line cannot be read.

    """
    file = load.data_file(model)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        try:
            return tuple(next(csv_text.reader(lines), ()))
        except (csv.Error, UnicodeDecodeError) as error:
            raise RowsError(f"{file.name}: is no CSV in UTF-8: {error}") from error


def features(model: spec.Model, header: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that the model is given, in its order."""
    no_features = {model.data.target, model.data.id_column, ROW}
    return model.score.features or tuple(name for name in header if name not in no_features)
