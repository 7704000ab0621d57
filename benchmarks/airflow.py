"""Orchestration: the whole Iris pipeline on a scheduler, beside as many tasks that do nothing.

The tasks run on two Airflows that stand side by side: the stack's, and one on PostgreSQL with Airflow's own
settings. What is measured is Airflow's account of a run, from its trigger to its end.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import environments, processes
from benchmarks.figures import Figures, Target
from sagewind.airflow_rest import FINISHED_RUN, Airflow
from sagewind.stack import environment, launch, programs, readiness
from sagewind.stack import home as homes
from sagewind.stack.home import Home
from sagewind.stack.ports import Claims

if TYPE_CHECKING:
    from collections.abc import Iterator


PIPELINE, EMPTY, DEFAULT = (
    "the Iris pipeline",
    "empty tasks, same settings",
    "empty tasks, Airflow's settings",
)
DAG, NOTHING = "iris", "nothing"
_PARTS = ("postgres", "api-server", "scheduler", "dag-processor", "triggerer")
_TUNED = ("DAG_PROCESSOR__", "SCHEDULER__", "WORKERS__", "SDK__", "CORE__EXECUTOR", "CORE__PARALLELISM")
"""Of Airflow's configuration what the stack sets otherwise than Airflow does."""
_ROWS = 150
_SECONDS = 600.0
_POLL_SECONDS = 0.5
_EMPTY = '''"""Airflow DAG: as many tasks as the Iris pipeline has, one after the other; they do nothing."""

from airflow.sdk import DAG, chain, task

with DAG(dag_id="{dag}"):

    @task
    def nothing():
        return None

    chain(*(nothing.override(task_id=f"nothing_{{number}}")() for number in range({count})))
'''


class WrongRunError(RuntimeError):
    """A run did not end as it should; the message says how."""


def run(rounds: int, folder: Path) -> list[Figures]:
    """Measure all in turns, after a run of each that is not counted."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(_ours(folder / "ours"))
        count = len(ours.task_order(DAG))
        default = stack.enter_context(_default(folder / "default", count))
        column = f"{count} tasks, trigger to end, s"
        figures = Figures(key="airflow", title="The Iris pipeline on a scheduler", unit="s", reference=EMPTY)
        figures.targets = [
            Target(contender=PIPELINE, reference=EMPTY, column=column, sign="≤", bound=1.3),
            Target(contender=EMPTY, reference=DEFAULT, column=column, sign="≤", bound=0.6),
        ]
        figures.notes += [
            "Both Airflows run, on the same machine, while either is measured; so does sagelocal.",
            "The pipeline uploads, trains, deploys, verifies, scores and reports in every run.",
            "It scores beside deploying and verifying; the empty tasks run one after the other.",
            "Together the two bounds allow it 0.78 times the empty tasks with Airflow's settings.",
            "An empty task is waiting for the most part; docs/decisions/14 shortens that for both alike.",
        ]
        turns = ((PIPELINE, ours, DAG), (EMPTY, ours, NOTHING), (DEFAULT, default, NOTHING))
        for number in range(rounds + 1):
            for who, airflow, dag in turns:
                seconds = _run(airflow, dag)
                if number:
                    figures.add(who, column, seconds)
    return [figures]


def _run(airflow: Airflow, dag: str) -> float:
    """Run a DAG once; return the seconds from its trigger to its end."""
    run_id = airflow.trigger(dag, {})
    deadline = time.monotonic() + _SECONDS
    while (state := airflow.run_state(dag, run_id)) not in FINISHED_RUN:
        if time.monotonic() > deadline:
            raise WrongRunError(f"{dag} {run_id} is {state} after {_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
    if state != "success":
        raise WrongRunError(f"{dag} {run_id} is {state}: {airflow.tasks(dag, run_id)}")
    if dag == DAG and airflow.result(dag, run_id, "report")["rows_out"] != _ROWS:
        raise WrongRunError(f"{dag} {run_id} has not scored {_ROWS} rows")
    return airflow.run_seconds(dag, run_id)


@contextlib.contextmanager
def _ours(folder: Path) -> Iterator[Airflow]:
    """Run the stack on a copy of the project that has the empty tasks too."""
    project = folder / "project"
    shutil.copytree(environments.ROOT / "plugins", project / "plugins")
    shutil.copytree(environments.ROOT / "sm_code", project / "sm_code")
    shutil.copytree(environments.ROOT / "dags", project / "dags")
    for path in (project / "dags").glob("*.py"):
        if path.stem != DAG:
            path.unlink()
    home = Home(root=folder / "home", project=project)
    with (
        launch.start(home, os.environ, say=lambda _: None, cron=False) as stack,
        Airflow(stack.memory.address("airflow"), user=homes.USER, password=stack.memory.password) as client,
    ):
        _await_dags(client, DAG)
        client.unpause(DAG)
        _write_empty(project, len(client.task_order(DAG)))
        _await_dags(client, DAG, NOTHING)
        yield client


@contextlib.contextmanager
def _default(folder: Path, count: int) -> Iterator[Airflow]:
    """Run Airflow on PostgreSQL with its own settings, without our plugin, on the empty tasks alone."""
    project = folder / "project"
    (project / "plugins").mkdir(parents=True)
    (project / "dags").mkdir()
    _write_empty(project, count)
    home = Home(root=folder / "home", project=project)
    home.make()
    claims = Claims()
    memory = homes.recall(home, claim=claims.claim)
    Path(environment.passwords_file(home)).write_text(json.dumps({homes.USER: memory.password}))
    variables = _untuned(environment.of_programs(home, memory, processes.environment()))
    probes = readiness.probes(home, memory)
    ready = {"postgres": probes["postgres"], "api-server": probes["api"], "triggerer": probes["airflow"]}
    with contextlib.ExitStack() as stack:
        stack.callback(claims.release)
        for program in programs.table(home, memory):
            if program.name not in _PARTS:
                continue
            if program.name == "api-server":
                migrate = [sys.executable, "-m", *programs.MIGRATE]
                subprocess.run(migrate, env=variables, cwd=home.root, check=True, capture_output=True)
            argv, probe = program.argv, ready.get(program.name, lambda: True)
            stack.enter_context(
                processes.running(argv, probe, environ=variables, folder=home.logs, name=program.name)
            )
        address = memory.address("airflow")
        with Airflow(address, user=homes.USER, password=memory.password) as client:
            _await_dags(client, NOTHING)
            client.unpause(NOTHING)
            yield client


def _untuned(variables: dict[str, str]) -> dict[str, str]:
    """Leave out what the stack sets for speed, and for the laptop's sake."""
    tuned = tuple(f"AIRFLOW__{option}" for option in _TUNED)
    return {name: value for name, value in variables.items() if not name.startswith(tuned)}


def _write_empty(project: Path, count: int) -> None:
    (project / "dags" / "nothing.py").write_text(_EMPTY.format(dag=NOTHING, count=count))


def _await_dags(airflow: Airflow, *names: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not set(names) <= set(airflow.dag_ids()):
        if (errors := airflow.import_errors()) or time.monotonic() > deadline:
            raise WrongRunError(f"Airflow knows {airflow.dag_ids()} of {names}: {errors}")
        time.sleep(_POLL_SECONDS)
