"""What becomes of every operation of the installed service models: a table made from the code.

An operation *runs* when all that it asks for is done; it is *recorded* when the resource is kept and given
back, with a status that says that nothing runs; it is *refused* when a request of it is answered by an error
that gives the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal.api import unhandled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sagelocal.api.recorded import Row
    from sagelocal.wire.model import Operation

RUNS, RECORDED, REFUSED = "runs", "recorded", "refused"
_WORK = ("Start", "Stop")


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What becomes of one operation."""

    service: str
    name: str
    how: str
    """`runs`, `recorded` or `refused`."""
    why: str
    """The reason, when it does not run."""


def table(
    operations: Mapping[str, Operation], own: Iterable[str], derived: Mapping[str, Row]
) -> Iterator[Treatment]:
    """Yield every operation, by service and name; `own` have handlers of their own."""
    handled = frozenset(own)
    for each in sorted(operations.values(), key=lambda each: (each.service, each.name)):
        if each.name in handled:
            how, why = RUNS, ""
        elif each.name in derived:
            how, why = _kept(each.name, derived[each.name])
        else:
            how, why = REFUSED, unhandled.reason(each.name)
        yield Treatment(service=each.service, name=each.name, how=how, why=why)


def markdown(treatments: Iterable[Treatment]) -> str:
    """Return the table as a page of the documentation."""
    rows = list(treatments)
    counts = ", ".join(f"{sum(each.how == how for each in rows)} {how}" for how in (RUNS, RECORDED, REFUSED))
    lines = [
        "# Operations",
        "",
        f"Every operation of the installed botocore's models of SageMaker: {len(rows)}, of which {counts}.",
        "Made from the code by `python -m sagelocal api-table`.",
        "",
        "- **runs**: all that it asks for is done.",
        "- **recorded**: kept, described, listed and deleted; nothing runs, and the status says so.",
        "- **refused**: the answer is an error that gives the reason.",
    ]
    for service in dict.fromkeys(each.service for each in rows):
        lines += ["", f"## {service}", "", "| operation | | why |", "|---|---|---|"]
        lines += [f"| {each.name} | {each.how} | {each.why} |" for each in rows if each.service == service]
    return "\n".join(lines) + "\n"


def _kept(name: str, row: Row) -> tuple[str, str]:
    if row.refused or name.startswith(_WORK):
        return REFUSED, row.reason
    return (RUNS, "") if row.whole else (RECORDED, row.reason)
