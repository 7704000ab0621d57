"""Write the table of the second worked model: scikit-learn's diabetes data with ids and some holes.

    python tools/diabetes_data.py dags/data/diabetes.csv

The values are the original measures, not the scaled ones. What is missing is chosen by a fixed seed, so
the file is the same wherever it is made.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

SEED = 28
HOLES = {"bmi": 0.03, "bp": 0.05, "s6": 0.08}
"""Column → the share of its values that is left out."""


def rows() -> list[list[str]]:
    """Return the header and the rows as text; a missing value is empty."""
    data = load_diabetes(scaled=False)
    generator = np.random.default_rng(SEED)
    names = list(data.feature_names)
    holes = {name: generator.random(len(data.target)) < share for name, share in HOLES.items()}
    table = [["id", *names, "progression"]]
    for number, (measures, progression) in enumerate(zip(data.data, data.target, strict=True)):
        cells = [
            "" if name in holes and holes[name][number] else f"{value:g}"
            for name, value in zip(names, measures, strict=True)
        ]
        table.append([f"p{number:04d}", *cells, f"{progression:g}"])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows())
