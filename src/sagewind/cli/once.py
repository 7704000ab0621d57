"""`sagewind run <model>`: run a model's DAG once and show it, on the local stack, started when it is down."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sagewind.airflow_rest import Airflow
from sagewind.cli import demo, models, up, view
from sagewind.follow import follow
from sagewind.stack import home as homes

if TYPE_CHECKING:
    from sagewind.cli.call import Call


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("run", help="run a model's pipeline once, locally")
    models.argument(parser)
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        type=demo.param,
        metavar="NAME=VALUE",
        help="a field of the form",
    )
    up.celery(parser)
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Trigger, follow, and print what the last tasks returned; 0 when the run succeeded."""
    name = models.model(call).name
    console = Console()
    with (
        demo.stack(call, console) as (memory, ours),
        Airflow(memory.address("airflow"), user=homes.USER, password=memory.password) as airflow,
    ):
        demo.await_dag(airflow, name, edited=models.edited(call))
        airflow.unpause(name)
        run_id = demo.trigger(airflow, name, dict(call.arguments.param))
        console.print(f"run {run_id} of the DAG {name}\n", highlight=False, soft_wrap=True)
        question = f"{memory.address('airflow')}/dags/{name}/runs/{run_id}/required_actions"
        last = view.show(console, follow(airflow, name, run_id), question=question)
        if last.state != "success":
            demo.tell_failure(console, airflow, run_id, last, call.home, dag=name)
            return 1
        known = airflow.tasks(name, run_id)
        for tasks in _TOLD:
            told: dict[str, Any] = {}
            for task in (each for each in tasks if each in known):
                told |= airflow.result(name, run_id, task)
            if "page" in told:
                where = memory.address("airflow") + told["page"]
                when = ", while a stack runs (sagewind up)" if ours else ""
                console.print(f"\nversion {told['version']} with its card{when}: {where}", soft_wrap=True)
            if told:
                sys.stdout.write(f"{json.dumps(told, indent=2)}\n")
    return 0


_TOLD = (("register.enrol", "register.settle"), ("report",))
"""Tasks whose results are printed, together: the version as it was registered, and what became of it."""
