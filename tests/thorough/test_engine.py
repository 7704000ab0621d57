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
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from sagelocal.serving import compiled, engine, probes

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


def test_a_forest_whose_probabilities_disagree_is_not_trusted():
    class Odd(RandomForestClassifier):
        def predict_proba(self, X):  # noqa: N803  (scikit-learn's name)
            return super().predict_proba(X) ** 2  # the largest stays the largest

    Odd.__name__, Odd.__module__ = "RandomForestClassifier", "sklearn.ensemble"
    model = Odd(3, random_state=1).fit(ROWS, LABELS)
    assert engine.choose(model).description == (
        "model.predict (compiled trees not used: probabilities differ on probe rows)"
    )


class Counting(ExtraTreeClassifier):
    """A tree as it was up to scikit-learn 1.3: `predict_proba` divides weighted counts by their sum."""

    def predict_proba(self, X, check_input=True):  # noqa: N803  (scikit-learn's name)
        counts = super().predict_proba(X, check_input)
        sums = counts.sum(axis=1)[:, np.newaxis]
        sums[sums == 0] = 1
        counts /= sums
        return counts


def counting(model):
    """Turn a fitted forest into one of scikit-learn up to 1.3."""
    for estimator in model.estimators_:
        tree = estimator.tree_
        if tree.value[0].sum() <= 1 + 1e-9:
            tree.value[:] *= tree.weighted_n_node_samples[:, np.newaxis, np.newaxis]
        estimator.__class__ = Counting
    return model


@pytest.mark.parametrize("weights", [None, GENERATOR.random(3000) + 0.1])
@pytest.mark.parametrize("more", [{}, {"class_weight": "balanced"}])
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_trees_that_keep_counts_are_averaged_by_their_fractions(kind, more, weights):
    table, labels = latent(columns=30)
    model = kind(20, min_samples_leaf=5, random_state=1, **more).fit(table[::2], labels[::2], weights)
    counting(model)
    before = [estimator.tree_.value.copy() for estimator in model.estimators_]
    chosen = engine.choose(model)
    assert "compiled trees of" in chosen.description
    assert chosen.predict(table).tobytes() == model.predict(table).tobytes()
    average = compiled.forest(model).average
    assert average(table).tobytes() == model.predict_proba(table).tobytes()
    assert average(table[:1]).tobytes() == model.predict_proba(table[:1]).tobytes()
    assert [estimator.tree_.value.tolist() for estimator in model.estimators_] == [
        values.tolist() for values in before
    ]


def latent(columns):
    """Return columns that follow one hidden value, and labels: 1 is rare and goes with high values."""
    generator = np.random.default_rng(11)
    hidden = generator.normal(size=(6000, 1))
    table = (hidden + generator.normal(scale=0.5, size=(6000, columns))).astype(np.float32)
    return table, (hidden[:, 0] + generator.normal(scale=0.6, size=6000) > 1.8).astype(int)


def test_probes_are_also_like_the_training_rows():
    table, labels = latent(columns=8)
    model = RandomForestClassifier(30, max_depth=6, random_state=1).fit(table, labels)
    rows = probes.probe_rows(model)
    assert (rows.shape, rows.dtype) == ((probes.PROBE_ROWS, 8), np.float32)
    by_column, by_path = np.split(rows, [probes.BY_COLUMN])
    assert np.abs(np.corrcoef(by_column.T)[np.triu_indices(8, 1)]).max() < 0.25
    assert np.corrcoef(by_path.T)[np.triu_indices(8, 1)].min() > 0.5
    # Counts that are added up undivided let large leaves outvote small ones: such rows tell.
    counting(model)
    summed = sum(estimator.tree_.predict(by_path) for estimator in model.estimators_).argmax(axis=1)
    assert (summed != model.predict(by_path)).any()


def test_a_forest_that_splits_by_what_is_missing_is_loaded_and_answers():
    table = ROWS.copy()
    table[:, 0] = np.where(LABELS > 0, np.nan, 0)
    model = RandomForestClassifier(5, random_state=1).fit(table, LABELS)
    assert any(np.isinf(estimator.tree_.threshold).any() for estimator in model.estimators_)
    assert np.isfinite(probes.probe_rows(model)).all()
    chosen = engine.choose(model)
    assert "compiled trees of" in chosen.description
    for rows in (table, ROWS):
        assert chosen.predict(rows).tobytes() == model.predict(rows).tobytes()


def test_a_forest_that_splits_nothing_answers():
    model = RandomForestClassifier(3).fit(ROWS, np.ones(len(ROWS)))
    chosen = engine.choose(model)
    assert "compiled trees of" in chosen.description
    assert chosen.predict(ROWS).tobytes() == model.predict(ROWS).tobytes()


def test_a_forest_of_several_threads_is_compared_in_its_trees_order():
    model = RandomForestRegressor(40, n_jobs=2, random_state=1).fit(ROWS, ROWS.sum(axis=1) / 3)
    chosen = engine.choose(model)
    assert ("compiled trees of" in chosen.description, model.n_jobs) == (True, 2)
    assert chosen.predict(ROWS).tobytes() == model.set_params(n_jobs=1).predict(ROWS).tobytes()


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
