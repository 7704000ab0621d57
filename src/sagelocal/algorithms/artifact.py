"""The model artifact: arrays and plain values in one file, `model_algo-1`, as AWS's own containers name it.

The content is a NumPy archive with a JSON document in it: nothing in it is code, so loading one runs none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from sagelocal.algorithms.data import Array

FILE = "model_algo-1"
_VALUES = "values.json"


def save(folder: Path, values: dict[str, Any], **arrays: Array) -> None:
    """Write the artifact; `values` must have a JSON form."""
    document = np.frombuffer(json.dumps(values).encode(), dtype=np.uint8)
    with (folder / FILE).open("wb") as file:
        np.savez(file, allow_pickle=False, **{_VALUES: document}, **arrays)


def load(folder: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the values and the arrays of an artifact."""
    with np.load(folder / FILE, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    values: dict[str, Any] = json.loads(arrays.pop(_VALUES).tobytes())
    return values, arrays


def repository(folder: Path) -> str:
    """Return the algorithm's repository name, which every artifact holds under `algorithm`."""
    values, _ = load(folder)
    return str(values["algorithm"])
