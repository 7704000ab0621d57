"""The paired bootstrap: right values, right coverage of the obvious cases, repeatable, same rows only."""

import numpy as np
import pytest
from sklearn import metrics as sk

from sagewind import paired, scores
from sagewind.evaluation import Predictions
from sagewind.paired import PairingError

RNG = np.random.default_rng(1)
LABELS = RNG.choice(["a", "b", "c"], size=300)
GUESSES = np.where(RNG.random(300) < 0.8, LABELS, RNG.choice(["a", "b", "c", "d"], size=300))
TRUTH = RNG.normal(100, 20, size=300)
NEAR = TRUTH + RNG.normal(0, 5, size=300)
FAR = TRUTH + RNG.normal(0, 9, size=300)


def predictions(labels, guesses, ids=None, source="p.csv"):
    return Predictions(
        source=source,
        ids=tuple(ids or map(str, range(len(labels)))),
        labels=tuple(map(str, labels)),
        predictions=tuple(map(str, guesses)),
    )


@pytest.mark.parametrize(
    ("name", "labels", "guesses", "oracle"),
    [
        ("accuracy", LABELS, GUESSES, sk.accuracy_score),
        (
            "macro_f1",
            LABELS,
            GUESSES,
            lambda y, p: sk.f1_score(y, p, labels=["a", "b", "c"], average="macro", zero_division=0),
        ),
        ("mae", TRUTH, NEAR, sk.mean_absolute_error),
        ("mse", TRUTH, NEAR, sk.mean_squared_error),
        ("rmse", TRUTH, NEAR, sk.root_mean_squared_error),
        ("r2", TRUTH, NEAR, sk.r2_score),
    ],
)
def test_scores_agree_with_scikit_learn(name, labels, guesses, oracle):
    got = scores.score(name).of([str(x) for x in labels], [str(x) for x in guesses])
    assert got == pytest.approx(oracle(labels, guesses), rel=1e-9)


def test_balanced_accuracy_is_the_mean_recall_over_classes():
    recalls = sk.recall_score(LABELS, GUESSES, labels=["a", "b", "c"], average=None)
    got = scores.score("balanced_accuracy").of(list(LABELS), list(GUESSES))
    assert got == pytest.approx(recalls.mean())


def test_equal_models_differ_by_nothing():
    both = predictions(LABELS, GUESSES)
    made = paired.compare(both, both, metric="macro_f1")
    assert (made.low, made.high) == (0.0, 0.0)


@pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "r2"])
def test_a_clearly_better_regressor_is_seen(metric):
    made = paired.compare(predictions(TRUTH, NEAR), predictions(TRUTH, FAR), metric=metric, resamples=500)
    assert made.improvement[0] > 0
    assert made.low <= made.challenger - made.champion <= made.high


def test_the_interval_is_the_textbook_one_and_repeats():
    """Of 200 rows 20 are right only for one and 10 only for the other: d = 0.05, se = 0.0270."""
    labels = ["1"] * 200
    new = ["1"] * 150 + ["1"] * 20 + ["0"] * 10 + ["0"] * 20
    old = ["1"] * 150 + ["0"] * 20 + ["1"] * 10 + ["0"] * 20
    first, again = (
        paired.compare(predictions(labels, new), predictions(labels, old), metric="accuracy", resamples=4000)
        for _ in range(2)
    )
    assert first == again
    assert first.challenger - first.champion == pytest.approx(0.05)
    assert first.low == pytest.approx(0.05 - 1.96 * 0.027, abs=0.006)
    assert first.high == pytest.approx(0.05 + 1.96 * 0.027, abs=0.006)


def test_rows_are_matched_by_id_not_by_place():
    forward = predictions("abc", "abb", ids=["1", "2", "3"])
    backward = predictions("cba", "bba", ids=["3", "2", "1"])
    made = paired.compare(forward, backward, metric="accuracy", resamples=50)
    assert made.challenger == made.champion == pytest.approx(2 / 3)
    assert (made.low, made.high) == (0.0, 0.0)


def test_other_rows_are_refused_with_their_ids():
    with pytest.raises(PairingError, match=r"a.csv and b.csv.*2 id\(s\) in only one of them, first"):
        paired.compare(
            predictions("ab", "ab", ids=["1", "2"], source="a.csv"),
            predictions("ab", "ab", ids=["1", "9"], source="b.csv"),
            metric="accuracy",
        )


def test_another_truth_is_refused_with_its_ids():
    with pytest.raises(PairingError, match=r"disagree about the truth of 1 row\(s\), first \['1'\]"):
        paired.compare(predictions("ab", "ab"), predictions("ac", "ab"), metric="accuracy")


@pytest.mark.parametrize(
    ("metric", "labels", "guesses", "message"),
    [
        ("accurcy", "ab", "ab", "got 'accurcy', expected one of accuracy"),
        ("rmse", "ab", "ab", "expected numbers"),
        ("rmse", ["1", "nan"], ["1", "2"], "row 2 is 'nan'"),
    ],
)
def test_a_metric_that_does_not_fit_says_so(metric, labels, guesses, message):
    both = predictions(labels, guesses)
    with pytest.raises(scores.ScoreError, match=message):
        paired.compare(both, both, metric=metric)
