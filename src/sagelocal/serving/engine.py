"""How a default `predict_fn` gets its answer: the model's own `predict`, or a fitted forest's compiled trees.

On one row scikit-learn spends some twenty times longer in validation and dispatch than in the trees. A
fitted forest keeps its trees as compiled objects (`estimator.tree_`); averaging their values as
scikit-learn does gives the same bits. Nothing is taken on trust: when a model is loaded, both ways answer
rows made to exercise every threshold, and the short way is chosen only when every bit agrees. Rows that
scikit-learn would refuse or treat specially (NaN, infinities, a wrong number of columns) always go to
`predict`.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

FOREST_CLASSIFIERS = frozenset({"RandomForestClassifier", "ExtraTreesClassifier"})
FOREST_REGRESSORS = frozenset({"RandomForestRegressor", "ExtraTreesRegressor"})
TREES = (
    FOREST_CLASSIFIERS
    | FOREST_REGRESSORS
    | {
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
    }
)
ELEMENTWISE = frozenset(
    {
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "SimpleImputer",
        "OrdinalEncoder",
        "OneHotEncoder",
    }
)
FEW_ROWS = 256
"""Up to here a team of threads gains nothing even where its cores have nothing else to do."""
PROBE_ROWS = 512
_SEED = 20260101


@dataclass(frozen=True, kw_only=True)
class Engine:
    """`predict` answers a 2-D array; `description` is the log's line on which way was chosen and why.

    `features` is the number of columns the model was fitted on, or None; `row_wise` says that a row's
    answer does not depend on the other rows of the call, so that requests may be merged.
    """

    predict: Callable[[Any], Any]
    description: str
    features: int | None
    row_wise: bool
    by_trees: bool = False
    """Whether it is a forest's compiled trees."""


def choose(model: Any) -> Engine:
    """Return the fastest engine that provably answers as `model.predict` does."""
    features = getattr(model, "n_features_in_", None)
    row_wise = is_row_wise(model)
    plain = Engine(predict=_alone(model), description="model.predict", features=features, row_wise=row_wise)
    if type(model).__module__.partition(".")[0] != "sklearn":
        return plain
    forest = _forest(model)
    if forest is None:
        return plain
    disagreement = _disagreement(model, forest)
    if disagreement:
        return Engine(
            predict=plain.predict,
            description=f"model.predict (compiled trees not used: {disagreement})",
            features=features,
            row_wise=row_wise,
        )
    return Engine(
        predict=forest,
        description=f"compiled trees of the fitted {type(model).__name__} "
        f"({len(model.estimators_)} trees; bit-identical to model.predict on {PROBE_ROWS} probe rows)",
        features=features,
        row_wise=True,
        by_trees=True,
    )


def is_row_wise(model: Any) -> bool:
    """Tell whether a row's answer has the same bits whatever rows are beside it: such requests may be merged.

    True of trees, alone or behind transformers that work value by value. Matrix products are not among
    them: a linear algebra library may add up in another order when there are more rows.
    """
    if type(model).__module__.partition(".")[0] != "sklearn" or not isinstance(
        getattr(model, "n_features_in_", None), int
    ):
        return False
    if type(model).__name__ == "Pipeline":
        *transformers, last = [step for _, step in model.steps if step not in (None, "passthrough")]
        return is_row_wise(last) and all(type(step).__name__ in ELEMENTWISE for step in transformers)
    return type(model).__name__ in TREES


def _predict(model: Any) -> Callable[[Any], Any]:
    answer = model.predict  # as it is now: `quickening` puts another in its place

    def predict(rows: Any) -> Any:
        with warnings.catch_warnings():
            # A model fitted on a DataFrame warns at every call that an array has no column names.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            return answer(rows)

    return predict


def _alone(model: Any) -> Callable[[Any], Any]:
    """Return a `predict` that answers few rows on one thread where scikit-learn would start a team of them.

    A team waits in a loop for its slowest, which is whoever shares a core with the next request. Each row is
    computed by itself, so the bits are the same.
    """
    answer = _predict(model)
    last = model.steps[-1][1] if type(model).__name__ == "Pipeline" else model
    if not type(last).__name__.startswith("HistGradientBoosting"):
        return answer
    teams = importlib.import_module("threadpoolctl").ThreadpoolController()

    def predict(rows: Any) -> Any:
        if len(rows) > FEW_ROWS:
            return answer(rows)
        with teams.limit(limits=1, user_api="openmp"):
            return answer(rows)

    return predict


def _forest(model: Any) -> Callable[[Any], Any] | None:
    name = type(model).__name__
    if getattr(model, "n_outputs_", 0) != 1 or name not in FOREST_CLASSIFIERS | FOREST_REGRESSORS:
        return None
    trees = [estimator.tree_.predict for estimator in model.estimators_]
    features, count, fallback = model.n_features_in_, len(trees), _predict(model)
    classes = model.classes_ if name in FOREST_CLASSIFIERS else None
    width = len(classes) if classes is not None else 1

    def predict(rows: Any) -> Any:
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != features or not len(rows) or not np.isfinite(rows).all():  # noqa: PLR2004
            return fallback(rows)
        total = np.zeros((len(rows), width), dtype=np.float64)
        for tree in trees:
            total += tree(rows)[:, :width]
        total /= count
        return total[:, 0] if classes is None else classes.take(total.argmax(axis=1), axis=0)

    return predict


def _disagreement(model: Any, forest: Callable[[Any], Any]) -> str:
    """Return what differs between the two ways on the probe rows; empty when nothing does."""
    rows = probe_rows(model)
    try:
        want, got = _predict(model)(rows), forest(rows)
        one_by_one = np.concatenate([forest(rows[i : i + 1]) for i in range(0, len(rows), 8)])
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        return f"{type(error).__name__}: {error}"
    if want.dtype != got.dtype or want.tobytes() != got.tobytes():
        return "answers differ on probe rows"
    if one_by_one.tobytes() != want[::8].tobytes():
        return "answers differ on single rows"
    return ""


def probe_rows(model: Any) -> Any:
    """Return float32 rows (`PROBE_ROWS` by features) on, just below and just above the trees' thresholds."""
    generator = np.random.default_rng(_SEED)
    features = model.n_features_in_
    rows = np.empty((PROBE_ROWS, features), dtype=np.float32)
    used = np.concatenate([estimator.tree_.feature for estimator in model.estimators_])
    cuts = np.concatenate([estimator.tree_.threshold for estimator in model.estimators_])
    for feature in range(features):
        own = cuts[used == feature].astype(np.float32)
        pool = own if len(own) else np.zeros(1, dtype=np.float32)
        around = np.concatenate(
            [pool, np.nextafter(pool, np.float32(-np.inf)), np.nextafter(pool, np.float32(np.inf))]
        )
        spread = generator.uniform(pool.min() - 1, pool.max() + 1, PROBE_ROWS).astype(np.float32)
        near = generator.integers(2, size=PROBE_ROWS) == 1
        rows[:, feature] = np.where(near, generator.choice(around, PROBE_ROWS), spread)
    return rows
