"""Evaluation files are read strictly: one section, finite metrics only, ids that are unique."""

import json

import pytest

from sagewind import evaluation
from sagewind.evaluation import EvaluationError, Problem

MULTICLASS = {
    "version": 0.0,
    "dataset": {"item_count": 38},
    "multiclass_classification_metrics": {
        "confusion_matrix": {"a": {"a": 10, "b": 1}, "b": {"a": 0, "b": 27}},
        "accuracy": {"value": 0.97, "standard_deviation": 0.01},
        "weighted_f1": {"value": float("nan"), "standard_deviation": "NaN"},
        "plain": 3,
    },
}


def test_metrics_are_read_in_sagemakers_shape():
    got = evaluation.parse(json.dumps(MULTICLASS), source="e.json")
    assert got.problem is Problem.MULTICLASS
    assert got.rows == 38
    assert got.metrics == {"accuracy": 0.97, "plain": 3.0}
    assert got.rejected == {"weighted_f1": "nan"}
    assert got.confusion["b"]["b"] == 27


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "e.json: expected JSON"),
        ("[]", "got list"),
        ("{}", r"expected exactly one of .*regression_metrics; got \[\]"),
        ('{"regression_metrics": {}, "binary_classification_metrics": {}}', "expected exactly one"),
        ('{"regression_metrics": 3}', "expected exactly one"),
    ],
)
def test_a_file_of_another_shape_is_refused(text, message):
    with pytest.raises(EvaluationError, match=message):
        evaluation.parse(text, source="e.json")


def test_predictions_are_read_by_column_name():
    got = evaluation.parse_predictions("prediction,id,label\nb,7,a\n", source="p.csv")
    assert (got.ids, got.labels, got.predictions) == (("7",), ("a",), ("b",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"p.csv: no column id, label, prediction; got \[\]"),
        ("id,label\n1,a\n", "no column prediction"),
        ("id,label,prediction\n", "no rows"),
        ("id,label,prediction\n1,a\n", "p.csv line 2: id, label and prediction must not be empty"),
        ("id,label,prediction\n1,a,b\n1,a,b\n", "p.csv line 3: id '1' occurs twice"),
    ],
)
def test_predictions_that_lack_something_are_refused(text, message):
    with pytest.raises(EvaluationError, match=message):
        evaluation.parse_predictions(text, source="p.csv")
