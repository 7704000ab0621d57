"""Task groups for the parts of a model's life: each can stand alone in a DAG written by hand.

    model = load.load(SPEC)
    with DAG("mine", ...):
        made = groups.ready(model)
        trained = groups.train(model, made)
        judged = groups.gate(model, made, groups.evaluate(model, made, trained))
        enrolled = groups.register(model, made, trained, judged)
        groups.deploy(model, trained, judged).after(enrolled)

A group takes what came before it and returns its `Part`: the ids of the tasks that others read from, and
where it begins and ends. Parts that are passed on are chained.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Asset, TaskGroup, TriggerRule, chain, task

from sagewind import arrivals, landing, naming, requests, tasks
from sagewind.operators import sagemaker
from sagewind.operators.links import CardLink
from sagewind.requests import returned

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewind import spec

NAME = "{{ name(ti) }}"
AT = "{{ scored_until(dag_run, params.get('day')) }}"
_UNTIL = "until(dag_run, triggering_asset_events)"
UNTIL = "{{ " + _UNTIL + " }}"
_DAY = "params.get('day') or day_of(dag_run)"
_DATA = "{{ params.get('data') or '' }}"
_MACHINE = "{{ params.get('instance_type') or '' }}"
"""What the form chose to train on; empty in a DAG without that field, as one that only prepares data."""
SINCE = "{{ since(dag_run, triggering_asset_events) }}"
MACROS = {
    "name": naming.for_task,
    "run_name": naming.for_run,
    "day_of": naming.day_of,
    "until": naming.until,
    "since": naming.since,
    "began": naming.began,
    "due": landing.due,
    "watched": landing.watched,
    "end_of_day": naming.end_of_day,
    "scored_until": naming.scored_until,
}
"""What the groups' templates call; each group puts them into its DAG."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A group in its DAG: the first and last task, and the task whose result is the group's."""

    first: Any
    last: Any
    result: Any = None
    """What the group returns, as an argument of tasks; for jobs the task's id is in `ids`."""
    ids: tuple[str, ...] = ()
    teardown: Any = None
    """The task that takes away again what the group made, however the run goes."""

    def after(self, *others: Part) -> Self:
        """Run this part after the others."""
        for other in others:
            chain(other.last, self.first)
        return self

    def during(self, *others: Part) -> Self:
        """Run the others while what this part made is there: its teardown waits until they end, or fail."""
        for other in others:
            other.after(self)
            if self.teardown is not None:
                chain(other.last, self.teardown)
        return self


def assets(model: spec.Model) -> dict[str, Asset]:
    """Return the assets of a model: `champion` (a version was approved), `scores`, `drift` and `data`.

    Events of `data` are raised by whoever lands it: a task with this outlet, or a call of Airflow's API.
    """
    return {kind: asset(model, kind) for kind in ("champion", "data", "drift", "scores")}


def asset(model: spec.Model, kind: str) -> Asset:
    """Return one of a model's `assets`."""
    return _asset(model.name, kind)


@functools.cache
def _asset(name: str, kind: str) -> Asset:
    return Asset(name=f"{name}_{kind}", uri=f"sagewind://{name}/{kind}")


def ready(model: spec.Model) -> Part:
    """Have the rows come, check data and budget, and upload both code and data."""
    begun, come, exported = _source(model)
    made = _task(tasks.ready, trigger_rule=TriggerRule.NONE_FAILED if come else TriggerRule.ALL_SUCCESS)(
        spec_file=str(model.path),
        data=_DATA,
        run_name="{{ run_name('run', dag.dag_id, run_id) }}",
        until=UNTIL,
        exported=exported,
        instance_type=_MACHINE,
    )
    _macros(made.operator.dag)
    if come:
        chain(*come, made)
    return Part(first=begun or made, last=made, result=made, ids=(made.operator.task_id,))


def train(model: spec.Model, made: Part) -> Part:
    """Train by a training or a tuning job, and make a model of its artifact.

    The part's ids: the job's template of its name, the artifact's, and the model's.
    """
    with TaskGroup("train") as group:
        _macros(group.dag)
        job = _training(model, made.ids[0])
        name, artifact = _trained(model, f"{group.group_id}.job", made.ids[0])
        serving = sagemaker.SageMakerModelOperator(
            task_id="model",
            config=requests.create_model(model, name=NAME, place=_place(made), artifact=artifact),
        )
        chain(job, serving)
    model_name = returned(serving.task_id, "Model", "ModelName")
    return Part(first=job, last=serving, ids=(name, artifact, model_name)).after(made)


def evaluate(model: spec.Model, made: Part, trained: Part) -> Part:
    """Measure the new model, and the champion on the same rows, each by a job."""
    with TaskGroup("evaluate") as group:
        _macros(group.dag)
        jobs = _task(tasks.contend)(
            spec_file=str(model.path),
            made=made.result,
            artifact=trained.ids[1],
            model_name=trained.ids[2],
            name=NAME,
            at=SINCE,
        )
        kind = (
            sagemaker.SageMakerProcessingOperator
            if model.evaluates_by_script
            else sagemaker.SageMakerTransformOperator
        )
        measured = kind.partial(task_id="job").expand(config=jobs)
    return Part(first=jobs, last=measured, result=jobs).after(trained)


def gate(model: spec.Model, made: Part, evaluated: Part) -> Part:
    """Decide by the spec's rules; the task is red when the model does not pass."""
    with TaskGroup("gate"):
        judged = _task(tasks.judge)(spec_file=str(model.path), made=made.result, contenders=evaluated.result)
    return Part(first=judged, last=judged, result=judged, ids=(judged.operator.task_id,)).after(evaluated)


def register(model: spec.Model, made: Part, trained: Part, judged: Part) -> Part:
    """Register the version, ask for approval where the spec says so, and make it the champion."""
    with TaskGroup("register") as group:
        _macros(group.dag)
        enrolled = _task(tasks.enrol)(
            spec_file=str(model.path),
            made=made.result,
            judged=judged.result,
            training_job=trained.ids[0],
        )
        enrolled.operator.operator_extra_links = (CardLink(),)
        asked, answer, by = _ASK[model.approval.by](model, enrolled, judged)
        settled = _task(tasks.settle)(
            spec_file=str(model.path), enrolled=enrolled, answer=answer, by=by, at=SINCE
        )
        crowned = _task(tasks.promoted, outlets=[asset(model, "champion")])(settled)
        chain(enrolled, *asked, settled, crowned)
    return Part(first=enrolled, last=crowned, result=crowned, ids=(enrolled.operator.task_id,)).after(judged)


def deploy(model: spec.Model, trained: Part, judged: Part) -> Part:
    """Put the model behind its endpoint; green only when it answers as the evaluation did."""
    with TaskGroup("deploy") as group:
        _macros(group.dag)
        hours = f"macros.timedelta(hours={model.endpoint.ttl_hours:g})"
        expires = "{{ (dag_run.run_after + " + hours + ").isoformat() }}"
        config = requests.endpoint(
            model,
            name=NAME,
            model_name=trained.ids[2],
            capture=returned("ready", "capture"),
            expires=expires if model.endpoint.ttl_hours else "",
        )
        endpoint = sagemaker.SageMakerEndpointOperator(
            task_id="endpoint",
            config=config,
            golden="{{ ti.xcom_pull(" + repr(judged.ids[0]) + ")['golden'] | tojson }}",
            tolerance=1e-4,
        )
        gone = None
        if model.endpoint.temporary:
            gone = sagemaker.SageMakerDeleteEndpointOperator(
                task_id="teardown", endpoint_name=model.endpoint_name, delete_models=False
            )
            chain(endpoint, gone.as_teardown())
    return Part(first=endpoint, last=endpoint, ids=(endpoint.task_id,), teardown=gone).after(judged)


def bill(model: spec.Model, *parts: Part) -> Part:
    """Add up what the run's jobs cost once all parts are over; how the run ended is not for it to decide."""
    billed = _task(tasks.bill)(
        spec_file=str(model.path),
        run_name="{{ run_name('run', dag.dag_id, run_id) }}",
        since="{{ began(dag_run) }}",
    )
    _macros(billed.operator.dag)
    billed.operator.as_teardown()
    return Part(first=billed, last=billed, result=billed).after(*parts)


def score(model: spec.Model) -> Part:
    """Score the rows of the run's data interval with the champion, as a partition."""
    with TaskGroup("score") as group:
        _macros(group.dag)
        prepared = _task(tasks.prepare, multiple_outputs=True)(
            spec_file=str(model.path),
            day="{{ " + _DAY + " }}",
            until=AT,
            name=NAME,
            champion="{{ params.get('champion') or '' }}",
        )
        left = _task(tasks.pending, kind="short_circuit", ignore_downstream_trigger_rules=False)(prepared)
        job = sagemaker.SageMakerTransformOperator(
            task_id="job", config=prepared["request"], pool=model.score.pool
        )
        published = _task(
            tasks.publish,
            outlets=[asset(model, "scores")],
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        )(str(model.path), prepared)
        come = _landed(model)
        chain(*come, prepared, left, job, published)
    return Part(first=(*come, prepared)[0], last=published, result=prepared)


def monitor(model: spec.Model, scored: Part) -> Part:
    """Compare the interval's rows with the training data; drift is an event of the asset `<name>_drift`."""
    with TaskGroup("monitor") as group:
        _macros(group.dag)
        seen = _task(tasks.watch)(str(model.path), scored.result)
        moved = _task(tasks.drifted, outlets=[asset(model, "drift")])(seen, until=AT)
        told = _task(tasks.told)(str(model.path), seen)
        chain(moved, told)
    return Part(first=seen, last=told, result=seen).after(scored)


def _source(model: spec.Model) -> tuple[Any, list[Any], str]:
    """Make the tasks after which a run's rows are there; return the first, all, and the export's template."""
    table, stream = model.data.dynamodb, model.data.landing
    if table is None and stream is None:
        return None, [], ""
    with TaskGroup("data") as group:
        _macros(group.dag)
        placed = _task(tasks.place)(spec_file=str(model.path), data=_DATA, until=UNTIL, since=SINCE)
        if table is not None:
            export = arrivals.export(model, table, placed.operator.task_id, NAME)
            return placed, [placed, export], "{{ ti.xcom_pull(" + repr(export.task_id) + ") or '' }}"
        assert stream is not None
        return placed, [placed, *arrivals.landed(model, stream, _UNTIL)], ""


def _landed(model: spec.Model) -> list[Any]:
    """Make the tasks after which a day's rows are there, when Firehose lands them."""
    if model.score.landing is None:
        return []
    come = arrivals.landed(model, model.score.landing, f"end_of_day({_DAY})")
    return [*come, _task(tasks.land)(spec_file=str(model.path), day="{{ " + _DAY + " }}")]


def _training(model: spec.Model, made: str) -> Any:
    arguments: dict[str, Any] = {
        "name": NAME,
        "place": requests.Place.from_task(made),
        "data": returned(made, "train"),
        "output": returned(made, "models"),
        "hyperparameters": requests.hyperparameters(model),
        "instance_type": requests.chosen("instance_type"),
        "validation": returned(made, "validation") if model.is_algorithm else "",
    }
    if model.tuning:
        return sagemaker.SageMakerTuningOperator(task_id="job", config=requests.tuning(model, **arguments))
    return sagemaker.SageMakerTrainingOperator(task_id="job", config=requests.training(model, **arguments))


def _trained(model: spec.Model, job: str, made: str) -> tuple[str, str]:
    """Return the templates of the training job's name and of its artifact."""
    if not model.tuning:
        path = ("Training", "ModelArtifacts", "S3ModelArtifacts")
        return returned(job, "Training", "TrainingJobName"), returned(job, *path)
    best = returned(job, "Tuning", "BestTrainingJob", "TrainingJobName")
    return best, f"{returned(made, 'models')}/{best}/output/model.tar.gz"


def _place(made: Part) -> requests.Place:
    return requests.Place.from_task(made.ids[0])


def _task(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Make a task of a function: it is called with templates and other tasks' results for its arguments."""
    outlets = options.pop("outlets", [])
    decorated = _decorated(function, **options)

    def make(*positional: Any, **named: Any) -> Any:
        made = decorated(*positional, **named)
        made.operator.outlets = outlets
        return made

    return make


@functools.cache
def _decorated(
    function: Callable[..., Any], *, kind: str = "python", multiple_outputs: bool = False, **options: Any
) -> Any:
    """Decorate a function once, however many DAGs it is in.

    Airflow evaluates the annotations of a function each time that it is decorated, and reads its signature
    each time that it becomes a task. Unless told otherwise it sends each value of a mapping to the API server
    a second time, by itself; all tasks here read the mapping.
    """
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return getattr(task, kind)(multiple_outputs=multiple_outputs, **options)(function)


def _macros(dag: Any) -> None:
    dag.user_defined_macros = {**MACROS, **(dag.user_defined_macros or {})}


# Who is asked: the tasks in between, and the templates of the answer and of who gave it.


def _by_gate(model: spec.Model, enrolled: Any, judged: Part) -> tuple[list[Any], Any, str]:
    del model, enrolled, judged
    return [], "Approve", "gate"


def _by_person(model: spec.Model, enrolled: Any, judged: Part) -> tuple[list[Any], Any, str]:
    version, page, card = (returned(enrolled.operator.task_id, key) for key in ("version", "page", "card"))
    # Not the provider's ApprovalOperator: it skips what follows a rejection, and gives no answer then.
    approve = HITLOperator(
        task_id="approve",
        subject=f"Version {version} of {model.name}: approve it as the champion?",
        body="{{ ti.xcom_pull(" + repr(judged.ids[0]) + ")['markdown'] }}\n\n"
        f"[Model card]({page}), kept at `{card}`",
        options=["Approve", "Reject"],
        defaults="Reject",
        response_timeout=dt.timedelta(hours=model.approval.timeout_hours),
        retries=0,
    )
    pulled = "ti.xcom_pull(" + repr(approve.task_id) + ")"
    by = "{{ (" + pulled + "['responded_by_user'] or {}).get('name') or 'nobody in time' }}"
    return [approve], "{{ " + pulled + "['chosen_options'][0] }}", by


def _by_registry(model: spec.Model, enrolled: Any, judged: Part) -> tuple[list[Any], Any, str]:
    del judged
    seen = sagemaker.SageMakerModelApprovalSensor(
        task_id="answered",
        model_package_arn=returned(enrolled.operator.task_id, "arn"),
        poke_interval=model.poll_seconds,
        timeout=model.approval.timeout_hours * 3600,
    )
    return [seen], seen.output, "registry"


_ASK = {"gate": _by_gate, "person": _by_person, "registry": _by_registry}
