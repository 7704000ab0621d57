"""Which running training jobs are not worth going on with. Pure.

`median`: TrainingJobEarlyStoppingType `Auto`,
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html
`halving`: Hyperband's rungs, each job judged when it reaches one (asynchronous successive halving),
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagelocal.tuning.trials import Objective, Trial

_LEAST_OTHERS = 3
"""Before so many jobs have ended nobody is stopped by the median."""
_ETA = 3
"""Of the jobs at a rung one in so many goes on."""


def median(trials: Sequence[Trial], objective: Objective) -> list[Trial]:
    """Return the running jobs whose objective is worse than the median of the others' running averages.

    The averages are those of finished jobs up to the same number of values.
    """
    finished = [trial for trial in trials if trial.status == "Completed" and trial.curve]
    if len(finished) < _LEAST_OTHERS:
        return []
    losing = []
    for trial in trials:
        steps = len(trial.curve)
        if trial.is_over or not steps:
            continue
        averages = [statistics.fmean(other.curve[:steps]) for other in finished]
        mark = objective.score(statistics.median(averages))
        if max(map(objective.score, trial.curve)) < mark:
            losing.append(trial)
    return losing


def halving(trials: Sequence[Trial], objective: Objective, *, least: int, most: int) -> list[Trial]:
    """Return the running jobs that are not in the best third at the highest rung they have reached.

    Rungs are at `least`, `least * 3`, `least * 9`, … values of the objective, below `most`. A job that goes
    on behind `most` is stopped, however good it is; one that has just come there may yet save its model.
    """
    losing = [trial for trial in trials if not trial.is_over and len(trial.curve) > most]
    for trial in trials:
        rung = _highest_rung(len(trial.curve), least, most)
        if trial.is_over or rung is None or trial in losing:
            continue
        scores = sorted(
            (_score_at(other, rung, objective) for other in trials if len(other.curve) >= rung), reverse=True
        )
        kept = max(1, len(scores) // _ETA)
        if len(scores) >= _ETA and _score_at(trial, rung, objective) < scores[kept - 1]:
            losing.append(trial)
    return losing


def _highest_rung(steps: int, least: int, most: int) -> int | None:
    rung, found = max(1, least), None
    while rung < most and rung <= steps:
        found, rung = rung, rung * _ETA
    return found


def _score_at(trial: Trial, rung: int, objective: Objective) -> float:
    return max(map(objective.score, trial.curve[:rung]))
