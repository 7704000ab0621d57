"""Asks AWS and Airflow, all at once, for what the Models page shows of some models."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sagewind.ui.models.asking import Ask
from sagewind.ui.models.values import Detail, Summary, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewind import spec
    from sagewind.ui.models.amazon import Amazon
    from sagewind.ui.models.asking import Asking
    from sagewind.ui.models.values import Airflow

    Runs = Callable[[tuple[str, ...], int], dict[str, Airflow]]

_COST_SECONDS = 300.0
"""A month's cost is a call for each job, and changes slowly."""
_FEW_DAYS, _MANY_DAYS = 14, 120
_FEW_PARTITIONS, _MANY_PARTITIONS = 1, 14
_FEW_RUNS, _MANY_RUNS = 1, 6


class Collector:
    """Fills summaries and details; `runs` is what Airflow says of models, so many runs of each DAG."""

    def __init__(self, *, amazon: Amazon, asking: Asking, runs: Runs) -> None:
        self._amazon = amazon
        self._asking = asking
        self._runs = runs

    def summaries(self, models: Sequence[spec.Model]) -> tuple[Summary, ...]:
        """Return what is known of each model now."""
        questions: dict[tuple[Any, ...], Ask] = {}
        for model in models:
            questions |= self._questions(model, days=_FEW_DAYS, partitions=_FEW_PARTITIONS)
        answers = self._asking.ask(questions | self._costs(models) | self._airflow(models, _FEW_RUNS))
        runs = answers["airflow", _names(models), _FEW_RUNS]
        return tuple(_summary(model, answers, runs) for model in models)

    def detail(self, model: spec.Model) -> tuple[Detail, str]:
        """Return what is known of one model now, and where its files are; empty when that is not known."""
        asked = self._questions(model, days=_MANY_DAYS, partitions=_MANY_PARTITIONS)
        asked["versions", model.name] = Ask(question=partial(self._amazon.versions, model))
        asked["base", model.name] = Ask(question=partial(self._amazon.base, model))
        answers = self._asking.ask(asked | self._costs((model,)) | self._airflow((model,), _MANY_RUNS))
        told = answers["versions", model.name]
        versions, more = (told, False) if isinstance(told, Unanswered) else told
        base = answers["base", model.name]
        summary = _summary(model, answers, answers["airflow", (model.name,), _MANY_RUNS])
        detail = Detail(summary=summary, versions=versions, more=more, runs=_together(summary))
        return detail, "" if isinstance(base, Unanswered) else base

    def _questions(self, model: spec.Model, *, days: int, partitions: int) -> dict[tuple[Any, ...], Ask]:
        amazon, name = self._amazon, model.name
        asked: dict[str, Any] = {
            "standing": partial(amazon.standing, model),
            "endpoint": partial(amazon.endpoint, model),
            "scored": partial(amazon.scored, model, partitions),
            "watched": partial(amazon.watched, model, days),
        }
        # The number of days is a part of the key: the list must not answer for a model's own page.
        return {(what, name, days): Ask(question=question) for what, question in asked.items()}

    def _costs(self, models: Sequence[spec.Model]) -> dict[tuple[Any, ...], Ask]:
        return {
            ("cost", each.name): Ask(question=partial(self._amazon.cost, each), keep=_COST_SECONDS)
            for each in models
        }

    def _airflow(self, models: Sequence[spec.Model], newest: int) -> dict[tuple[Any, ...], Ask]:
        names = _names(models)
        question = partial(self._runs, names, newest)
        return {("airflow", names, newest): Ask(question=question, keep=0.0)}


def _names(models: Sequence[spec.Model]) -> tuple[str, ...]:
    return tuple(each.name for each in models)


def _summary(
    model: spec.Model, answers: dict[tuple[Any, ...], Any], runs: dict[str, Airflow] | Unanswered
) -> Summary:
    found = {key[0]: part for key, part in answers.items() if key[1] == model.name}
    return Summary(
        model=model,
        standing=found["standing"],
        endpoint=found["endpoint"],
        scored=found["scored"],
        watched=found["watched"],
        cost=found["cost"],
        airflow=runs if isinstance(runs, Unanswered) else runs[model.name],
    )


def _together(summary: Summary) -> tuple[Any, ...]:
    """Return the runs of both DAGs, those that began last first."""
    if isinstance(summary.airflow, Unanswered):
        return ()
    dags = [dag for dag in (summary.airflow.training, summary.airflow.scoring) if dag]
    runs = [run for dag in dags for run in dag.runs]
    return tuple(sorted(runs, key=lambda run: (run.start is None, str(run.start)), reverse=True))
