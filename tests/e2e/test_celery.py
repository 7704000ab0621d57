"""The same DAG on a distributed Airflow: CeleryExecutor with Redis, as docker-compose.yaml has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Launched


def test_the_demo_runs_on_celery(launch: Callable[..., Launched], tmp_path: Path) -> None:
    demo = launch(tmp_path / "home", "demo", "--celery")
    assert demo.process.wait(600) == 0, demo.says()
    assert "report       success" in demo.says()
    worker = (demo.home.logs / "worker.log").read_text(errors="replace")
    assert worker.count("succeeded in") >= 7, worker  # one Celery task for each of the DAG's
