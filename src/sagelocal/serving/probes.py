"""Rows on which a forest's compiled trees are compared with its `predict`.

Two thirds take each column by itself: values on, just below and just above its thresholds, and anywhere
between. They end in corners where no training row was. The others are like training rows as far as the trees
tell it: each is of a class and goes down many trees in turn, to either side as often as training rows of its
class did, so that columns hang together about as they did there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BY_COLUMN = 512
BY_PATH = 256
PROBE_ROWS = BY_COLUMN + BY_PATH
WALKED_TREES = 64
"""So many trees of a large forest tell nearly all of it, and a model should load at once."""
_SEED = 20260101


def probe_rows(model: Any) -> Any:
    """Return float32 rows (`PROBE_ROWS` by features) for a fitted forest, the same ones each time."""
    generator = np.random.default_rng(_SEED)
    trees = [estimator.tree_ for estimator in model.estimators_]
    used = np.concatenate([tree.feature for tree in trees])
    cuts = np.concatenate([tree.threshold for tree in trees])[used >= 0]
    used = used[used >= 0]
    cuts[np.isinf(cuts)] = 0  # such a node asks only whether the value is missing
    return np.concatenate(
        [
            _by_column(used, cuts, model.n_features_in_, generator),
            _by_path(trees, used, cuts, model.n_features_in_, generator),
        ]
    )


def _by_column(used: Any, cuts: Any, features: int, generator: np.random.Generator) -> Any:
    found = np.empty((BY_COLUMN, features), dtype=np.float32)
    for feature in range(features):
        own = cuts[used == feature].astype(np.float32)
        pool = own if len(own) else np.zeros(1, dtype=np.float32)
        around = np.concatenate(
            [pool, np.nextafter(pool, np.float32(-np.inf)), np.nextafter(pool, np.float32(np.inf))]
        )
        spread = generator.uniform(np.min(pool) - 1, np.max(pool) + 1, BY_COLUMN).astype(np.float32)
        near = generator.integers(2, size=BY_COLUMN) == 1
        found[:, feature] = np.where(near, generator.choice(around, BY_COLUMN), spread)
    return found


def _by_path(trees: list[Any], used: Any, cuts: Any, features: int, generator: np.random.Generator) -> Any:
    """Return rows from boxes that the paths down many trees have in common; unused columns are 0."""
    columns, places = np.unique(used, return_inverse=True)
    low, high = np.full(len(columns), np.inf), np.full(len(columns), -np.inf)
    np.minimum.at(low, places, cuts)
    np.maximum.at(high, places, cuts)
    boxes = _Boxes(
        columns=columns,
        low=np.tile(low - 1, (BY_PATH, 1)),
        high=np.tile(high + 1, (BY_PATH, 1)),
        classes=generator.integers(trees[0].max_n_classes, size=BY_PATH),
        generator=generator,
    )
    for number in generator.permutation(len(trees))[:WALKED_TREES]:
        boxes.descend(trees[number])
    found = np.zeros((BY_PATH, features), dtype=np.float32)
    found[:, columns] = boxes.high - generator.random(boxes.low.shape) * (boxes.high - boxes.low)
    return found


@dataclass(frozen=True, kw_only=True)
class _Boxes:
    """What may still be chosen for each row: more than `low` and up to `high` (rows by used columns)."""

    columns: Any
    low: Any
    high: Any
    classes: Any
    generator: np.random.Generator

    def descend(self, tree: Any) -> None:
        """Take each box down to a leaf, and cut it on the way.

        Where a box allows both sides, it takes either as often as the training rows of its class did there.
        """
        left, right = tree.children_left, tree.children_right
        low, high = self.low, self.high
        columns, weights = np.searchsorted(self.columns, tree.feature), _weights(tree)
        nodes, rows = np.zeros(len(low), dtype=np.intp), np.arange(len(low))
        while len(rows := rows[left[nodes[rows]] >= 0]):
            at, of = nodes[rows], self.classes[rows]
            cut, place = tree.threshold[at], (rows, columns[at])
            lefts, rights = weights[left[at], of], weights[right[at], of]
            by_share = self.generator.random(len(at)) * (lefts + rights) < lefts
            goes_left = (low[place] < cut) & ((high[place] <= cut) | by_share)
            high[place] = np.where(goes_left, np.minimum(high[place], cut), high[place])
            low[place] = np.where(goes_left, low[place], np.maximum(low[place], cut))
            nodes[rows] = np.where(goes_left, left[at], right[at])


def _weights(tree: Any) -> Any:
    """Return the weight of the training rows at each node, by class; a regressor's are of one."""
    weights = tree.weighted_n_node_samples[:, np.newaxis]
    if tree.max_n_classes == 1:
        return weights
    values = tree.value[:, 0, :]  # fractions or weighted counts, whichever this scikit-learn keeps
    sums = values.sum(axis=1, keepdims=True)
    return values * (weights / np.where(sums == 0, 1, sums))
