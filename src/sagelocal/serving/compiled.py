"""A fitted forest's compiled trees (`estimator.tree_`): its answer without scikit-learn's dispatch.

A compiled tree keeps values for each node. What a classifier makes of them depends on scikit-learn's version:
up to 1.3 they are weighted counts that `predict_proba` divides by their sum, from 1.4 on fractions that it
takes as they are. Neither is repeated here: scikit-learn's own method is asked once for all nodes of a tree.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSIFIERS = frozenset({"RandomForestClassifier", "ExtraTreesClassifier"})
REGRESSORS = frozenset({"RandomForestRegressor", "ExtraTreesRegressor"})
_METHODS = frozenset({"predict", "predict_proba"})


class _EveryNode(NamedTuple):
    """Stands in for a compiled tree, as if each of its nodes were asked for by a row."""

    values: Any

    def predict(self, _rows: Any) -> Any:
        return self.values.copy()  # scikit-learn divides in place


@dataclass(frozen=True, kw_only=True)
class Forest:
    """Compiled trees with one output; `classes` is None where they are a regressor's.

    It holds no reference to the model that they are of.
    """

    trees: list[Any]
    values: list[tuple[Callable[[Any], Any], Callable[[Any, int], Any]]]
    """For each tree what gives the numbers of the leaves that rows end in, and what takes their values."""
    features: int
    width: int
    classes: Any

    def average(self, rows: Any) -> Any:
        """Return the trees' mean: probabilities (rows by classes), or one column of predicted values.

        The trees are added up in their order, as scikit-learn does on one thread; on several, it adds them
        in the order in which they end.
        """
        total = np.zeros((len(rows), self.width), dtype=np.float64)
        for leaves, take in self.values:
            total += take(leaves(rows), 0)
        total /= len(self.trees)
        return total

    def answer(self, model: Any, rows: Any) -> Any:
        """Return what the model's `predict` does; None where only that can tell.

        It is so for rows that scikit-learn refuses or treats specially, and once the model has other trees
        or classes than it had.
        """
        if not self._is_of(model):
            return None
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.features or not len(rows) or not np.isfinite(rows).all():  # noqa: PLR2004
            return None
        means = self.average(rows)
        return means[:, 0] if self.classes is None else self.classes.take(means.argmax(axis=1), axis=0)

    def _is_of(self, model: Any) -> bool:
        try:
            trees = [estimator.tree_ for estimator in model.estimators_]
            classes = None if self.classes is None else model.classes_
        except AttributeError:
            return False
        return classes is self.classes and trees == self.trees  # by identity: trees define no equality


def forest(model: Any) -> Forest | None:
    """Return the compiled trees of a fitted scikit-learn forest with one output; None of any other model.

    None as well where the object was given a method of its own in place of its class's.
    """
    name, own = type(model).__name__, vars(model)
    if name not in CLASSIFIERS | REGRESSORS or own.get("n_outputs_") != 1 or own.keys() & _METHODS:
        return None
    values = [_values(estimator) for estimator in model.estimators_]
    trees = [estimator.tree_ for estimator in model.estimators_]
    return Forest(
        trees=trees,
        values=[(tree.apply, kept.take) for tree, kept in zip(trees, values, strict=True)],
        features=model.n_features_in_,
        width=values[0].shape[1],
        classes=model.classes_ if name in CLASSIFIERS else None,
    )


def _values(estimator: Any) -> Any:
    """Return what scikit-learn answers at each node (nodes by classes, or one column), leaves among them.

    It is the tree's own array where nothing is done to it, so that no memory is spent.
    """
    tree = estimator.tree_
    own = tree.value.reshape(tree.node_count, -1)
    asked = copy.copy(estimator)
    asked.tree_ = _EveryNode(own)
    ask = getattr(asked, "predict_proba", asked.predict)
    answer = ask(np.zeros((1, estimator.n_features_in_), dtype=np.float32), check_input=False)
    answer = np.ascontiguousarray(answer).reshape(tree.node_count, -1)
    return own if np.array_equal(answer, own) else answer
