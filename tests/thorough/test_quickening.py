"""A forest's quick `predict` answers as scikit-learn's, leaves it what is its own, ends with a new fit."""

import copy
import gc
import inspect
import io
import pickle
import warnings
import weakref

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.tree import DecisionTreeClassifier

from sagelocal.serving import engine, quickening

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
    assert (model.predict(TABLE) == by_probabilities(model)).all()
    assert is_plain(model)


def by_probabilities(model):
    return model.classes_.take(model.predict_proba(TABLE).argmax(axis=1))


def is_plain(model):
    """Tell whether scikit-learn's own code answers: it warns of an array where a frame was fitted on."""
    model.feature_names_in_ = np.array(["a", "b", "c", "d"], dtype=object)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.predict(TABLE[:1])
    del model.feature_names_in_
    return bool(caught)


def quick(kind=RandomForestClassifier, **more):
    model = kind(5, random_state=1, **more).fit(TABLE, TARGET)
    assert quickening.quicken(model)
    assert not is_plain(model)
    return model


def other_trees(model):
    model.estimators_[:] = RandomForestClassifier(5, random_state=2).fit(TABLE, 2 - TARGET).estimators_


def other_tree(model):
    model.estimators_[0] = RandomForestClassifier(1, random_state=2).fit(TABLE, 2 - TARGET).estimators_[0]


def one_tree_fitted_anew(model):
    model.estimators_[0].fit(TABLE, 2.0 - TARGET)


def fewer_trees(model):
    del model.estimators_[1:]


def other_classes(model):
    model.classes_ = np.array(["x", "y", "z"])


@pytest.mark.parametrize(
    "change", [other_trees, other_tree, one_tree_fitted_anew, fewer_trees, other_classes]
)
def test_a_model_that_was_changed_in_place_answers_as_it_is_now(change):
    model = quick()
    change(model)
    assert (model.predict(TABLE) == by_probabilities(model)).all()
    assert is_plain(model)


@pytest.mark.parametrize("change", [other_trees, one_tree_fitted_anew, fewer_trees, other_classes])
def test_so_does_what_a_default_predict_fn_answers(change):
    model = RandomForestClassifier(5, random_state=1).fit(TABLE, TARGET)
    chosen = engine.choose(model)
    change(model)
    assert (chosen.predict(TABLE) == by_probabilities(model)).all()


def test_a_model_that_lost_what_it_was_fitted_with_says_so_in_scikit_learns_words():
    model = quick()
    model.__dict__ = vars(clone(model))
    with pytest.raises(NotFittedError):
        model.predict(TABLE)


def dumped(model):
    stream = io.BytesIO()
    joblib.dump(model, stream)
    return joblib.load(io.BytesIO(stream.getvalue()))


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), dumped]
)
def test_a_copy_is_a_plain_model_of_its_own(copied):
    model = quick()
    before = model.predict(TABLE)
    twin = copied(model)
    assert is_plain(twin)
    assert (twin.predict(TABLE) == before).all()
    twin.fit(TABLE, 2 - TARGET)
    assert (twin.predict(TABLE) == by_probabilities(twin)).all()
    assert not is_plain(model)
    assert (model.predict(TABLE) == before).all()


def test_what_is_pickled_needs_nothing_of_ours():
    model = quick()
    assert b"sagelocal" not in pickle.dumps(model)
    assert pickle.dumps(model) == pickle.dumps(copy.copy(model))
    assert pickle.loads(pickle.dumps(model.predict))(TABLE).tolist() == model.predict(TABLE).tolist()
    unbound = pickle.loads(pickle.dumps(RandomForestClassifier.predict))
    assert unbound(model, TABLE).tolist() == model.predict(TABLE).tolist()


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_a_model_looks_as_it_did(kind):
    model = kind(5, random_state=1).fit(TABLE, TARGET)
    before = (type(model), repr(model), model.get_params(), set(vars(model)), set(dir(model)))
    signature = inspect.signature(model.predict)
    assert quickening.quicken(model)
    assert (type(model), repr(model), model.get_params(), set(vars(model)), set(dir(model))) == before
    assert inspect.signature(model.predict) == signature
    assert type(clone(model)) is kind
    assert not hasattr(clone(model), "estimators_")


def test_another_model_of_the_kind_and_of_a_kind_of_the_users_stay_plain():
    class Own(RandomForestClassifier):
        def predict(self, X):  # noqa: N803  (scikit-learn's name)
            return super().predict(X) + 10

    quick()
    assert is_plain(RandomForestClassifier(3, random_state=1).fit(TABLE, TARGET))
    own = Own(3, random_state=1).fit(TABLE, TARGET)
    assert quickening.quicken(own) == ""
    assert set(own.predict(TABLE)) == {10, 11, 12}


def test_a_predict_that_the_user_gave_the_object_stays():
    model = RandomForestClassifier(3, random_state=1).fit(TABLE, TARGET)
    plain, asked = model.predict, []
    model.predict = lambda rows: asked.append(len(rows)) or plain(rows)
    assert quickening.quicken(model) == ""
    assert model.predict(TABLE).tolist() == engine.choose(model).predict(TABLE).tolist()
    assert asked == [len(TABLE)] * 2


def test_a_model_is_let_go_with_its_last_user():
    model = weakref.ref(quick())
    gc.collect()
    assert model() is None


@pytest.mark.parametrize("model", [DecisionTreeClassifier(), HistGradientBoostingClassifier(max_iter=3)])
def test_other_models_are_left_alone(model):
    model.fit(TABLE, TARGET)
    assert quickening.quicken(model) == ""
    assert "predict" not in vars(model)


def test_what_is_no_model_is_left_alone():
    assert quickening.quicken({"model": None}) == quickening.quicken(None) == ""
