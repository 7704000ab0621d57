"""The models and rows of the online and batch benchmarks, made anew from fixed seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20261101


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A fitted model on disk as `<folder>/model.joblib`, and 1,000 rows to ask it about (float32)."""

    name: str
    model: Any
    folder: Path
    rows: Any

    @property
    def path(self) -> Path:
        """Return the model's file."""
        return self.folder / "model.joblib"


def train(folder: Path, *names: str) -> dict[str, Trained]:
    """Fit models and save them in the layout of a `model.tar.gz`."""
    return {name: _save(folder, name, *_MAKERS[name]()) for name in names}


def _save(folder: Path, name: str, model: Any, rows: Any) -> Trained:
    own = folder / name / "model"
    (own / "code").mkdir(parents=True)
    joblib.dump(model, own / "model.joblib")
    loading = "return joblib.load(f'{model_dir}/model.joblib')"
    script = f"import joblib\n\n\ndef model_fn(model_dir):\n    {loading}\n"
    (own / "code" / "inference.py").write_text(script)
    return Trained(name=name, model=model, folder=own, rows=rows)


def _iris(trees: int) -> tuple[Any, Any]:
    table, target = load_iris(return_X_y=True)
    generator = np.random.default_rng(SEED)
    rows = generator.uniform(table.min(0), table.max(0), (1000, 4)).round(1).astype(np.float32)
    return RandomForestClassifier(trees, random_state=SEED).fit(table, target), rows


def _wide() -> tuple[Any, Any]:
    table, target = make_classification(6000, 50, n_informative=20, n_classes=3, random_state=SEED)
    rows = table[5000:].round(3).astype(np.float32)
    return HistGradientBoostingClassifier(random_state=SEED).fit(table[:5000], target[:5000]), rows


_MAKERS = {
    "iris, forest of 10": lambda: _iris(10),
    "iris, forest of 100": lambda: _iris(100),
    "50 columns, HistGradientBoosting": _wide,
}
NAMES = tuple(_MAKERS)
