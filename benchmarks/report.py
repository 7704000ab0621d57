"""Figures as Markdown: medians, ratios, targets with what was reached, the machine, the versions."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import environments

if TYPE_CHECKING:
    from benchmarks.figures import Figures, Target

RESULTS = Path(__file__).parent / "RESULTS.md"
_OWN = ("scikit-learn", "numpy", "uvloop", "httptools", "uvicorn", "apache-airflow", "boto3")
_PEERS = {
    "bentoml": ("bentoml",),
    "container": ("sagemaker-containers", "gunicorn", "gevent", "flask"),
    "dag-factory": ("dag-factory",),
    "litserve": ("litserve",),
    "mlflow": ("mlflow",),
    "mlserver": ("mlserver",),
    "moto": ("moto",),
    "pandas": ("pandas",),
    "ray": ("ray",),
}


def write(parts: list[Figures], *, command: str, path: Path = RESULTS) -> None:
    """Write RESULTS.md."""
    lines = [
        "# Results",
        "",
        f"Written by `{command}` on {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC: medians of rounds.",
        "In brackets: the median of the ratios within each round to the table's first-named reference.",
        "Absolute figures move with the machine's load, ratios less; each table says what the load was.",
        "",
        f"Machine: {os.cpu_count()} cores of {_processor()}, {platform.system()} {platform.release()},",
        f"Python {platform.python_version()}.",
        "",
        f"Versions: {', '.join(_versions())}.",
        "",
        "## Against the targets",
        "",
        "| what | column | target | reached | |",
        "|---|---|---|---|---|",
    ]
    lines += [line for part in parts for each in part.targets if (line := _target(part, each))]
    for part in parts:
        lines += ["", *_table(part)]
    path.write_text("\n".join(lines) + "\n")


def _target(part: Figures, target: Target) -> str:
    ratio = part.ratio(target.contender, target.reference, target.column)
    if ratio is None:
        return ""
    what = f"{part.title}: {target.contender} / {target.reference}"
    met = "met" if target.met(ratio) else "**missed**"
    return f"| {what} | {target.column} | {target.sign} {target.bound:g}× | {ratio:.2f}× | {met} |"


def _table(part: Figures) -> list[str]:
    lines = [f"## {part.title}", "", f"In {part.unit}; {_rounds(part)}; ratios to {part.reference}.", ""]
    if part.is_plotted and part.samples:
        lines += [f"![{part.title}](plots/{part.key}.svg)", ""]
    lines += ["| | " + " | ".join(part.columns) + " |", "|---" * (len(part.columns) + 1) + "|"]
    for name in part.samples:
        cells = [_cell(part, name, column) for column in part.columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- {note}" for note in part.notes)]
    lines += [f"- Not measured: {name}: {' '.join(why.split())[:300]}" for name, why in part.failures.items()]
    return lines


def _rounds(part: Figures) -> str:
    count = max((len(values) for row in part.samples.values() for values in row.values()), default=0)
    return f"{count} round{'s' * (count > 1)}"


def _cell(part: Figures, name: str, column: str) -> str:
    value, ratio = part.median(name, column), part.ratio(name, part.reference, column)
    if value is None:
        return "–"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return text if ratio is None else f"{text} ({ratio:.2f}×)"


def _versions() -> list[str]:
    own = [f"{name} {metadata.version(name)}" for name in _OWN]
    for lock, names in _PEERS.items():
        text = (environments.REQUIREMENTS / f"{lock}.txt").read_text()
        for name in names:
            found = re.search(rf"^{re.escape(name)}(?:\[\S*\])?==([^\s;\\]+)", text, re.MULTILINE)
            own += [f"{name} {found[1]}"] if found else []
    return own


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def load() -> str:
    """Return the machine's load averages: above its cores, others were at work beside the benchmark."""
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())
