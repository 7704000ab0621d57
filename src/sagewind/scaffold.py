"""A new model's files: spec, scripts, data and tests that pass as they are, to be made one's own."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from sagewind.errors import SagewindError
from sagewind.sections import NAME

if TYPE_CHECKING:
    from pathlib import Path

_FILES = {
    "spec.yaml": "dags/models/{name}.yaml",
    "data.csv": "dags/data/{name}.csv",
    "train.py": "sm_code/{name}/train.py",
    "evaluate.py": "sm_code/{name}/evaluate.py",
    "requirements.txt": "sm_code/{name}/requirements.txt",
    "test_model.py": "tests/models/test_{module}.py",
}
_LONGEST = 32


class ScaffoldError(SagewindError):
    """A model cannot be begun under this name."""


def scaffold(project: Path, name: str) -> list[Path]:
    """Write the files of a new model; return them. Nothing is written over.

    Raises:
        ScaffoldError: the name is none, or a file of it is there already.

    """
    if not re.fullmatch(NAME, name) or len(name) > _LONGEST:
        allowed = f"letters, digits and inner hyphens, at most {_LONGEST}"
        raise ScaffoldError(f"name is {name!r}; allowed is {allowed}")
    names = {"name": name, "module": name.replace("-", "_")}
    targets = {source: project / path.format(**names) for source, path in _FILES.items()}
    there = [str(path) for path in targets.values() if path.exists()]
    if there:
        raise ScaffoldError(f"{there[0]} exists already; nothing was written")
    for source, path in targets.items():
        template = resources.files("sagewind").joinpath("templates", "model", f"{source}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.read_text("utf-8").replace("@NAME@", name), "utf-8")
    return list(targets.values())
