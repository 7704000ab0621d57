"""A forest's `predict` made quick for the user's own handlers too: the same compiled trees, the same bits.

Where a `predict_fn` or `transform_fn` of the user's calls `model.predict` on an array, most of its time is
scikit-learn's validation and dispatch. When the model is loaded and `engine` finds its compiled trees to
answer as `predict` does, `predict` uses them for that object. All else goes to scikit-learn as ever: frames,
lists, sparse matrices, other types, other models, copies, and a model that was changed or fitted anew since.

It is scikit-learn's class that learns to look for compiled trees, and not the object that gets a method: that
would be copied and pickled with it and hide what the copy is, and a class of its own would not be its type.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from sagelocal.serving import engine

if TYPE_CHECKING:
    from sagelocal.serving import compiled

_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
_FORESTS: WeakKeyDictionary[Any, compiled.Forest] = WeakKeyDictionary()
"""The compiled trees of the models that were made quick; they hold no reference to the model."""


def quicken(model: Any) -> str:
    """Make a loaded model's `predict` quick; return what was done for the log, empty when nothing was."""
    if not isinstance(getattr(model, "estimators_", None), list) or not hasattr(model, "predict"):
        return ""
    chosen = engine.choose(model)
    if chosen.forest is None:
        return ""
    _teach(next(kind for kind in type(model).__mro__ if "predict" in vars(kind)))
    _FORESTS[model] = chosen.forest
    return chosen.description


@functools.cache
def _teach(kind: Any) -> None:
    """Let the class's `predict` take the quick way for plain arrays and models that have one."""
    plain = kind.predict

    @functools.wraps(plain)
    def predict(self: Any, X: Any, *others: Any, **named: Any) -> Any:  # noqa: N803  (scikit-learn's name for it)
        forest = _FORESTS.get(self)
        is_plain = type(X) is np.ndarray and X.ndim == 2 and X.dtype in _TYPES  # noqa: PLR2004
        if forest is None or not is_plain or others or named:
            return plain(self, X, *others, **named)
        answer = forest.answer(self, X)
        return plain(self, X) if answer is None else answer

    kind.predict = predict
