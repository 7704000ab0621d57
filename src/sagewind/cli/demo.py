"""`sagewind demo`: run the Iris pipeline once on a real Airflow scheduler, show it, tell what it made."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import time
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.status import Status

from sagewind.airflow_rest import Airflow
from sagewind.cli import summary, up, view
from sagewind.errors import SagewindError
from sagewind.follow import follow
from sagewind.stack import home as homes
from sagewind.stack import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sagewind.cli.call import Call
    from sagewind.follow import Snapshot
    from sagewind.stack.home import Memory


class ParamError(SagewindError):
    """What a run is to be given is no field of its form."""


DAG = "iris"
KNOWN_SECONDS = 120.0
_UNREADABLE_SECONDS = 30.0
"""So long a file that cannot be read may be another than the DAG's, which Airflow has yet to come to."""
LOG_LINES = 40
_LOOK_SECONDS = 0.2


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("demo", help="run the Iris pipeline once and tell what happened")
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        type=param,
        metavar="NAME=VALUE",
        help="a field of the trigger form, such as n-estimators=100 (may be repeated)",
    )
    up.celery(parser)
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Start the stack (or use the one that runs), follow one run; 0 when it ended well, else 1."""
    console = Console()
    began = time.monotonic()
    with stack(call, console) as (memory, ours):
        login = f"user {homes.USER}, password {memory.password}"
        address = memory.address("airflow")
        console.print(f"Airflow {address}  ({login})", highlight=False)
        with Airflow(address, user=homes.USER, password=memory.password) as airflow:
            await_dag(airflow, DAG)
            airflow.unpause(DAG)
            run_id = trigger(airflow, DAG, dict(call.arguments.param))
            console.print(f"run {run_id} of the DAG {DAG}\n", highlight=False, soft_wrap=True)
            last = view.show(console, follow(airflow, DAG, run_id))
            if last.state != "success":
                tell_failure(console, airflow, run_id, last, call.home)
                return 1
            report = airflow.result(DAG, run_id, "report")
        summary.show(console, report, last, summary.Next(address=address, login=login, running=not ours))
        console.print(f"\n{time.monotonic() - began:.0f} s in all.", highlight=False)
    return 0


@contextlib.contextmanager
def stack(call: Call, console: Console) -> Iterator[tuple[Memory, bool]]:
    """Give a healthy stack: the one that runs in this home, or one that is stopped in the end."""
    running = launch.running(call.home, say=_line_by_line(console))
    if running:
        console.print(f"using the stack that runs in {call.home.root}", highlight=False, soft_wrap=True)
        yield running, False
        return
    with _announcer(console) as say:
        executor = call.arguments.executor
        started = launch.start(call.home, call.environ, say=say, cron=False, executor=executor)
    with started:
        try:
            yield started.memory, True
        finally:
            _line_by_line(console)(launch.STOP)


@contextlib.contextmanager
def _announcer(console: Console) -> Iterator[Callable[[str], None]]:
    """Tell what the start waits for: in one changing line in a terminal, line by line elsewhere."""
    if not console.is_terminal:
        yield _line_by_line(console)
        return
    with Status("starting", console=console) as status:
        yield lambda what: status.update(f"waiting for {what} ...")


def _line_by_line(console: Console) -> Callable[[str], None]:
    return lambda what: console.print(f"waiting for {what} ...", highlight=False, soft_wrap=True)


class Reader(Protocol):
    """What is asked which DAGs there are: `airflow_rest.Airflow`, or a twin in tests."""

    def dag_ids(self) -> list[str]:
        """List the ids of the DAGs that it knows."""

    def import_errors(self) -> Mapping[str, str]:
        """Return the DAG files that could not be read, each with its traceback."""

    def read_at(self, dag_id: str) -> dt.datetime:
        """Return when it last began to read the DAG's file."""

    def read_again(self, dag_id: str) -> None:
        """Have it read the DAG's file before all others."""


def await_dag(
    airflow: Reader,
    dag: str,
    *,
    edited: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until Airflow has read the DAG, as it has been since the time `edited` (seconds since 1970).

    Raises:
        StackError: the DAG does not appear, maybe since a DAG file cannot be read.

    """
    began = now()
    while dag not in (known := airflow.dag_ids()):
        waited = now() - began
        errors = airflow.import_errors()
        if errors and waited > _UNREADABLE_SECONDS:
            told = "\n".join(f"{file}:\n{trace}" for file, trace in errors.items())
            raise launch.StackError(f"Airflow knows no DAG {dag!r}; these files it cannot read:\n{told}")
        if waited > KNOWN_SECONDS:
            raise launch.StackError(f"Airflow knows no DAG {dag!r}; it knows {', '.join(known) or 'none'}")
        pause(_LOOK_SECONDS)
    since = dt.datetime.fromtimestamp(edited, dt.UTC)
    if airflow.read_at(dag) < since:
        airflow.read_again(dag)
    while airflow.read_at(dag) < since:
        if now() - began > KNOWN_SECONDS:
            raise launch.StackError(f"Airflow has not read the DAG {dag!r} since {since.isoformat()}")
        pause(_LOOK_SECONDS)


def trigger(airflow: Airflow, dag: str, params: Mapping[str, str]) -> str:
    """Start a run with these fields of the DAG's form, each of the field's type; return its id.

    Raises:
        ParamError: the form has no such field: Airflow would take it, and the run would not.

    """
    known = airflow.fields(dag) if params else {}
    unknown = sorted(params.keys() - known.keys())
    if unknown:
        raise ParamError(
            f"--param {unknown[0]}: the form of {dag} has no such field; it has {', '.join(known)}"
        )
    return airflow.trigger(dag, {name: _typed(text, known[name]) for name, text in params.items()})


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """Return text for a field that takes it, else the number that it is, if JSON has one."""
    types = schema.get("type", [])
    for kind in () if "string" in types else (int, float):
        with contextlib.suppress(ValueError):
            if math.isfinite(number := kind(text)):
                return number
    return text


def tell_failure(
    console: Console, airflow: Airflow, run_id: str, last: Snapshot, home: homes.Home, *, dag: str = DAG
) -> None:
    """Print the end of each failed task's log, and where the rest is."""
    tasks = airflow.tasks(dag, run_id)
    for name in last.failed:
        console.print(f"\n{name} failed; its log ends:", style="bold red", highlight=False)
        for line in airflow.log(dag, run_id, tasks[name])[-LOG_LINES:]:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    logs = home.airflow / "logs" / f"dag_id={dag}" / f"run_id={run_id}"
    console.print(f"\ntask logs     {logs}", highlight=False, soft_wrap=True)
    console.print(f"program logs  {home.logs}", highlight=False, soft_wrap=True)
    console.print(f"jobs          {home.sagelocal / 'jobs'}", highlight=False, soft_wrap=True)


def param(text: str) -> tuple[str, str]:
    """Read `name=value`."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    return name, value
