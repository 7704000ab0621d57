"""How a default `predict_fn` gets its answer: the model's own `predict`, or a fitted forest's compiled trees.

On one row scikit-learn spends some twenty times longer in validation and dispatch than in the trees. A
fitted forest keeps its trees as compiled objects (`estimator.tree_`); averaging their values as
scikit-learn does gives the same bits. Nothing is taken on trust: when a model is loaded, both ways answer
rows around the trees' thresholds and rows like those of training (`probes`), and the short way is chosen
only when every bit agrees, of the answers and of the probabilities behind them. Rows that scikit-learn would
refuse or treat specially (NaN, infinities, a wrong number of columns) always go to `predict`.
"""

from __future__ import annotations

import copy
import importlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagelocal.serving import compiled, probes

if TYPE_CHECKING:
    from collections.abc import Callable

TREES = (
    compiled.CLASSIFIERS
    | compiled.REGRESSORS
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
    forest: compiled.Forest | None = None
    """The compiled trees that answer, where it is they that do."""


def choose(model: Any) -> Engine:
    """Return the fastest engine that provably answers as `model.predict` does."""
    features = getattr(model, "n_features_in_", None)
    forest = _proven(model)
    if isinstance(forest, str):
        return Engine(
            predict=_alone(model),
            description=f"model.predict (compiled trees not used: {forest})" if forest else "model.predict",
            features=features,
            row_wise=is_row_wise(model),
        )
    return Engine(
        predict=_by_trees(model, forest),
        description=f"compiled trees of the fitted {type(model).__name__} "
        f"({len(model.estimators_)} trees; bit-identical to model.predict on {probes.PROBE_ROWS} probe rows)",
        features=features,
        row_wise=True,
        forest=forest,
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


def _quiet(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(rows: Any) -> Any:
        with warnings.catch_warnings():
            # A model fitted on a DataFrame warns at every call that an array has no column names.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            return method(rows)

    return answer


def _alone(model: Any) -> Callable[[Any], Any]:
    """Return a `predict` that answers few rows on one thread where scikit-learn would start a team of them.

    A team waits in a loop for its slowest, which is whoever shares a core with the next request. Each row is
    computed by itself, so the bits are the same.
    """
    answer = _quiet(model.predict)
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


def _by_trees(model: Any, forest: compiled.Forest) -> Callable[[Any], Any]:
    fallback = _quiet(model.predict)

    def predict(rows: Any) -> Any:
        answer = forest.answer(model, rows)
        return fallback(rows) if answer is None else answer

    return predict


def _proven(model: Any) -> compiled.Forest | str:
    """Return the model's compiled trees, or what speaks against using them: nothing where it has none."""
    if type(model).__module__.partition(".")[0] != "sklearn":
        return ""
    try:
        forest = compiled.forest(model)
        return "" if forest is None else _disagreement(model, forest) or forest
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        return f"{type(error).__name__}: {error}"


def _disagreement(model: Any, forest: compiled.Forest) -> str:
    """Return what differs between the two ways on the probe rows; empty when nothing does.

    A class alone would tell little of the trees' values: it is the largest of some probabilities, and other
    values may well make it the largest on all rows but a few. So the probabilities are compared as well.
    """
    model = copy.copy(model)
    model.n_jobs = 1  # several threads add up in whatever order they end, in other bits each time
    rows = probes.probe_rows(model)
    wanted, answers = _quiet(model.predict)(rows), forest.answer(model, rows)
    if wanted.dtype != answers.dtype or wanted.tobytes() != answers.tobytes():
        return "answers differ on probe rows"
    means = forest.average(rows)
    if forest.classes is not None and _quiet(model.predict_proba)(rows).tobytes() != means.tobytes():
        return "probabilities differ on probe rows"
    one_by_one = np.concatenate([forest.average(rows[i : i + 1]) for i in range(0, len(rows), 8)])
    return "" if one_by_one.tobytes() == means[::8].tobytes() else "answers differ on single rows"
