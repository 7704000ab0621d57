"""The demo's summary: every fact of the report is in it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sagewind.cli import demo, summary
from sagewind.follow import Snapshot, Step

REPORT = {
    "accuracy": 0.9736842,
    "training_job": "iris-train-1",
    "model_artifact": "s3://bucket/models/iris-train-1/output/model.tar.gz",
    "endpoint": "iris",
    "scores_uri": "s3://bucket/scores/features.csv.out",
    "rows_in": 150,
    "rows_out": 150,
    "predictions": [
        {"features": [5.1, 3.5], "predicted": "setosa", "truth": "setosa"},
        {"features": {"a": 6.7, "b": 3.0}, "predicted": "virginica", "truth": "versicolor"},
    ]
    * 3,
}
LAST = Snapshot(state="success", steps=[Step(name="train", state="success", seconds=12.34, says="")])


def shown(*, running: bool = False) -> str:
    out = io.StringIO()
    then = summary.Next(address="http://127.0.0.1:1", login="user admin", running=running)
    summary.show(Console(file=out, width=120), REPORT, LAST, then)
    return out.getvalue()


@pytest.mark.parametrize(
    "fact",
    [
        "0.9737",
        "iris-train-1",
        "s3://bucket/models/iris-train-1/output/model.tar.gz",
        "s3://bucket/scores/features.csv.out",
        "150 in, 150 out",
        "train 12.3",
        "make up",
    ],
)
def test_each_fact_is_told(fact: str) -> None:
    assert fact in shown()


def test_five_predictions_stand_beside_the_truth() -> None:
    lines = [line for line in shown().splitlines() if line.startswith(("5.1, 3.5", "6.7, 3.0"))]
    assert len(lines) == 5
    assert lines[0].split()[-1] == "✔"
    assert lines[1].split()[-1] == "✘"


def test_a_stack_that_goes_on_is_named() -> None:
    assert "http://127.0.0.1:1 (user admin)" in shown(running=True)


def test_only_the_first_sign_of_a_parameter_parts_it() -> None:
    assert demo.param("data=s3://b/k=v") == ("data", "s3://b/k=v")


def test_a_parameter_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="'n-estimators' is not NAME=VALUE"):
        demo.param("n-estimators")
