"""The gate's task: what the evaluation left, and the rows that the endpoint is asked afterwards."""

import json
from pathlib import Path

import pytest

from sagewind.evaluation import EvaluationError
from sagewind.steps import judge
from sagewind.testing.s3 import S3Twin

SPEC = Path(__file__).parents[2] / "dags" / "models" / "diabetes.yaml"
BUCKET = "models"
MADE = {"run": f"s3://{BUCKET}/diabetes/runs/r/", "test": f"s3://{BUCKET}/diabetes/data/d/test/"}
ROWS = ("id,age,bmi,progression", "p1,50,20,100", "p2,60,30,200", "p3,70,40,300")


def golden(*predictions):
    """Return what the endpoint is asked, and what it shall answer, after an evaluation with these rows."""
    s3 = S3Twin()
    s3.put(BUCKET, "diabetes/data/d/test/test.csv", "\n".join(ROWS) + "\n")
    home = "diabetes/runs/r/evaluation/challenger"
    metrics = {"r2": {"value": 0.9}, "rmse": {"value": 10.0}}
    s3.put(BUCKET, f"{home}/evaluation.json", json.dumps({"regression_metrics": metrics}))
    s3.put(BUCKET, f"{home}/predictions.csv", "\n".join(["id,label,prediction", *predictions]) + "\n")
    judged = judge.judge(SPEC, made=MADE, contenders=1, clients=lambda _: s3.client())
    [asked] = judged["golden"]
    return dict(zip(asked["Body"].split(), asked["Expected"], strict=True))


@pytest.mark.parametrize(
    "predictions",
    [
        ("p1,100,101", "p2,200,202", "p3,300,303"),
        ("p3,300,303", "p1,100,101", "p2,200,202"),  # sorted by something else
        ("1,100,101", "2,200,202", "3,300,303"),  # other names than the table has: in the table's order
    ],
)
def test_the_endpoint_shall_answer_each_row_as_the_evaluation_did(predictions):
    assert golden(*predictions) == {"50,20": 101, "60,30": 202, "70,40": 303}


def test_an_evaluation_that_wrote_its_metrics_elsewhere_is_told_what_it_wrote():
    s3 = S3Twin()
    s3.put(BUCKET, "diabetes/runs/r/evaluation/challenger/metrics.json", "{}")
    s3.put(BUCKET, "diabetes/runs/r/evaluation/champion/evaluation.json", "{}")
    with pytest.raises(EvaluationError) as caught:
        judge.judge(SPEC, made=MADE, contenders=1, clients=lambda _: s3.client())
    assert str(caught.value) == (
        f"s3://{BUCKET}/diabetes/runs/r/evaluation/challenger/evaluation.json: evaluate.py wrote no "
        "evaluation.json to /opt/ml/processing/evaluation; it wrote metrics.json"
    )
