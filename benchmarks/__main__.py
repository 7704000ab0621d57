"""`python -m benchmarks [quick] [--only NAME …] [--rounds N]`: measure, and write RESULTS.md and plots."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import airflow, batch, control, environments, online, parse, plots, report, training
from benchmarks.figures import Figures, Target

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLES = "samples.json"


def main(argv: list[str]) -> int:
    """Measure what was asked for; parts measured earlier stay in the report until they are measured again."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("way", nargs="?", choices=["all", "quick"], default="all")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of load for each cell of the online tables")
    parser.add_argument(
        "--only", nargs="+", help="names of parts: online, models, control, batch, parse, jobs, airflow"
    )
    arguments = parser.parse_args(argv)
    quick = arguments.way == "quick"
    rounds = arguments.rounds or (3 if quick else 5)
    parts = _parts(rounds, arguments.seconds or (1.0 if quick else 2.0), quick=quick)
    kept = Path(__file__).parent / _SAMPLES
    everything = {each.key: each for each in _read(kept)}
    for name in arguments.only or parts:
        folder = environments.scratch()
        print(f"{name} …", flush=True)
        try:
            for part in parts[name](folder):
                part.notes.append(f"Load averages of the machine at the end: {report.load()}.")
                everything[part.key] = part
                plots.write(part, kept.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        _write(kept, list(everything.values()))
        report.write(list(everything.values()), command=f"make bench{'-quick' * quick}")
    print(f"written: {report.RESULTS}")
    return 0


def _parts(rounds: int, seconds: float, *, quick: bool) -> dict[str, Callable[[Path], list[Figures]]]:
    return {
        "online": lambda folder: online.run(rounds, folder, quick=quick, seconds=seconds),
        "models": lambda folder: online.run_others(
            min(rounds, 2) if quick else rounds, folder, quick=quick, seconds=seconds
        ),
        "control": lambda folder: control.run(rounds, folder),
        "batch": lambda folder: batch.run(rounds, folder, quick=quick),
        "parse": lambda folder: parse.run(rounds, folder, quick=quick),
        "jobs": lambda _folder: training.run(rounds, quick=quick),
        "airflow": lambda folder: airflow.run(min(rounds, 2) if quick else rounds, folder),
    }


def _read(path: Path) -> list[Figures]:
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    return [Figures(**each | {"targets": [Target(**one) for one in each["targets"]]}) for each in found]


def _write(path: Path, parts: list[Figures]) -> None:
    rows = [vars(part) | {"targets": [vars(one) for one in part.targets]} for part in parts]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
