"""How a run is shown while it goes on: a live table in a terminal, a line for each change elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from sagewind.follow import Snapshot, Step

STYLES = {
    "success": ("✔", "green"),
    "failed": ("✘", "bold red"),
    "upstream_failed": ("✘", "red"),
    "running": ("▶", "cyan"),
    "deferred": ("…", "cyan"),
    "awaiting_input": ("?", "yellow"),
    "up_for_retry": ("↻", "yellow"),
    "skipped": ("-", "dim"),
}
_OTHER = ("·", "dim")


def show(console: Console, snapshots: Iterable[Snapshot], *, question: str = "") -> Snapshot:
    """Show the snapshots as they come; return the last.

    `question` is where a person answers what the run asks: told once, when it does.
    """
    told = _asking(console, snapshots, question)
    return _live(console, told) if console.is_terminal else _plain(console, told)


def _asking(console: Console, snapshots: Iterable[Snapshot], question: str) -> Iterator[Snapshot]:
    """Yield the snapshots; after the first with an open question say where it is answered."""
    asked = False
    for each in snapshots:
        yield each
        if question and not asked and any(step.state == "awaiting_input" for step in each.steps):
            asked = True
            console.print(
                f"it asks a person, until it is answered: {question}", highlight=False, soft_wrap=True
            )


def _live(console: Console, snapshots: Iterable[Snapshot]) -> Snapshot:
    last: Snapshot | None = None
    with Live(console=console, auto_refresh=False) as live:
        for last in snapshots:
            live.update(table(last), refresh=True)
    return _there(last)


def _plain(console: Console, snapshots: Iterable[Snapshot]) -> Snapshot:
    last: Snapshot | None = None
    told: dict[str, str] = {}
    for last in snapshots:
        for step in last.steps:
            if step.state != told.get(step.name, "waiting"):
                told[step.name] = step.state
                console.print(line(step), highlight=False, soft_wrap=True)
    return _there(last)


def table(snapshot: Snapshot) -> Table:
    """Lay a snapshot out: one line for each task with its state, elapsed time and last words."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for step in snapshot.steps:
        mark, style = STYLES.get(step.state, _OTHER)
        grid.add_row(
            Text(f"{mark} {step.name}", style=style),
            Text(step.state, style=style),
            elapsed(step),
            Text(step.says, style="dim"),
        )
    return grid


def line(step: Step) -> str:
    """Say a change of a task in one line."""
    return f"{step.name:<12} {step.state:<16} {elapsed(step)}".rstrip()


def elapsed(step: Step) -> str:
    """Say how long a task has been going on, or went on."""
    return "" if step.seconds is None else f"{step.seconds:.1f} s"


def _there(last: Snapshot | None) -> Snapshot:
    if last is None:
        raise ValueError("there was no snapshot to show")
    return last
