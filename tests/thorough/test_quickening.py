"""A forest's quick `predict` answers as scikit-learn's, leaves it what is its own, ends with a new fit."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

from sagelocal.serving import quickening

TABLE, TARGET = load_iris(return_X_y=True)


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_answers_have_the_same_bits(kind, dtype):
    model = kind(7, random_state=1).fit(TABLE, TARGET)
    rows = TABLE.astype(dtype)
    want = model.predict(rows)
    assert "compiled trees" in quickening.quicken(model)
    assert model.predict(rows).tobytes() == want.tobytes()
    assert model.predict(rows[:1]).tobytes() == want[:1].tobytes()
    assert model.predict(X=rows.tolist()).tobytes() == want.tobytes()


@pytest.mark.parametrize(
    "rows",
    [
        np.array([1.0, 2.0, 3.0, 4.0]),  # a single record
        np.array([[1.0, 2.0]]),  # too few columns
        np.array([[1.0, 2.0, 3.0, np.inf]]),
        np.array([["a", "b", "c", "d"]]),
    ],
)
def test_what_scikit_learn_refuses_it_refuses_still(rows):
    model = RandomForestClassifier(3, random_state=1).fit(TABLE, TARGET)
    quickening.quicken(model)
    with pytest.raises(ValueError, match=r"array|features|infinity|convert"):
        model.predict(rows)


@pytest.mark.parametrize("is_warm", [True, False])
def test_a_model_fitted_anew_answers_anew(is_warm):
    model = RandomForestClassifier(3, random_state=1, warm_start=is_warm).fit(TABLE, TARGET)
    quickening.quicken(model)
    model.set_params(n_estimators=9).fit(TABLE, 2 - TARGET)
    assert (model.predict(TABLE) == type(model).predict(model, TABLE)).all()


@pytest.mark.parametrize("model", [DecisionTreeClassifier(), HistGradientBoostingClassifier(max_iter=3)])
def test_other_models_are_left_alone(model):
    model.fit(TABLE, TARGET)
    assert quickening.quicken(model) == ""
    assert "predict" not in vars(model)


def test_what_is_no_model_is_left_alone():
    assert quickening.quicken({"model": None}) == quickening.quicken(None) == ""
