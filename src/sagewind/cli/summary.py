"""The demo's last words: what the run made, from the report of its last task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from sagewind.follow import Snapshot

SHOWN_PREDICTIONS = 5


@dataclass(frozen=True, kw_only=True)
class Next:
    """What the reader may do after the demo."""

    address: str
    login: str
    running: bool
    """Whether the stack goes on after the demo."""


def show(console: Console, report: Mapping[str, Any], last: Snapshot, then: Next) -> None:
    """Print the summary.

    `report` is what the task `report` returned: `accuracy`, `training_job`, `model_artifact`, `predictions`
    (each with `features`, `predicted` and `truth`), `endpoint`, `scores_uri`, `rows_in` and `rows_out`.
    """
    console.print()
    for name, value in (
        ("accuracy", f"{report['accuracy']:.4f}  (training job {report['training_job']})"),
        ("model", report["model_artifact"]),
        ("endpoint", report["endpoint"]),
        ("scores", report["scores_uri"]),
        ("rows", f"{report['rows_in']} in, {report['rows_out']} out"),
        ("seconds", ", ".join(f"{s.name} {s.seconds:.1f}" for s in last.steps if s.seconds is not None)),
    ):
        console.print(f"{name:<10}{value}", highlight=False, soft_wrap=True)  # addresses stay whole
    console.print()
    console.print(predictions(report["predictions"][:SHOWN_PREDICTIONS]), highlight=False)
    console.print(what_next(then), highlight=False, soft_wrap=True)


def predictions(rows: list[Mapping[str, Any]]) -> Table:
    """Lay predictions of the endpoint out beside the truth."""
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for title in ("features", "endpoint says", "truth", ""):
        table.add_column(title)
    for row in rows:
        features = row["features"]
        values = features.values() if isinstance(features, dict) else features
        right = "✔" if str(row["predicted"]) == str(row["truth"]) else "✘"
        table.add_row(", ".join(map(str, values)), str(row["predicted"]), str(row["truth"]), right)
    return table


def what_next(then: Next) -> str:
    """Say how to go on from here."""
    if then.running:
        start = f"Airflow is at {then.address} ({then.login}): trigger `iris` with other hyperparameters."
    else:
        start = "`make up` leaves Airflow running: trigger `iris` there with other hyperparameters."
    return (
        f"\nWhat next: {start}\n"
        "Change dags/models/iris.yaml or sm_code/iris/train.py and run `make demo` again.\n"
        "README.md tells how to point the same DAG at AWS."
    )
