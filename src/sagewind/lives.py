"""DAGs from specs: for each spec file its pipeline and its scoring, without any Python of the user's.

A task's process reads the DAG file again; then only the one DAG that is asked for is made, however many specs
there are. Where a process made the DAGs before it forked (`keep`), a fork takes them while the spec says the
same. A spec that cannot be used does not take the others with it: in its place is a DAG with its file's name
that is not scheduled, has the tag `broken-spec`, and whose one task fails with the error. It has not the
model's own id: runs of the model's DAGs would lose their tasks to it, and so wait until the spec is mended.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import importlib
import inspect
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    DAG,
    AssetAny,
    AssetOrTimeSchedule,
    BaseNotifier,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Param,
    get_parsing_context,
    task,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from sagewind import form, groups, load
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from sagewind import spec

BROKEN = "broken-spec"
SCORE = "_score"
_DEFAULT_NOTIFIER = "sagewind.notices.LogNotifier"
_LONGEST_ID = 250
"""Airflow's bound."""
_log = logging.getLogger(__name__)
_KEPT: dict[Path | None, tuple[spec.Model, list[DAG]]] = {}
"""The DAGs that `keep` made, by the spec's file, with what the spec said."""


def keep(folder: Path) -> None:
    """Make the DAGs of a folder's specs, for `dags` in the forks of this process: each is given away once.

    All but those with notifiers of the user's, whose code is not for this process.
    """
    with _no_collection():
        for file in load.files(folder):
            with contextlib.suppress(SagewindError):  # told where the DAG file is read
                model = load.load(file)
                if not _has_notifier(model):
                    _check(model, file)
                    _KEPT[model.path] = model, [pipeline(model), scoring(model)]


def _has_notifier(model: spec.Model) -> bool:
    told = model.notifications
    return bool(told.on_failure or told.on_success or model.deadline.notifier)


def dags(folder: Path, *, beside: Collection[str] = ()) -> dict[str, DAG]:
    """Return the DAGs of every spec in the folder, by id, but of those that have DAGs written by hand."""
    wanted = get_parsing_context().dag_id
    made: dict[str, DAG] = {}
    with _no_collection():
        for file in load.files(folder):
            ids = (file.stem, file.stem + SCORE, _stand_in(file))
            if file.stem in beside or (wanted and wanted not in ids):
                continue
            made |= {each.dag_id: each for each in _of(file)}
    return made


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Have Python not look for garbage: all that is made stays, and looking takes a quarter of the time."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


def _of(file: Path) -> list[DAG]:
    try:
        model = load.load(file)
        said, made = _KEPT.pop(model.path, (None, []))
        if said == model:
            return made
        _check(model, file)
        return [pipeline(model), scoring(model)]
    except SagewindError as error:
        _log.error("%s", error)
        return [_broken(file, str(error))]


def _check(model: spec.Model, file: Path) -> None:
    """See that the spec has what a life needs beyond a training job.

    Raises:
        LoadError: the file's name is not the model's, or nothing says when a model is good enough.

    """
    load.demand_own_name(model, file)
    if not model.gate.has_rules:
        allowed = "allowed is at least one of gate.thresholds and gate.challenge"
        said = f"gate is missing or empty; {allowed}: a gate without rules passes nothing"
        raise load.error(model, ("gate",), said)


class LifeDag(DAG):
    """A DAG that is hashed by its id; Airflow's is by everything in it, twice for each edge between tasks."""

    def __hash__(self) -> int:
        return hash(self.dag_id)


def pipeline(model: spec.Model) -> DAG:
    """Return the DAG `<name>`: ready → train → evaluate → gate → register → deploy."""
    with LifeDag(
        dag_id=model.name,
        description=model.description,
        schedule=_schedule(model),
        catchup=False,
        max_active_runs=1,
        doc_md=_doc(model),
        **_common(model),
    ) as dag:
        made = groups.ready(model)
        trained = groups.train(model, made)
        judged = groups.gate(model, made, groups.evaluate(model, made, trained))
        enrolled = groups.register(model, made, trained, judged)
        deployed = groups.deploy(model, trained, judged).after(enrolled)
        groups.bill(model, deployed)
    return _with_form(dag, form.fields(model))


def scoring(model: spec.Model) -> DAG:
    """Return the DAG `<name>_score`: a partition of scores for each interval, then the look for drift."""
    with LifeDag(
        dag_id=model.name + SCORE,
        description=f"One partition of {model.name}'s scores for each interval.",
        schedule=_score_schedule(model),
        catchup=False,
        max_active_runs=model.score.max_active_runs,
        doc_md=_doc(model),
        **_common(model),
    ) as dag:
        scored = groups.score(model)
        if model.monitor.enabled:
            groups.monitor(model, scored)
    return _with_form(dag, form.interval_fields(model))


def _with_form(dag: DAG, fields: Mapping[str, Mapping[str, Any]]) -> DAG:
    """Give a DAG its form when its tasks are made: else Airflow copies all of it into every one of them.

    Set past Airflow's check that each default suits its field: the spec has seen to that.
    """
    form_of_params = ParamsDict({name: Param(**field) for name, field in fields.items()})
    object.__setattr__(dag, "params", form_of_params)
    return dag


def _common(model: spec.Model) -> dict[str, Any]:
    """Return the arguments that both DAGs have: retries, tags, notifications, deadline."""
    told = model.notifications
    default: dict[str, Any] = {"retries": 2, "retry_delay": dt.timedelta(seconds=10)}
    if told.on_failure:
        keys = ("notifications", "on_failure")
        default["on_failure_callback"] = _notifier(model, keys, told.on_failure, told.arguments)
    common: dict[str, Any] = {"default_args": default, "tags": ["sagemaker", "spec", model.name]}
    if told.on_success:
        keys = ("notifications", "on_success")
        common["on_success_callback"] = _notifier(model, keys, told.on_success, told.arguments)
    if model.deadline.minutes:
        common["deadline"] = _deadline(model)
    return common


def _deadline(model: spec.Model) -> DeadlineAlert:
    """Have the triggerer tell of a run that is not over in time.

    Raises:
        LoadError: the notifier does not exist, does not take the arguments, or would fail in the triggerer.

    """
    keys = ("deadline", "notifier")
    path = model.deadline.notifier or _DEFAULT_NOTIFIER
    arguments = dict(model.deadline.arguments) or {"message": f"{model.name} missed its deadline"}
    made = _notifier(model, keys, path, arguments)
    objection = _objection(model, type(made), arguments)
    if objection:
        raise load.error(model, keys, f"deadline.notifier is {path!r}, {objection}")
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=dt.timedelta(minutes=model.deadline.minutes),
        callback=AsyncCallback(path, kwargs=arguments),
    )


def _objection(model: spec.Model, made: type[BaseNotifier], arguments: Mapping[str, str]) -> str:
    """Return why the triggerer could not run a notifier; empty when it can."""
    if made.async_notify is BaseNotifier.async_notify:
        return "which has no async_notify: the triggerer could not run it"
    file, folder = sys.modules[made.__module__].__file__, model.path and model.path.parent.parent
    if file and folder and Path(file).resolve().is_relative_to(folder):
        return f"in {folder}: the triggerer finds only what is installed, or in Airflow's plugins folder"
    takes = inspect.signature(made).parameters.values()
    takes_context = any(each.name == "context" or each.kind is each.VAR_KEYWORD for each in takes)
    if not takes_context and any("{{" in text for text in arguments.values()):
        return "which takes no context for its templates: hand **kwargs of its __init__ to BaseNotifier's"
    return ""


def _notifier(
    model: spec.Model, keys: tuple[str, str], path: str, arguments: Mapping[str, str]
) -> BaseNotifier:
    """Make the notifier that stands at these keys, by its class's path.

    Raises:
        LoadError: there is no such class, or it does not take the arguments.

    """
    made = _named(model, keys, path)
    try:
        return made(**arguments)
    except TypeError as error:
        said = f"{'.'.join(keys)} is {path!r}, which does not take {keys[0]}.arguments: {error}"
        raise load.error(model, keys, said) from error


def _named(model: spec.Model, keys: tuple[str, ...], path: str) -> Callable[..., BaseNotifier]:
    """Return the notifier's class at a dotted path.

    Raises:
        LoadError: there is none.

    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        said = f"{'.'.join(keys)} is {path!r}; no such class can be imported: {error}"
        raise load.error(model, keys, said) from error
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise load.error(model, keys, f"{'.'.join(keys)} is {path!r}; allowed is an Airflow notifier's class")
    return found


def _schedule(model: spec.Model) -> Any:
    """Return when to train: by cron, when scoring has found drift, and when new data has come."""
    starts = {
        "drift": model.monitor.enabled and model.monitor.retrain,
        "data": model.data.starts_training,
    }
    started = [groups.asset(model, kind) for kind, wanted in starts.items() if wanted]
    by = AssetAny(*started) if len(started) > 1 else started
    if not model.schedule:
        return by or None
    if not started:
        return model.schedule
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable(model.schedule, timezone="UTC"), assets=by)


def _score_schedule(model: spec.Model) -> Any:
    """Return when to score: at the end of each interval, and when there is a new champion."""
    intervals = CronDataIntervalTimetable(model.score_schedule, timezone="UTC")
    if not model.score.on_promotion:
        return intervals
    return AssetOrTimeSchedule(timetable=intervals, assets=[groups.asset(model, "champion")])


def _doc(model: spec.Model) -> str:
    name = model.path.name if model.path else model.name
    return f"{model.description}\n\nMade of the spec `models/{name}`."


def _stand_in(file: Path) -> str:
    """Return the id of the DAG that stands for a broken spec: with a dot, as no model's DAG has."""
    return re.sub(r"[^\w.-]", "_", file.name)[:_LONGEST_ID]


def _broken(file: Path, message: str) -> DAG:
    """Return the DAG that stands for a spec that cannot be used."""
    with DAG(
        dag_id=_stand_in(file),
        schedule=None,
        description=message[:500],
        tags=[BROKEN],
        doc_md=f"```\n{message}\n```",
    ) as dag:

        @task(retries=0)
        def spec_is_broken() -> None:
            raise AirflowFailException(message)

        spec_is_broken()
    return dag
