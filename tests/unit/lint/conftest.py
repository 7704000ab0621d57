"""A script in a folder of its own, and the subject that declares it."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sagewind.lint import Declared, Metric, Place, Subject, lint

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = """
import argparse, os
import joblib

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=10)
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
    args, _ = parser.parse_known_args()
    print(f"accuracy={0.5:.4f};")
    joblib.dump({}, os.path.join(args.model_dir, "model.joblib"))
"""


@pytest.fixture
def rules(tmp_path: Path) -> Callable[..., list[str]]:
    """Return the rule ids found for a script and what is declared about it."""

    def run(script: str, **declared: Any) -> list[str]:
        return [finding.rule for finding in lint(_subject(tmp_path, script, **declared))]

    return run


@pytest.fixture
def subject(tmp_path: Path) -> Callable[..., Subject]:
    """Return a maker of subjects: a script's text and what is declared about it."""
    return functools.partial(_subject, tmp_path)


@pytest.fixture
def good() -> str:
    """Return a script with which nothing is wrong."""
    return GOOD


def _subject(folder: Path, script: str, **declared: Any) -> Subject:
    (folder / "train.py").write_text(script)
    place = Place(file=folder / "spec.yaml")
    for key in ("hyperparameters", "channels", "names"):
        if key in declared:
            declared[key] = {
                name: Declared(value=value, place=place) for name, value in declared[key].items()
            }
    if "role" in declared:
        declared["role"] = Declared(value=declared["role"], place=place)
    metrics = tuple(Metric(name="m", regex=regex, place=place) for regex in declared.pop("metrics", ()))
    return Subject(
        place=place,
        source_dir=folder,
        entry_point="train.py",
        metrics=metrics,
        **{"framework": "sklearn", "framework_version": "1.9-0", **declared},
    )


@pytest.fixture
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tutorial's own code: `src/train.py`, and `session.py` that trains with it."""
    text = Path(__file__).with_name("tutorial.txt").read_text()
    train, session = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "src").mkdir()
    (folder / "src" / "train.py").write_text(train)
    (folder / "session.py").write_text(session)
    return folder
