"""A forest's `predict` made quick for the user's own handlers too: the same compiled trees, the same bits.

Where a `predict_fn` or `transform_fn` of the user's calls `model.predict` on an array, most of its time is
scikit-learn's validation and dispatch. When the model is loaded and `engine` finds its compiled trees to
answer as `predict` does, the loaded object gets a `predict` of its own that uses them. All else goes to
scikit-learn as ever: frames, lists, sparse matrices, other types, and a model that was fitted anew since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sagelocal.serving import engine

if TYPE_CHECKING:
    from collections.abc import Callable

_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


def quicken(model: Any) -> str:
    """Give a loaded model the quick `predict`; return what was done for the log, empty when nothing was."""
    estimators = getattr(model, "estimators_", None)
    if not isinstance(estimators, list) or not hasattr(model, "predict"):
        return ""
    chosen = engine.choose(model)
    if not chosen.by_trees:
        return ""
    model.predict = _guarded(model, chosen.predict, estimators)
    return chosen.description


def _guarded(model: Any, quick: Callable[[Any], Any], fitted: list[Any]) -> Callable[..., Any]:
    """Return a `predict` that takes the quick way for plain arrays, as long as the model is as loaded."""
    original, count = model.predict, len(fitted)

    def predict(X: Any, *others: Any, **named: Any) -> Any:  # noqa: N803  (scikit-learn's name for it)
        is_plain = type(X) is np.ndarray and X.ndim == 2 and X.dtype in _TYPES  # noqa: PLR2004
        if not is_plain or others or named or model.estimators_ is not fitted or len(fitted) != count:
            return original(X, *others, **named)
        return quick(X)

    return predict
