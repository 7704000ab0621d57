"""A large CSV answered part by part is answered as a whole one, or not in parts."""

import types

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from sagelocal.serving import codecs, handlers

ROWS = np.random.default_rng(3).normal(size=(400, 3)).round(2)
CLASSES = np.array(["a", "b"])[(ROWS.sum(axis=1) > 0).astype(int)]
NUMBERS = (ROWS.sum(axis=1) > 0).astype(int)


def loaded(model, tmp_path, **functions):
    module = types.ModuleType("script")
    vars(module).update({"model_fn": lambda _folder: model, **functions})
    return handlers.load(module, tmp_path, {})


def text(rows):
    return "".join(",".join(map(str, row)) + "\n" for row in rows.tolist()).encode()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(codecs, "SLICE_BYTES", 500)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("target", [NUMBERS, CLASSES])
def test_parts_make_the_same_answer(tmp_path, target):
    model = RandomForestClassifier(5, random_state=0).fit(ROWS, target)
    answer = loaded(model, tmp_path)._sliced(text(ROWS), codecs.CSV, codecs.CSV)
    whole = codecs.encode(model.predict(ROWS.astype(np.float32)), codecs.CSV)
    assert (answer.body, answer.content_type) == whole


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("body", "accept"),
    [
        (text(ROWS), codecs.JSON),
        (text(ROWS) + b"1,2\n", codecs.CSV),
        (text(ROWS[:, :2]), codecs.CSV),
        (text(ROWS) + b"1,2,\n", codecs.CSV),
    ],
)
def test_what_is_not_answered_in_parts(tmp_path, body, accept):
    model = RandomForestClassifier(5, random_state=0).fit(ROWS, NUMBERS)
    assert loaded(model, tmp_path)._sliced(body, codecs.CSV, accept) is None


@pytest.mark.usefixtures("small")
def test_other_models_and_functions_of_the_users_get_all_rows_at_once(tmp_path):
    forest = RandomForestClassifier(5, random_state=0).fit(ROWS, NUMBERS)
    seen = []

    def predict_fn(rows, _model):
        seen.append(len(rows))
        return rows[:, 0]

    assert (
        loaded(forest, tmp_path, predict_fn=predict_fn).answer(text(ROWS), codecs.CSV, codecs.CSV).status
        == 200
    )
    assert seen == [400]
    matrix = LogisticRegression().fit(ROWS, NUMBERS)
    assert loaded(matrix, tmp_path)._sliced(text(ROWS), codecs.CSV, codecs.CSV) is None
