"""A world that patients come from: a hundred days of rows, whose nature changes on one of them.

Rows are the diabetes table's, drawn anew for each day. From `DRIFT` on the patients are heavier, but a
new treatment halves the progression of their disease, which no model of the days before can know.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import random
from pathlib import Path

ROOT = Path(__file__).parents[2]
START = dt.date(2026, 1, 5)
"""A Monday: the first one on which a model is trained."""
WEEKS = int(os.environ.get("SEASONS_WEEKS", "13"))
"""Thirteen are a quarter of a year; two are enough to see the change."""
BEFORE = 14
"""Days of history when the first model is trained."""
DRIFT = START + dt.timedelta(days=7 * (WEEKS // 2) + 2)
"""The Wednesday in the middle of it."""
ROWS = 60
_TABLE = list(csv.DictReader(io.StringIO((ROOT / "dags" / "data" / "diabetes.csv").read_text())))


def days(first: dt.date, count: int) -> list[dt.date]:
    """Return so many days."""
    return [first + dt.timedelta(days=number) for number in range(count)]


def rows(day: dt.date) -> list[dict[str, str]]:
    """Return the patients of a day, the truth among the columns; the same each time."""
    dice = random.Random(day.isoformat())
    made = []
    for number, drawn in enumerate(dice.choices(_TABLE, k=ROWS)):
        row = {**drawn, "id": f"p{day:%m%d}{number:03d}"}
        progression = float(row["progression"]) + dice.gauss(0, 10)
        if day >= DRIFT:
            row["bmi"] = f"{float(row['bmi']) + 9:.1f}" if row["bmi"] else ""
            progression *= 0.5
        made.append({**row, "progression": f"{max(1.0, progression):.0f}"})
    return made


def table(day: dt.date, *columns: str) -> bytes:
    """Return these columns of a day as CSV, all of them when none is named."""
    found = rows(day)
    names = columns or tuple(found[0])
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in found)]
    return "\n".join(lines).encode() + b"\n"


def features(day: dt.date) -> bytes:
    """Return a day's rows as they arrive to be scored: without the truth."""
    return table(day, *(name for name in _TABLE[0] if name != "progression"))


def project(folder: Path) -> Path:
    """Make a project with one model, `season`: the diabetes model's scripts, and a spec of its own."""
    empty(folder)
    spec = (Path(__file__).parent / "season.yaml").read_bytes()
    (folder / "dags" / "models" / "season.yaml").write_bytes(spec)
    return folder


def empty(folder: Path) -> Path:
    """Make a project without a model, with the scripts and tables of this one."""
    models = folder / "dags" / "models"
    models.mkdir(parents=True)
    (folder / "plugins").symlink_to(ROOT / "plugins")
    (folder / "sm_code").symlink_to(ROOT / "sm_code")
    (folder / "dags" / "data").symlink_to(ROOT / "dags" / "data")
    (folder / "dags" / "from_specs.py").write_bytes((ROOT / "dags" / "from_specs.py").read_bytes())
    return folder
