"""A new model's files: spec, scripts, data and tests that pass as they are, to be made one's own."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from sagewind import spec_schema
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
_PROJECT = {
    "from_specs.py": "dags/from_specs.py",
    "janitor.py": "dags/janitor.py",
    "rollback.py": "dags/rollback.py",
    "sagewind_plugin.py": "plugins/sagewind_plugin.py",
    "gitignore": ".gitignore",
}
_SCHEMA = "docs/reference/model-spec.schema.json"
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
    if f"{name}.py" in _PROJECT:
        raise ScaffoldError(
            f"name is {name!r}; allowed is what no DAG has: there is one of this name already"
        )
    names = {"name": name, "module": name.replace("-", "_")}
    targets = {source: project / path.format(**names) for source, path in _FILES.items()}
    there = [str(path) for path in targets.values() if path.exists()]
    if there:
        raise ScaffoldError(f"{there[0]} exists already; nothing was written")
    for source, path in targets.items():
        _write(path, _template("model", source).replace("@NAME@", name))
    return list(targets.values())


def project(folder: Path) -> list[Path]:
    """Write what a project needs once for all its models, where it is not there yet; return what was written.

    That is the DAG file that makes DAGs of specs, the DAGs for all models, the plugin, the schema that
    editors check specs with, and what git shall not keep.
    """
    wanted = {folder / path: _template("project", source) for source, path in _PROJECT.items()}
    wanted[folder / _SCHEMA] = spec_schema.text()
    missing = {path: text for path, text in wanted.items() if not path.exists()}
    for path, text in missing.items():
        _write(path, text)
    return list(missing)


def _template(kind: str, name: str) -> str:
    return resources.files("sagewind").joinpath("templates", kind, f"{name}.txt").read_text("utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
