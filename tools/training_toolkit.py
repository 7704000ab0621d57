"""Refresh what the real training toolkit says, for `tests/thorough/data/training_toolkit.json`.

That file holds cases: what SageMaker puts into a container (`hyperparameters`, `resourceconfig`,
`inputdataconfig`, `environment`, `cpus`), and what the toolkit makes of it (`env`, `set`, `args`). This
installs the toolkit into a temporary environment, has it look at each case's `/opt/ml` in a container of its
own, and writes its answers anew. To add a case, write its first five members. Run it by `make toolkit`; it
needs bubblewrap.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import uv

from sagelocal.container import isolation, process
from sagelocal.container.layout import OPT_ML, Layout

TOOLKIT = "sagemaker-training==5.1.4"
TARGET = Path(__file__).parents[1] / "tests" / "thorough" / "data" / "training_toolkit.json"
FILES = ("hyperparameters", "resourceconfig", "inputdataconfig")
SET = ("CURRENT_HOST", "SAGEMAKER_JOB_NAME", "SAGEMAKER_REGION")
"""Variables that the toolkit sets beside those that begin with SM_."""
ASK = f"""
import json, multiprocessing, os, sys
multiprocessing.cpu_count = lambda: int(sys.argv[1])
from sagemaker_training import environment, mapping
seen = environment.Environment()
said = {{
    "args": seen.to_cmd_args(),
    "env": {{name: value for name, value in seen.to_env_vars().items() if name.startswith("SM_")}},
    "set": {{name: os.environ[name] for name in {SET!r} if name in os.environ}},
}}
json.dump(said, open("/opt/ml/output/said.json", "w"))
"""
SECONDS = 120


class ToolkitError(RuntimeError):
    """The toolkit did not answer; the message is what it printed."""


def main() -> None:
    """Write the answers."""
    cases = json.loads(TARGET.read_text("utf-8"))
    isolated = isolation.probe("auto")
    if not isolated.bwrap:
        raise ToolkitError(f"a private /opt/ml is needed: {isolated.reason}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        python = install(root / "environment")
        for name, case in cases.items():
            case.update(ask(root / name, python, isolated, case))
    TARGET.write_text(json.dumps(cases, indent=1, sort_keys=True), "utf-8")


def install(place: Path) -> Path:
    """Make the toolkit's environment and return its interpreter."""
    command = [uv.find_uv_bin(), "--quiet"]
    subprocess.run([*command, "venv", "--python", sys.executable, str(place)], check=True)
    python = place / "bin" / "python"
    subprocess.run([*command, "pip", "install", "--python", str(python), TOOLKIT], check=True)
    return python


def ask(root: Path, python: Path, isolated: isolation.Isolation, case: dict[str, Any]) -> dict[str, Any]:
    """Return what the toolkit makes of a case."""
    tree = Layout(root / "ml")
    tree.make()
    for name in FILES:
        (tree.config / f"{name}.json").write_text(json.dumps(case[name]))
    (root / "hosts").write_text(isolation.hosts_text({}))
    view = isolation.View(
        ml=tree.root,
        scratch=root / "tmp",
        hosts_file=root / "hosts",
        hostname="algo-1",
        visible=(python.parents[1], Path(sys.base_prefix)),
    )
    lines: list[str] = []
    running = process.start(
        [str(python), "-c", ASK, str(case["cpus"])],
        env={"PATH": f"{python.parent}:/usr/bin:/bin", "LANG": "C.UTF-8", **case["environment"]},
        cwd=str(OPT_ML),
        isolation=isolated,
        view=view,
        on_line=lines.append,
    )
    end = running.wait(SECONDS)
    if end is None or not end.ok:
        raise ToolkitError("\n".join(lines))
    said: dict[str, Any] = json.loads((tree.output / "said.json").read_text())
    return said


if __name__ == "__main__":
    main()
