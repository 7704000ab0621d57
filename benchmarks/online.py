"""Online serving: requests per second, latency and memory of each server, on one model after the other."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import contenders, load, models, processes
from benchmarks.contenders import CSV, ECHO, JSON, OURS, OURS_USER, STACK, STACK_USER
from benchmarks.environments import MissingPeerError
from benchmarks.figures import Figures, Target

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.contenders import Contender
    from benchmarks.models import Trained

FOREST, LARGE, BOOSTED = models.NAMES
MEMORY = "PSS after load, MB"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A column: what is asked, on how many connections."""

    rows: int
    connections: int
    content_type: str = JSON

    @property
    def name(self) -> str:
        """Return the column's name."""
        kind = "CSV" if self.content_type == CSV else "JSON"
        return f"{kind}, {self.rows} row{'s' * (self.rows > 1)}, c={self.connections}"


SINGLE = tuple(Cell(rows=1, connections=count) for count in (1, 8, 32))
LARGE_BODIES = (
    *(Cell(rows=1000, connections=count, content_type=CSV) for count in (1, 8)),
    *(Cell(rows=1000, connections=count) for count in (1, 8)),
)


@dataclass(kw_only=True)
class Server:
    """A running contender."""

    contender: Contender
    port: int
    pid: int
    trained: Trained

    def plan(self, cell: Cell, seconds: float) -> load.Plan:
        """Return what is to be asked of it."""
        rows = self.trained.rows[: cell.rows]
        if cell.content_type == CSV:
            body = "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist())
        else:
            body = self.contender.body(rows)
        return load.Plan(
            port=self.port,
            path=self.contender.path,
            body=body,
            content_type=cell.content_type,
            connections=cell.connections,
            seconds=seconds,
            headers={"Accept": JSON},
        )

    def is_right(self, cell: Cell, outcome: load.Outcome) -> bool:
        """Tell whether the last answer says what `model.predict` says, and every answer was 200."""
        if self.contender.name == ECHO:
            return outcome.errors == 0
        want = self.trained.model.predict(self.trained.rows[: cell.rows]).tolist()
        if "user" in self.contender.name:
            want = [("setosa", "versicolor", "virginica")[each] for each in want]
        return outcome.errors == 0 and self._labels(outcome.body) == want

    def _labels(self, body: str) -> list[Any]:
        if not body:
            return []
        text = body.split("\r\n", 1)[1].split("\r\n0\r\n", 1)[0] if not body.startswith(("[", "{")) else body
        found: list[Any] = self.contender.labels(json.loads(text))
        return found


def run(rounds: int, folder: Path, *, quick: bool, seconds: float) -> list[Figures]:
    """Measure the tutorial's model in all columns, with default handlers and with a user's."""
    trained = models.train(folder, FOREST)[FOREST]
    cells = (*SINGLE, *LARGE_BODIES)
    measured = [
        *_measure(rounds, folder, trained, _who(quick=quick), cells, seconds=seconds),
        *_measure(rounds, folder, trained, contenders.USERS, SINGLE, seconds=seconds),
    ]
    _hold(measured[0], measured[2], measured[3], measured[5])
    return measured


def run_others(rounds: int, folder: Path, *, quick: bool, seconds: float) -> list[Figures]:
    """Measure a large forest and a boosted model."""
    trained = models.train(folder, LARGE, BOOSTED)
    cells = (*SINGLE, LARGE_BODIES[3])
    found = []
    for each in trained.values():
        rates, tails, _ = _measure(rounds, folder, each, _who(quick=quick), cells, seconds=seconds)
        peers = [name for name in rates.samples if name not in (OURS, ECHO)]
        rates.targets = [
            Target(contender=OURS, reference=peer, column=cell.name, sign="≥", bound=1)
            for peer in peers
            for cell in cells
        ]
        found += [rates, tails]
    return found


def _who(*, quick: bool) -> tuple[Contender, ...]:
    return contenders.QUICK if quick else (*contenders.QUICK, *contenders.PEERS_OF_ALL)


def _hold(rates: Figures, weights: Figures, users: Figures, weights_of_users: Figures) -> None:
    bounds = dict(zip([cell.name for cell in SINGLE], (5, 10, 10), strict=True))
    bounds |= {cell.name: 3 for cell in LARGE_BODIES}
    rates.targets = [
        Target(contender=OURS, reference=STACK, column=column, sign="≥", bound=bound)
        for column, bound in bounds.items()
    ]
    weights.targets = [
        Target(contender=OURS, reference=STACK, column=MEMORY, sign="≤", bound=0.5),
    ]
    users.targets = [
        Target(contender=OURS_USER, reference=STACK_USER, column=cell.name, sign="≥", bound=1.5)
        for cell in SINGLE
    ]
    weights_of_users.targets = [
        Target(contender=OURS_USER, reference=STACK_USER, column=MEMORY, sign="≤", bound=0.6),
    ]


def _measure(
    rounds: int,
    folder: Path,
    trained: Trained,
    who: tuple[Contender, ...],
    cells: tuple[Cell, ...],
    *,
    seconds: float,
) -> list[Figures]:
    reference = next(each.name for each in who if each.name.startswith(STACK))
    title = f"Online: {trained.name}" + ("" if reference == STACK else ", handlers of the user's")
    key = "online-" + "".join(c if c.isalnum() else "-" for c in title[8:])
    rates = Figures(key=key, title=title, unit="requests/s", reference=reference)
    tails = Figures(key=f"{key}-p99", title=f"{title}: 99th percentile", unit="ms", reference=reference)
    weights = Figures(
        key=f"{key}-memory", title=f"{title}: start and memory", unit="s, MB", reference=reference
    )
    with ExitStack() as stack:
        started = [_start(stack, each, trained, folder, rates=rates, weights=weights) for each in who]
        servers = [server for server in started if server]
        for _ in range(rounds):
            for cell in cells:
                for server in servers:
                    _ask(server, cell, seconds, rates, tails)
        for server in servers:
            weights.add(server.contender.name, MEMORY, processes.memory(server.pid))
    return [rates, tails, weights]


def _start(
    stack: ExitStack, each: Contender, trained: Trained, folder: Path, *, rates: Figures, weights: Figures
) -> Server | None:
    port = processes.free_port()
    try:
        started = each.start(trained, port, folder)
        server = Server(contender=each, port=port, pid=0, trained=trained)
        plan = server.plan(SINGLE[0], 0)
        began = time.perf_counter()
        process = stack.enter_context(
            processes.running(
                started.argv,
                lambda: processes.answers(f"http://127.0.0.1:{port}{plan.path}", plan.body.encode()),
                environ=processes.environment(**started.environ),
                folder=folder,
                name=f"{each.name}-{port}".replace(" ", "-"),
            )
        )
    except (MissingPeerError, processes.StartError) as error:
        rates.failures[each.name] = str(error)
        return None
    weights.add(each.name, "start to first answer, s", time.perf_counter() - began)
    server.pid = process.pid
    return server


def _ask(server: Server, cell: Cell, seconds: float, rates: Figures, tails: Figures) -> None:
    name = server.contender.name
    if cell.content_type == CSV and not server.contender.has_csv and name != ECHO:
        return
    outcome = load.ask(server.plan(cell, seconds))
    if not server.is_right(cell, outcome):
        why = f"{outcome.errors} errors" if outcome.errors else f"the answer was {outcome.body[:80]!r}"
        rates.failures[f"{name}; {cell.name}"] = why
        return
    rates.add(name, cell.name, outcome.rate)
    tails.add(name, cell.name, outcome.p99)
