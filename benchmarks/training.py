"""The jobs' samples as figures with their targets."""

from __future__ import annotations

from benchmarks import jobs
from benchmarks.figures import Figures, Target

ONE, MANY = "one job, s", f"{jobs.BATCH} jobs, s"
_PLACES = {
    jobs.BARE: (jobs.BARE, ONE),
    jobs.WARM: (jobs.WARM, ONE),
    jobs.COLD: (jobs.COLD, ONE),
    jobs.BARE_BATCH: (jobs.BARE, MANY),
    jobs.WARM_BATCH: (jobs.WARM, MANY),
}


def run(rounds: int, *, quick: bool) -> list[Figures]:
    """Measure; quick without the batches."""
    figures = Figures(key="jobs", title="Training jobs, request to Completed", unit="s", reference=jobs.BARE)
    figures.targets = [
        Target(contender=jobs.WARM, reference=jobs.BARE, column=ONE, sign="≤", bound=0.25),
        Target(contender=jobs.COLD, reference=jobs.BARE, column=ONE, sign="≤", bound=1.3),
        Target(contender=jobs.WARM, reference=jobs.BARE, column=MANY, sign="≤", bound=1 / 8),
    ]
    for each in jobs.run(rounds, batches=not quick):
        contender, column = _PLACES[each["name"]]
        for value in each["values"]:
            figures.add(contender, column, value)
    return [figures]
