"""What clients read of a tuning job's training jobs: HyperParameterTrainingJobSummary. Pure.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperParameterTrainingJobSummary.html
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from sagelocal.tuning import trials as trying

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagelocal.tuning.definition import Tuning
    from sagelocal.tuning.trials import Objective, Trial

_TAKEN = (
    *("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime"),
    *("TrainingJobStatus", "FailureReason", "TunedHyperParameters"),
)

_LEAST_GAIN = 0.01
"""A training job improves on those before it by this part of the best of their values, or does not count so.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BestObjectiveNotImproving.html
"""


def summary(
    body: Mapping[str, Any], *, tuning_job: str, definition: str, objective: Objective
) -> dict[str, Any]:
    """Return the summary of a training job from its Describe body."""
    value = trying.objective_of(body, objective.metric)
    trial = trying.Trial(
        name=body["TrainingJobName"], parameters={}, status=body["TrainingJobStatus"], value=value
    )
    document = {key: body[key] for key in _TAKEN if key in body}
    document |= {"TuningJobName": tuning_job, "ObjectiveStatus": trying.objective_status(trial)}
    if definition:
        document["TrainingJobDefinitionName"] = definition
    if value is not None and trial.is_over:
        document["FinalHyperParameterTuningJobObjectiveMetric"] = objective.document(value)
    return document


def value_of(document: Mapping[str, Any]) -> float:
    """Return the objective's value in the summary of a best training job."""
    return float(document["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def best(
    trials: Sequence[Trial], bodies: Sequence[Mapping[str, Any]], tuning: Tuning, name: str
) -> dict[str, Any] | None:
    """Return the BestTrainingJob: by the first definition's direction when there are several."""
    found = trying.best(trials, tuning.definitions[0].objective)
    if found is None:
        return None
    body, definition = next(
        (body, definition)
        for trial, body, definition in zip(trials, bodies, tuning.turns(), strict=False)
        if trial is found
    )
    return summary(body, tuning_job=name, definition=definition.name, objective=definition.objective)


def inherited(trial: Trial) -> Trial:
    """Return a parent's trial as one that this tuning job knows of and has not made."""
    return dataclasses.replace(trial, own=False, definition="")


def has_reached(trials: Sequence[Trial], tuning: Tuning) -> bool:
    """Tell whether TuningJobCompletionCriteria are met: the target, or no improvement for too long."""
    scores = _scores(trials, tuning)
    if not scores:
        return False
    if tuning.target is not None and max(scores) >= tuning.definitions[0].objective.score(tuning.target):
        return True
    if tuning.most_not_improving is None:
        return False
    return not_improving(trials, tuning) >= tuning.most_not_improving


def not_improving(trials: Sequence[Trial], tuning: Tuning) -> int:
    """Return how many training jobs there were since one that was better, by a hundredth, than all before."""
    since, best = -1, -math.inf
    for score in _scores(trials, tuning):
        is_better = score > best and (math.isinf(best) or score - best >= _LEAST_GAIN * abs(best))
        since = 0 if is_better else since + 1
        best = max(best, score)
    return max(since, 0)


def _scores(trials: Sequence[Trial], tuning: Tuning) -> list[float]:
    objective = tuning.definitions[0].objective
    return [objective.score(trial.value) for trial in trials if trial.is_over and trial.value is not None]
