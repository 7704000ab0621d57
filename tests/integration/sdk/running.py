"""Run a script by the real SDK: in the SDK's own environment, against a service of the script's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sklearn.datasets import load_iris
from tests.integration.conftest import start

from sagelocal.emulator import command, environment

if TYPE_CHECKING:
    from sagelocal.emulator import Emulator

HERE = Path(__file__).parent
REQUIREMENTS = HERE.parents[2] / "requirements"
SECONDS = 600
"""The SDKs poll endpoints and logs every 10 to 30 seconds, and a first run makes environments."""


NO_TELEMETRY = """
SchemaVersion: "1.0"
SageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}
"""
"""Nothing of a test is reported to Amazon."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a script ended, and what it said."""

    code: int
    output: str


def run(script: str, *, folder: Path, emulator: Emulator, home: Path = HERE) -> Ran:
    """Run `scripts/<script>.py` of `home`; what its name begins with, `v2` or `v3`, is the SDK."""
    lock = REQUIREMENTS / f"sdk{script[1]}.txt"
    python = environment.ensure(command.environments_folder(os.environ).with_name("sdk"), lock)
    workspace = _workspace(folder / "workspace", home)
    # The tutorial's image is of a scikit-learn that no current Python can install.
    service = start(
        folder / "data",
        "--on-exit",
        "stop",
        **emulator.client_environment,
        SAGELOCAL_IMAGE_POLICY="nearest",
    )
    try:
        done = subprocess.run(
            [python, "-W", "ignore", home / "scripts" / f"{script}.py"],
            cwd=workspace,
            env=_environ(service.data_dir, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        service.end()
    return Ran(code=done.returncode, output=done.stdout)


def _environ(data_dir: Path, home: Path) -> dict[str, str]:
    """Build what a user's shell has after `eval "$(sagelocal env)"`, and nothing of this one's."""
    (home / ".config" / "sagemaker").mkdir(parents=True)
    (home / ".config" / "sagemaker" / "config.yaml").write_text(NO_TELEMETRY)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    base = kept | {"HOME": str(home), "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
    told = subprocess.run(
        [sys.executable, "-m", "sagelocal", "env", "--json", "--data", data_dir],
        env=base,
        capture_output=True,
        text=True,
        check=True,
    )
    return base | json.loads(told.stdout)


def _workspace(folder: Path, home: Path) -> Path:
    """Lay out a user's folder: the tutorial's sources and its data, and what `home` has beside."""
    shutil.copytree(HERE / "workspace", folder)
    shutil.copytree(home / "workspace", folder, dirs_exist_ok=True)
    bunch = load_iris()
    rows = [",".join(map(str, row)) for row in bunch.data]
    labelled = [f"{row},{label}\n" for row, label in zip(rows, bunch.target, strict=True)]
    header = "SepalLengthCm,SepalWidthCm,PetalLengthCm,PetalWidthCm,Species\n"
    (folder / "iris.csv").write_text(header + "".join(labelled))
    (folder / "rows.csv").write_text("".join(f"{row}\n" for row in rows[::10]))
    with tarfile.open(folder / "inference.tar.gz", "w:gz") as packed:
        packed.add(folder / "src" / "train.py", "train.py")
    return folder
