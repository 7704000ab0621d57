"""The Python tasks of a model's life as Airflow calls them: each hands over to its step.

A step's libraries (boto3, numpy, pyarrow) are imported when the task runs, not when a DAG file is read. What
a retry would only repeat (wrong data, a model that does not pass) fails the task for good.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, AirflowSkipException

from sagewind.errors import NotYetError, SagewindError

if TYPE_CHECKING:
    from collections.abc import Callable

_BY_ITSELF = frozenset({"scheduled", "asset_triggered"})
"""The types of runs that no person asked for."""


def _call(step: str, **arguments: Any) -> Any:
    """Call `<module>.<function>` of `sagewind.steps`.

    Raises:
        AirflowFailException: the step says what is wrong; trying again would not mend it.
        AirflowSkipException: another run must come first, and nobody has asked for this one.

    """
    return _carry_out(f"sagewind.steps.{step}", **arguments)


def _refuse_unknown_fields() -> None:
    """Refuse a run whose `conf` names what the DAG's form does not: nobody would read it.

    Raises:
        AirflowFailException: it does.

    """
    context = get_current_context()
    known = context["dag"].params
    unknown = sorted(set(context["dag_run"].conf or {}) - set(known))
    if unknown:
        said = f"the run's conf has {unknown[0]!r}, which is no field of {context['dag'].dag_id}'s form"
        raise AirflowFailException(f"{said}; allowed are {', '.join(known)}")


def _carry_out(path: str, **arguments: Any) -> Any:
    module, _, function = path.rpartition(".")
    carried_out = getattr(importlib.import_module(module), function)
    try:
        return carried_out(**arguments)
    except NotYetError as error:
        if get_current_context()["dag_run"].run_type in _BY_ITSELF:
            raise AirflowSkipException(str(error)) from error
        raise AirflowFailException(str(error)) from error
    except SagewindError as error:
        raise AirflowFailException(str(error)) from error


def gather(spec_file: str, day: str, sample_rows: int) -> dict[str, Any]:
    """Find the model and the day's rows; skipped when they have been scored. See `daily`."""
    gathered: dict[str, Any] = _carry_out(
        "sagewind.daily.gather", spec_file=spec_file, day=day, sample_rows=sample_rows
    )
    if gathered["done"]:
        raise AirflowSkipException(f"{gathered['output']} was made of the same rows by the same model")
    return gathered


def settle_day(gathered: dict[str, Any], transform_job: str) -> dict[str, Any]:
    """See that no row was lost, and mark the day as done; see `daily`."""
    settled: dict[str, Any] = _carry_out(
        "sagewind.daily.settle", gathered=gathered, transform_job=transform_job
    )
    return settled


def place(spec_file: str, data: str, until: str, since: str) -> dict[str, Any]:
    """Say where the run's rows are put; skipped when a person chose a table. See `steps.source`."""
    if data:
        raise AirflowSkipException(f"this run's table is {data}")
    now = dt.datetime.now(dt.UTC)
    placed: dict[str, Any] = _call(
        "source.place", spec_file=spec_file, until=until, backfill=bool(since), now=now
    )
    return placed


def land(spec_file: str, day: str) -> dict[str, Any]:
    """Make the day's rows of what landed; see `steps.source.land`."""
    landed: dict[str, Any] = _call("source.land", spec_file=spec_file, day=day)
    return landed


def ready(
    spec_file: str, *, data: str, run_name: str, until: str, exported: str, instance_type: str
) -> dict[str, Any]:
    """Check what was asked for, data and budget, and upload; see `steps.ready`."""
    _refuse_unknown_fields()
    made: dict[str, Any] = _call(
        "ready.ready",
        spec_file=spec_file,
        data=data,
        run_name=run_name,
        until=until,
        exported=exported,
        instance_type=instance_type,
    )
    return made


def contend(
    spec_file: str, *, made: dict[str, Any], artifact: str, model_name: str, name: str, at: str
) -> list[dict[str, Any]]:
    """Return an evaluation job's request for each contender; see `steps.contend`."""
    jobs: list[dict[str, Any]] = _call(
        "contend.contend",
        spec_file=spec_file,
        made=made,
        artifact=artifact,
        model_name=model_name,
        name=name,
        at=at,
    )
    return jobs


def judge(spec_file: str, made: dict[str, Any], contenders: list[dict[str, Any]]) -> dict[str, Any]:
    """Decide by the gate's rules; see `steps.judge`."""
    judged: dict[str, Any] = _call("judge.judge", spec_file=spec_file, made=made, contenders=len(contenders))
    return judged


def enrol(spec_file: str, made: dict[str, Any], judged: dict[str, Any], training_job: str) -> dict[str, Any]:
    """Register a version and write its card; see `steps.enrol`."""
    enrolled: dict[str, Any] = _call(
        "enrol.enrol", spec_file=spec_file, made=made, judged=judged, training_job=training_job
    )
    return enrolled


def settle(spec_file: str, enrolled: dict[str, Any], answer: str, by: str, at: str) -> dict[str, Any]:
    """Write the answer to the question of approval into the registry; see `steps.enrol.settle`."""
    settled: dict[str, Any] = _call(
        "enrol.settle", spec_file=spec_file, enrolled=enrolled, answer=answer, by=by, at=at
    )
    return settled


def promoted(settled: dict[str, Any]) -> dict[str, Any]:
    """Say that there is a new champion; skip what follows when the version was rejected, or is older."""
    if settled["status"] != "Approved":
        raise AirflowSkipException(f"version {settled['version']} is {settled['status']}")
    if settled["champion"] != settled["version"]:
        said = f"version {settled['version']} counts from before version {settled['champion']}"
        raise AirflowSkipException(f"{said}, which stays the champion")
    return settled


def prepare(spec_file: str, day: str, until: str, name: str, champion: str) -> dict[str, Any]:
    """Find the champion and write what is to be scored; see `steps.interval`."""
    _refuse_unknown_fields()
    prepared: dict[str, Any] = _call(
        "interval.prepare", spec_file=spec_file, day=day, until=until, name=name, champion=champion
    )
    return prepared


def pending(prepared: dict[str, Any]) -> bool:
    """Whether anything is left to score."""
    return bool(prepared["pending"])


def publish(spec_file: str, prepared: dict[str, Any]) -> dict[str, Any]:
    """Write the partition, and tell its key to the asset; see `steps.interval.publish`."""
    facts: dict[str, Any] = _call("interval.publish", spec_file=spec_file, prepared=prepared)
    context = get_current_context()
    for asset in context["task"].outlets:
        event = context["outlet_events"][asset]
        event.extra = {"rows": facts["rows"], "uri": facts["scores_uri"], "model": facts["model"]}
        event.add_partitions(facts["day"])
    return facts


def watch(spec_file: str, prepared: dict[str, Any]) -> dict[str, Any]:
    """Compare the day with the champion's training data; see `steps.watch`."""
    seen: dict[str, Any] = _call("watch.watch", spec_file=spec_file, prepared=prepared)
    return seen


def drifted(seen: dict[str, Any], until: str) -> dict[str, Any]:
    """Say that the data has moved, and by when (ISO 8601); skipped when it has not, or when that was told.

    The event is out when this task has succeeded, and not before: `told` comes after it.
    """
    if not seen["found"]:
        raise AirflowSkipException("no column has drifted")
    if not seen["news"]:
        raise AirflowSkipException(f"told already: {', '.join(seen['drifted'])}")
    context = get_current_context()
    for asset in context["task"].outlets:
        context["outlet_events"][asset].extra = {
            "until": until,
            "columns": seen["drifted"],
            "violations": seen["violations"],
            "report": seen["report"],
            "backfill": context["dag_run"].run_type == "backfill",
        }
    return seen


def told(spec_file: str, seen: dict[str, Any]) -> list[str]:
    """Mark what `drifted` has told, so that it is no news again; see `steps.told`."""
    marks: list[str] = _call("told.leave", spec_file=spec_file, marks=seen["marks"])
    return marks


def bill(spec_file: str, run_name: str, since: str) -> dict[str, Any]:
    """Add up what this run's jobs cost, and tell it; see `steps.spending.bill`."""
    ti: Any = get_current_context()["ti"]
    billed: dict[str, Any] = _call(
        "spending.bill",
        spec_file=spec_file,
        run_name=run_name,
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        since=since,
    )
    for line in billed["lines"]:
        cost = line["cost"] or f"no price for {line['instance_type']}"
        print(f"{line['task']}: {line['kind']} {line['name']}, {line['seconds']:.0f} s: {cost}")  # noqa: T201
    print(f"total {billed['total']} {billed['currency']}")  # noqa: T201 - the task's log
    return billed


def rollback(folder: str, model: str, version: int, name: str, by: str) -> dict[str, Any]:
    """Make an earlier version the champion, as the user `by`; see `steps.rollback`."""
    back: dict[str, Any] = _call(
        "rollback.rollback",
        spec_file=f"{folder}/{model}.yaml",
        version=int(version),
        by=by or "airflow",
        name=name,
    )
    return back


def run_is_over(state_of: Callable[[str, str], str], run: str) -> bool | None:
    """Whether a run, `<dag id>/<run id>`, is over; None: this Airflow does not know it.

    It was deleted, or it is another Airflow's in the same account, whose jobs are not ours to stop.
    """
    dag_id, _, run_id = run.partition("/")
    try:
        return state_of(dag_id, run_id) in {"success", "failed"}
    except AirflowRuntimeError as error:
        if (error.error.detail or {}).get("status_code") != HTTPStatus.NOT_FOUND:
            raise
        print(f"run {run} is not known here: only its expired endpoints go")  # noqa: T201 - the task's log
        return None


def sweep(delete: bool) -> dict[str, Any]:
    """List what Sagewind made and nobody needs, and delete it when told to; see `janitor`."""
    from sagewind import aws, janitor  # noqa: PLC0415 - not when a DAG file is read

    ti: Any = get_current_context()["ti"]
    keeper = janitor.Janitor(
        aws.client("sagemaker"),
        now=dt.datetime.now(dt.UTC),
        run_is_over=functools.partial(run_is_over, ti.get_dagrun_state),
    )
    done = keeper.sweep(delete=delete)
    for each in done.found:
        print(f"{each.kind} {each.name}: {each.reason}")  # noqa: T201 - the task's log
    return {
        "found": [f"{each.kind}/{each.name}" for each in done.found],
        "deleted": [f"{each.kind}/{each.name}" for each in done.deleted],
        "failed": [f"{each.kind}/{each.name}: {why}" for each, why in done.failed],
    }
