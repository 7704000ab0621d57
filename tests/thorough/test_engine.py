"""The engine: compiled trees only where they give scikit-learn's own bits, and `predict` elsewhere."""

import numpy as np
import pytest
import threadpoolctl
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sagelocal.serving import engine

GENERATOR = np.random.default_rng(7)
ROWS = GENERATOR.normal(size=(120, 4)).astype(np.float32)
LABELS = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int) + (ROWS[:, 2] > 1)


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        (RandomForestClassifier(10, random_state=1), LABELS),
        (ExtraTreesClassifier(5, random_state=1), np.array(["x", "y", "z"])[LABELS]),  # labels that are words
        (RandomForestRegressor(5, random_state=1), ROWS.sum(axis=1)),
    ],
)
def test_a_forest_answers_with_predicts_bits_whatever_the_number_of_rows(model, labels):
    model.fit(ROWS, labels)
    chosen = engine.choose(model)
    assert "compiled trees" in chosen.description
    unseen = GENERATOR.normal(scale=3, size=(300, 4)).astype(np.float32)
    want = model.predict(unseen)
    assert chosen.predict(unseen).tolist() == want.tolist()
    assert [chosen.predict(row.reshape(1, -1))[0] for row in unseen] == want.tolist()


@pytest.mark.parametrize("piped", [False, True])
def test_few_rows_are_answered_on_one_thread_with_the_same_bits(piped):
    teams = []

    class HistGradientBoostingSeen(HistGradientBoostingClassifier):
        def predict(self, X):  # noqa: N803  (scikit-learn's name)
            found = threadpoolctl.threadpool_info()
            teams.append({each["num_threads"] for each in found if each["user_api"] == "openmp"})
            return super().predict(X)

    model = HistGradientBoostingSeen(max_iter=5, random_state=1)
    model = make_pipeline(StandardScaler(), model) if piped else model
    model.fit(ROWS, LABELS)
    usual = threadpoolctl.threadpool_info()
    answer, many = engine.choose(model).predict, np.tile(ROWS, (3, 1))
    for count in (1, engine.FEW_ROWS, engine.FEW_ROWS + 1):
        assert answer(many[:count]).tobytes() == model.predict(many[:count]).tobytes()
    few, most, all_threads = teams[0], teams[2], teams[4]
    assert few == most == {1}
    assert all_threads == teams[5]
    assert threadpoolctl.threadpool_info() == usual


def test_rows_that_scikit_learn_refuses_are_refused_in_its_words():
    model = RandomForestClassifier(3, random_state=1).fit(ROWS, LABELS)
    chosen = engine.choose(model)
    with pytest.raises(ValueError, match="X has 2 features"):
        chosen.predict(np.zeros((1, 2), dtype=np.float32))
    with pytest.raises(ValueError, match="infinity"):
        chosen.predict(np.full((1, 4), np.inf, dtype=np.float32))


def test_a_forest_whose_trees_disagree_with_predict_is_not_trusted():
    class Odd(RandomForestClassifier):
        def predict(self, X):  # noqa: N803  (scikit-learn's name)
            return 1 - super().predict(X)

    Odd.__name__, Odd.__module__ = "RandomForestClassifier", "sklearn.ensemble"
    model = Odd(3, random_state=1).fit(ROWS, LABELS)
    chosen = engine.choose(model)
    assert "not used: answers differ" in chosen.description
    assert chosen.predict(ROWS).tolist() == model.predict(ROWS).tolist()


@pytest.mark.parametrize(
    ("model", "merged"),
    [
        (DecisionTreeClassifier(), True),
        (make_pipeline(StandardScaler(), DecisionTreeClassifier()), True),
        (LogisticRegression(), False),  # a matrix product may add up in another order
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
    ],
)
def test_only_models_that_look_at_each_row_alone_are_merged(model, merged):
    assert engine.is_row_wise(model.fit(ROWS, LABELS)) is merged
    assert engine.choose(model).description == "model.predict"


def test_what_is_no_scikit_learn_model_is_left_as_it_is():
    class Own:
        n_features_in_ = 4

        def predict(self, rows):
            return rows[:, 0]

    chosen = engine.choose(Own())
    assert (chosen.row_wise, chosen.predict(ROWS).tolist()) == (False, ROWS[:, 0].tolist())
