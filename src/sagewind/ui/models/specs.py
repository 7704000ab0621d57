"""Which models there are: the specs `models/*.yaml` of every DAG bundle, read again when a file has changed.

Where the API server has no DAG files (some managed Airflows), SAGEWIND_MODELS names folders of specs, parted
as PATH is; code and data need not be beside them there.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewind import load, overlay
from sagewind.errors import SagewindError
from sagewind.ui.models.values import Broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagewind import spec

VARIABLE = "SAGEWIND_MODELS"
FOLDER = "models"


@dataclass(frozen=True, kw_only=True)
class Specs:
    """The specs that can be used, by name, and those that cannot."""

    models: Mapping[str, spec.Model]
    broken: tuple[Broken, ...]


def read(folders: Iterable[Path], environ: Mapping[str, str] = os.environ) -> Specs:
    """Read every spec in the folders, sorted by name; of two of one name the first counts."""
    named = [Path(each) for each in environ.get(VARIABLE, "").split(os.pathsep) if each]
    models: dict[str, spec.Model] = {}
    broken: dict[str, Broken] = {}
    for folder in named or folders:
        for file in load.files(folder):
            found = _load(file, _changed(file), alone=bool(named))
            if isinstance(found, Broken):
                broken.setdefault(found.name, found)
            else:
                models.setdefault(found.name, found)
    kept = tuple(each for name, each in sorted(broken.items()) if name not in models)
    return Specs(models=dict(sorted(models.items())), broken=kept)


def of_bundles() -> list[Path]:
    """Return the folders of specs in Airflow's DAG bundles; one that is elsewhere is fetched first."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager  # noqa: PLC0415 - only when asked

    manager: Any = DagBundlesManager
    folders = []
    for bundle in manager().get_all_dag_bundles():
        bundle.initialize()
        folders.append(bundle.path / FOLDER)
    return folders


def _changed(file: Path) -> tuple[int, int]:
    """Return when a spec was written last, and what is laid over all of them; 0: it is not there."""
    spec_time, over_time = (
        each.stat().st_mtime_ns if each.exists() else 0 for each in (file, file.parent.parent / overlay.FILE)
    )
    return spec_time, over_time


@functools.lru_cache(maxsize=1024)
def _load(file: Path, changed: tuple[int, int], *, alone: bool) -> spec.Model | Broken:
    del changed  # only a key: a file that was written again is read again
    try:
        return load.load(file, alone=alone)
    except SagewindError as error:
        return Broken(name=file.stem, why=str(error))
