"""A model as the Models page would show it, for the tests of the page: all is well, or anything is evil."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from pathlib import Path

from sagewind import load
from sagewind.chronicle import Chronicle, Day
from sagewind.cost import Bill, Usage
from sagewind.registry import Version
from sagewind.ui.models import values
from sagewind.ui.models.render import Links

ROOT = Path(__file__).parents[3]
NOW = dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)
EVIL = "<script>alert(1)</script>\"'>"
LINKS = Links(root="", environ={"AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:9"})
DIABETES = load.load(ROOT / "dags" / "models" / "diabetes.yaml", environ={})


def ago(**delta: float) -> dt.datetime:
    return NOW - dt.timedelta(**delta)


def version(number: int, status: str = "Approved", *, text: str = "", **metrics: float) -> Version:
    at = ago(days=30 - 7 * number)
    answered = {} if status.startswith("Pending") else {"000": f"{at.isoformat()} {status} ada{text}"}
    return Version(
        arn=f"arn:aws:sagemaker:us-east-1:123456789012:model-package/diabetes/{number}",
        group="diabetes",
        number=number,
        status=status,
        created=at,
        modified=at,
        properties={
            "sagewind:job": f"diabetes-train-job-{number}{text}",
            "sagewind:code": "4f1c" * 16,
            "sagewind:data": "9b7a" * 16,
            f"sagewind:hp:n-estimators{text}": f"150{text}",
            **{f"sagewind:metric:{name}{text}": repr(value) for name, value in metrics.items()},
            **{f"sagewind:approval:{key}": value for key, value in answered.items()},
        },
        model_data=artifact(number) + text,
    )


def artifact(number: int) -> str:
    return f"s3://bucket/diabetes/models/job-{number}/output/model.tar.gz"


def versions(text: str = "") -> tuple[Version, ...]:
    return (
        version(3, "PendingManualApproval", text=text, r2=0.47, rmse=55.1),
        version(2, text=text, r2=0.46, rmse=56.9),
        version(1, text=text, r2=0.43, rmse=58.2),
    )


def chronicle(text: str = "") -> Chronicle:
    start = ago(days=20).date()
    days = tuple(
        Day(
            day=start + dt.timedelta(days=place),
            version=1 if place < 11 else 2,
            drifted=(f"bmi{text}",) if place in (8, 9, 10) else (),
            metrics={"r2": 0.44 + 0.03 * ((place * 7) % 5) / 5 - (0.1 if place in (8, 9, 10) else 0)},
        )
        for place in range(20)
    )
    return Chronicle(model=f"diabetes{text}", reigns=(), days=days)


def bill(text: str = "") -> Bill:
    lines = tuple(
        (Usage(name=f"{kind}-{place}", kind=kind + text, instance_type="ml.m5.large", instances=1, seconds=9),
         Decimal("0.31"))
        for kind, count in (("training", 4), ("processing", 5), ("transform", 9))
        for place in range(count)
    )  # fmt: skip
    return Bill(total=Decimal("5.58"), currency=f"USD{text}", lines=lines)


def run(dag_id: str, state: str = "success", text: str = "", **began: float) -> values.Run:
    start = ago(**(began or {"hours": 9}))
    return values.Run(
        dag_id=dag_id + text,
        run_id=f"scheduled__{start.isoformat()}{text}",
        state=state,
        kind="scheduled" + text,
        start=start,
        end=start + dt.timedelta(minutes=4),
        logical=start - dt.timedelta(days=1),
    )


def airflow(text: str = "", *, asks: bool = False) -> values.Airflow:
    question = values.Question(
        dag_id="diabetes" + text,
        run_id="run" + text,
        task_id="register.approve" + text,
        map_index=-1,
        subject=f"Version 3 of diabetes: approve it as the champion?{text}",
        since=ago(hours=3),
    )
    training = values.Dag(
        dag_id="diabetes" + text,
        paused=False,
        runs=tuple(run("diabetes", "running" if asks else "success", text, days=7 * n) for n in range(3)),
        questions=(question,) if asks else (),
    )
    scoring = values.Dag(
        dag_id="diabetes_score" + text,
        paused=False,
        runs=tuple(run("diabetes_score", "success", text, days=n, hours=11) for n in range(4)),
    )
    return values.Airflow(training=training, scoring=scoring)


def scored(text: str = "") -> tuple[values.Partition, ...]:
    return tuple(
        values.Partition(
            ds=(ago(days=place).date()).isoformat() + text,
            rows=1_200 + 37 * place,
            model=f"arn:aws:sagemaker:us-east-1:123456789012:model-package/diabetes/{2 if place < 9 else 1}",
            at=ago(days=place - 1, hours=11),
            address=f"s3://bucket/diabetes/scores/ds={place}/{text}",
        )
        for place in range(1, 15)
    )


def summary(text: str = "", *, asks: bool = False, **changed: object) -> values.Summary:
    model = dataclasses.replace(DIABETES, description=DIABETES.description + text)
    model = dataclasses.replace(model, budget=dataclasses.replace(model.budget, month=20.0))
    made = values.Summary(
        model=model,
        standing=values.standing(versions(text)),
        endpoint=values.Endpoint(
            name="diabetes" + text,
            status="InService" + text,
            config=f"diabetes-deploy-endpoint-3f2a{text}",
            model="diabetes-train-model-77b1" + text,
            artifact=artifact(2) + text,
            instances="1 of ml.m5.large" + text,
            changed=ago(days=16),
            failure=text,
        ),
        scored=scored(text),
        watched=chronicle(text),
        cost=bill(text),
        airflow=airflow(text, asks=asks),
    )
    return dataclasses.replace(made, **changed)  # type: ignore[arg-type]


def detail(text: str = "", *, asks: bool = False, **changed: object) -> values.Detail:
    shown = summary(text, asks=asks, **changed)
    runs = ()
    if isinstance(shown.airflow, values.Airflow) and shown.airflow.training and shown.airflow.scoring:
        runs = shown.airflow.training.runs + shown.airflow.scoring.runs
    return values.Detail(summary=shown, versions=versions(text), runs=runs)
