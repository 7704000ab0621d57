"""A model's own scripts in a project's tests: trained and evaluated as its jobs would, in processes here.

from pathlib import Path
from sagewind import load
from sagewind.testing.scripts import assert_passes

def test_it_passes(tmp_path):
    assert_passes(load.load(Path(__file__).parents[2] / "dags" / "models" / "sorter.yaml"), tmp_path)
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

from sagewind import evaluation, gate, holdout, load, requests
from sagewind.errors import SagewindError
from sagewind.lint import arguments

if TYPE_CHECKING:
    from pathlib import Path

    from sagewind import spec


def assert_passes(model: spec.Model, folder: Path) -> None:
    """Train on the data that travels with the spec, evaluate on its held-out rows, hold it against the gate.

    What the scripts read and write is below `folder`, an empty one. There is no champion yet.

    Raises:
        AssertionError: a script failed (with its standard error), or the gate's rules do not hold.
        EvaluationError: evaluate.py left no metrics.
        SagewindError: the spec names no scripts that are here.

    """
    __tracebackhide__ = True
    train_and_evaluate(model, folder)
    rules = gate.thresholds(model.gate)
    if not rules:  # a challenge alone, and nobody to lose against
        return
    written = folder / "evaluation" / "evaluation.json"
    found = evaluation.parse(written.read_text(), source=str(written))
    decision = gate.decide(found.metrics, thresholds=rules, has_champion=False)
    if not decision.passed:
        raise AssertionError(f"model {model.name} does not pass its gate: {'; '.join(decision.failures)}")


def train_and_evaluate(model: spec.Model, folder: Path) -> None:
    """Run both scripts; leave `model/`, `output/` and `evaluation/` in `folder`.

    train.py is called with every hyperparameter's default, which are in `SM_HPS` and `SM_HP_…` too, and told
    its folders by `SM_CHANNEL_TRAIN`, `SM_MODEL_DIR` and `SM_OUTPUT_DATA_DIR`, as the training toolkit does;
    evaluate.py with the arguments of its processing job, and with `--model-dir`, `--test-dir` and
    `--output-dir` for the paths below /opt/ml/processing that it has there.

    Raises:
        AssertionError: a script failed; the message ends with its standard error.
        SagewindError: the spec names no scripts that are here.

    """
    __tracebackhide__ = True
    code = load.source_directory(model)
    if code is None or not model.evaluates_by_script:
        raise SagewindError(
            f"{model.path}: source.directory is {model.source.directory!r}, evaluation.entry_point is "
            f"{model.evaluation.entry_point!r}; expected a folder and a script"
        )
    table = load.data_file(model)
    parts = holdout.split(
        table.read_bytes(), share=model.evaluation.share, name=table.name, id_column=model.data.id_column
    )
    where = {name: folder / name for name in ("train", "model", "output", "artifact", "test", "evaluation")}
    for each in where.values():
        each.mkdir()
    (where["train"] / table.name).write_bytes(parts.train)
    (where["test"] / "test.csv").write_bytes(parts.test)
    given = requests.defaults(model)
    _run(
        code,
        [model.source.entry_point, *_words(given)],
        **_variables(given),
        SM_CHANNEL_TRAIN=str(where["train"]),
        SM_MODEL_DIR=str(where["model"]),
        SM_OUTPUT_DATA_DIR=str(where["output"]),
    )
    _archive(where["model"], into=where["artifact"])
    folders = {"model": where["artifact"], "test": where["test"], "output": where["evaluation"]}
    paths = [f"--{name}-dir={path}" for name, path in folders.items()]
    _run(code, [model.evaluation.entry_point, *requests.evaluation_arguments(model), *paths])


def _words(given: dict[str, str]) -> list[str]:
    """Return hyperparameters as a command line, as sagemaker-training's `mapping.to_cmd_args` does."""
    return [
        word for name in sorted(given) for word in (arguments.flag_of(name), arguments.word_of(given[name]))
    ]


def _variables(given: dict[str, str]) -> dict[str, str]:
    """Return hyperparameters as variables, as `mapping.to_env_vars` does."""
    decoded = {name: arguments.decode(text) for name, text in given.items()}
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in decoded.items()}
    return {"SM_HPS": json.dumps(decoded)} | {f"SM_HP_{name.upper()}": text for name, text in texts.items()}


def _archive(left: Path, into: Path) -> None:
    """Pack what a training left: evaluate.py gets the archive alone."""
    with tarfile.open(into / "model.tar.gz", "w:gz") as tar:
        tar.add(left, arcname=".")


def _run(code: Path, command: list[str], **variables: str) -> None:
    __tracebackhide__ = True
    done = subprocess.run(
        [sys.executable, *command],
        cwd=code,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        hint = _lacking(done.stderr)
        raise AssertionError(f"{command[0]} ended with {done.returncode}:\n{done.stderr}{hint}")


def _lacking(said: str) -> str:
    """Say where a package is missing: the image has those of its framework, these processes what is here."""
    found = re.search(r"^ModuleNotFoundError: No module named '([\w.]+)'", said, re.MULTILINE)
    if found is None:
        return ""
    return (
        f"The tests run on {sys.executable}, which lacks {found[1]!r}: install it there, if the image has it"
    )
