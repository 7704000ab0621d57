"""The stack's programs, as a table; and the table as a supervisord configuration."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewind.stack import ports
from sagewind.stack.home import Executor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sagewind.stack.home import Home, Memory

MIGRATE = ("airflow", "db", "migrate")
"""What makes or renews Airflow's tables, before its group starts."""

STORES = "stores"
SERVICES = "services"
AIRFLOW = "airflow"
SCHEDULER = "scheduling"
"""Apart: it stops before the API does, and starts no task before that answers, which would die of it."""
GROUPS = (STORES, SERVICES, AIRFLOW, SCHEDULER)
"""In the order of their start; supervisord stops them in the reverse order, each as a whole."""
ON_REQUEST = {AIRFLOW, SCHEDULER}
"""They need more than processes that run: a migrated database, an API that answers."""


# The workers of a scheduler that was killed live on, and with them its connections: a lock that it held would
# keep its successor from queueing any task. So PostgreSQL (which libpq tells) gives such a transaction up.
_FORGETFUL = {"PGOPTIONS": "-c idle_in_transaction_session_timeout=30s"}


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised program."""

    name: str
    group: str
    argv: Sequence[str]
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    stops_children: bool = False
    """Whether the program ends its processes itself, and is confused when somebody else does."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of its environment, beside those that all programs have."""


def table(home: Home, memory: Memory, executor: Executor = Executor.LOCAL) -> tuple[Program, ...]:
    """List the stack's programs."""
    number = memory.ports
    return (
        *(_celery(home) if executor is Executor.CELERY else ()),
        # SIGINT is PostgreSQL's fast shutdown: it disconnects clients and writes a checkpoint.
        Program(
            name="postgres",
            group=STORES,
            argv=_python("sagewind.stack.postgres", str(home.postgres), str(home.sockets)),
            stop_signal="INT",
        ),
        Program(
            name="emulator",
            group=STORES,
            argv=_tethered(
                "sagelocal", "emulator", "--port", str(number["emulator"]), "--data", str(home.emulator)
            ),
        ),
        Program(name="sagelocal", group=SERVICES, argv=_tethered("sagelocal", "serve")),
        _airflow("api-server", "--host", ports.HOST, "--port", str(number["airflow"])),
        _airflow("scheduler", "--skip-serve-logs", group=SCHEDULER, variables=_FORGETFUL),
        _airflow("dag-processor"),
        # Told of the end together with its runner, it waits ten seconds for the runner's; and often when it
        # alone is told, since it hears of that end by sockets that may be closed by then. Its triggers are
        # taken up by the next triggerer however it ended.
        _airflow("triggerer", "--skip-serve-logs", stops_children=True, stop_seconds=4),
    )


def _celery(home: Home) -> tuple[Program, ...]:
    # The queue needs no disk: Airflow's scheduler puts again what was lost with it.
    redis = ("redis-server", "--port", "0", "--unixsocket", str(home.broker), "--unixsocketperm", "700")
    return (
        Program(name="redis", group=STORES, argv=_python("sagewind.stack.tether", *redis, "--save", "")),
        # --without-gossip and -mingle: there is one worker, and nobody to talk to.
        Program(
            name="worker",
            group=AIRFLOW,
            argv=_tethered(
                *("airflow", "celery", "worker", "--skip-serve-logs", "--without-gossip", "--without-mingle")
            ),
        ),
    )


def _airflow(part: str, *arguments: str, group: str = AIRFLOW, **more: Any) -> Program:
    return Program(name=part, group=group, argv=_tethered("airflow", part, *arguments), **more)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _tethered(module: str, *arguments: str) -> tuple[str, ...]:
    return _python("sagewind.stack.tether", *_python(module, *arguments))


def log(home: Home, program: str) -> Path:
    """Where a program's output goes."""
    return home.logs / f"{program}.log"


def configuration(home: Home, programs: Sequence[Program]) -> str:
    """Render the configuration of supervisord.

    Airflow's groups do not start by themselves.
    """
    control = home.sockets / "supervisor.sock"
    parts = [
        _section("unix_http_server", {"file": control, "chmod": "0700"}),
        _section(
            "supervisord",
            {
                "logfile": home.logs / "supervisord.log",
                "pidfile": home.root / "supervisord.pid",
                "childlogdir": home.logs,
                "nodaemon": "true",
                "silent": "true",
            },
        ),
        _section(
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
        *(_program(home, program) for program in programs),
        *(_group(position, programs) for position in range(len(GROUPS))),
    ]
    return "\n".join(parts)


def _program(home: Home, program: Program) -> str:
    return _section(
        f"program:{program.name}",
        {
            "command": shlex.join(program.argv),
            "directory": home.root,
            "autostart": "false" if program.group in ON_REQUEST else "true",
            "autorestart": "true",
            "startsecs": 3,
            "stopsignal": program.stop_signal,
            "stopwaitsecs": program.stop_seconds,
            "stopasgroup": str(not program.stops_children).lower(),
            "killasgroup": "true",
            "environment": ",".join(f'{name}="{value}"' for name, value in program.variables.items()),
            "redirect_stderr": "true",
            "stdout_logfile": log(home, program.name),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": 1,
        },
    )


def _group(position: int, programs: Sequence[Program]) -> str:
    group = GROUPS[position]
    names = ",".join(program.name for program in programs if program.group == group)
    return _section(f"group:{group}", {"programs": names, "priority": 100 + position})


def _section(title: str, values: dict[str, object]) -> str:
    # supervisord expands %(name)s in values.
    lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in values.items()]
    return "\n".join([f"[{title}]", *lines, ""])
