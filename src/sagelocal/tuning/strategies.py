"""How the next training job's hyperparameters are chosen: Grid, Random, Bayesian, Hyperband. Pure.

A strategy is a function of the ranges, of what became of the earlier jobs, and of a seed. It keeps no state,
so a tuning job that is taken up after a crash goes on as if nothing had been.

https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
"""

from __future__ import annotations

import itertools
import math
import random
import warnings
from typing import TYPE_CHECKING, Any

from sagelocal.tuning.ranges import CATEGORICAL, INTEGER, LOGARITHMIC, REVERSE, Range, RangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.distributions import BaseDistribution

    from sagelocal.tuning.trials import Objective, Trial

    Strategy = Callable[[Sequence[Range], Sequence[Trial], Objective, str], dict[str, str] | None]

GRID, RANDOM, BAYESIAN, HYPERBAND = "Grid", "Random", "Bayesian", "Hyperband"
_TRIES = 50
"""So many times a strategy looks for parameters that no earlier job had, in a space that may be small."""
_FIRST_AT_RANDOM = 4


def propose(
    strategy: str, ranges: Sequence[Range], trials: Sequence[Trial], objective: Objective, seed: str
) -> dict[str, str] | None:
    """Return the next job's tuned hyperparameters, or None when the whole space has been tried."""
    return _STRATEGIES[strategy](ranges, trials, objective, seed)


def grid_size(ranges: Sequence[Range]) -> int:
    """Return how many jobs a grid search has.

    Raises:
        RangeError: a range is not categorical.

    """
    for each in ranges:
        if each.kind != CATEGORICAL:
            raise RangeError(
                f"Grid search takes categorical ranges only; that of {each.name!r} is {each.kind.lower()}"
            )
    return int(size(ranges))


def size(ranges: Sequence[Range]) -> float:
    """Return how many points a space of categories has; one with numbers in it has no end."""
    return math.prod(len(set(each.values)) for each in ranges) if _is_finite(ranges) else math.inf


def _grid(ranges: Sequence[Range], trials: Sequence[Trial], _: Objective, __: str) -> dict[str, str] | None:
    tried = [trial.parameters for trial in trials if trial.own]
    names = [each.name for each in ranges]
    for values in itertools.product(*(dict.fromkeys(each.values) for each in ranges)):
        parameters = dict(zip(names, values, strict=True))
        if parameters not in tried:
            return parameters
    return None


def _random(
    ranges: Sequence[Range], trials: Sequence[Trial], _: Objective, seed: str
) -> dict[str, str] | None:
    generator = random.Random(f"{seed} {sum(trial.own for trial in trials)}")  # noqa: S311  (no secret)
    tried = [trial.parameters for trial in trials]
    if _is_exhausted(ranges, trials):
        return None
    parameters: dict[str, str] = {}
    for _attempt in range(_TRIES):
        parameters = {each.name: each.at(generator.random()) for each in ranges}
        if parameters not in tried:
            break
    else:
        return _untried(ranges, trials) or parameters
    return parameters


def _bayesian(
    ranges: Sequence[Range], trials: Sequence[Trial], objective: Objective, seed: str
) -> dict[str, str] | None:
    """Ask Optuna's tree-structured Parzen estimator; running jobs count as the worst so far."""
    judged = [trial for trial in trials if trial.value is not None and _fits(trial, ranges)]
    if len(judged) < _FIRST_AT_RANDOM or _is_exhausted(ranges, trials):
        return _random(ranges, trials, objective, seed)
    tried = [trial.parameters for trial in trials]
    asked = _ask(ranges, judged, trials, objective, _number(seed, len(trials)))
    if asked in tried:
        return _random(ranges, trials, objective, seed)
    return asked


def _ask(
    ranges: Sequence[Range],
    judged: Sequence[Trial],
    trials: Sequence[Trial],
    objective: Objective,
    seed: int,
) -> dict[str, str]:
    import optuna  # noqa: PLC0415  (half a second, needed by this strategy alone)

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {each.name: _distribution(each) for each in ranges}
    worst = min(objective.score(trial.value or 0.0) for trial in judged)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=_FIRST_AT_RANDOM, multivariate=True, n_ei_candidates=64
        )
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for trial in trials:
        if not _fits(trial, ranges) or (trial.value is None and trial.is_over):
            continue
        study.add_trial(
            optuna.trial.create_trial(
                params={each.name: _inner(each, trial.parameters[each.name]) for each in ranges},
                distributions=distributions,
                value=worst if trial.value is None else objective.score(trial.value),
            )
        )
    params = study.ask(fixed_distributions=distributions).params
    return {each.name: _outer(each, params[each.name]) for each in ranges}


def _distribution(range_: Range) -> BaseDistribution:
    from optuna import distributions  # noqa: PLC0415

    if range_.kind == CATEGORICAL:
        return distributions.CategoricalDistribution(range_.values)
    log = range_.scaling == LOGARITHMIC
    if range_.kind == INTEGER:
        return distributions.IntDistribution(int(range_.low), int(range_.high), log=log)
    if range_.scaling == REVERSE:
        return distributions.FloatDistribution(1.0 - range_.high, 1.0 - range_.low, log=True)
    return distributions.FloatDistribution(range_.low, range_.high, log=log)


def _inner(range_: Range, text: str) -> Any:
    """Return a hyperparameter's text as Optuna has it."""
    if range_.kind == CATEGORICAL:
        return text
    if range_.kind == INTEGER:
        return int(float(text))
    return 1.0 - float(text) if range_.scaling == REVERSE else float(text)


def _outer(range_: Range, value: Any) -> str:
    if range_.kind == CATEGORICAL:
        return str(value)
    number = 1.0 - value if range_.scaling == REVERSE else value
    return range_.text(min(max(number, range_.low), range_.high))


def _fits(trial: Trial, ranges: Sequence[Range]) -> bool:
    """Tell whether the trial is in this space: a parent's may have other ranges."""
    return all(each.holds(trial.parameters.get(each.name)) for each in ranges)


def _is_exhausted(ranges: Sequence[Range], trials: Sequence[Trial]) -> bool:
    return _is_finite(ranges) and _untried(ranges, trials) is None


def _is_finite(ranges: Sequence[Range]) -> bool:
    return all(each.kind == CATEGORICAL for each in ranges)


def _untried(ranges: Sequence[Range], trials: Sequence[Trial]) -> dict[str, str] | None:
    if not _is_finite(ranges):
        return None
    own = [trial for trial in trials if trial.own]
    return _grid(ranges, own, _NO_OBJECTIVE, "")


def _number(seed: str, position: int) -> int:
    return random.Random(f"{seed} {position}").getrandbits(31)  # noqa: S311  (no secret)


_NO_OBJECTIVE: Any = None
_STRATEGIES: dict[str, Strategy] = {
    GRID: _grid,
    RANDOM: _random,
    BAYESIAN: _bayesian,
    # Hyperband draws at random; what makes it Hyperband is which jobs it stops (`early.halving`).
    HYPERBAND: _random,
}
