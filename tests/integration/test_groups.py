"""The task groups: a part in a DAG written by hand, and what a spec's wishes change in the DAGs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROBE = """
import dataclasses, datetime, json, sys
from pathlib import Path
from types import SimpleNamespace
from airflow.sdk import DAG, Asset
from sagewind import groups, lives, load, sections, sources

models = Path(sys.argv[1])
plain = load.load(models / "diabetes.yaml", environ={})

def tasks(dag):
    return [task.task_id for task in dag.topological_sort()]

def changed(**sections):
    return dataclasses.replace(plain, **sections)

def names(asset):
    return [asset.name] if isinstance(asset, Asset) else sum(map(names, asset.objects), [])

with DAG("mine") as mine:
    groups.score(plain)
with DAG("half") as half:
    made = groups.ready(plain)
    groups.train(plain, made)
person = lives.pipeline(changed(approval=sections.Approval(by="person")))
registry = lives.pipeline(changed(approval=sections.Approval(by="registry")))
told = lives.pipeline(
    changed(
        deadline=sections.Deadline(minutes=30),
        notifications=sections.Notifications(
            on_failure="sagewind.notices.LogNotifier", arguments={"message": "help"}
        ),
    )
)
SQS = "airflow.providers.amazon.aws.notifications.sqs.SqsNotifier"
CHIME = "airflow.providers.amazon.aws.notifications.chime.ChimeNotifier"
queue = {"queue_url": "q", "message_body": "{{ dag_run.dag_run_id }} is late"}

def late(**deadline):
    return lives.pipeline(changed(deadline=sections.Deadline(minutes=30, **deadline))).deadline[0].callback

def refusal(**deadline):
    try:
        late(**deadline)
    except load.LoadError as error:
        return str(error)

def refusal_of_mine(**deadline):
    mine = Path(sys.argv[2]) / "dags" / "models" / "diabetes.yaml"
    model = dataclasses.replace(changed(deadline=sections.Deadline(minutes=30, **deadline)), path=mine)
    try:
        lives.pipeline(model)
    except load.LoadError as error:
        return str(error)

temporary = lives.pipeline(changed(endpoint=dataclasses.replace(plain.endpoint, temporary=True)))
passing = lives.pipeline(changed(endpoint=dataclasses.replace(plain.endpoint, ttl_hours=1.5)))
landing = changed(data=dataclasses.replace(plain.data, starts_training=True))
promoted = changed(score=dataclasses.replace(plain.score, on_promotion=True))
end = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
run = SimpleNamespace(
    data_interval_start=end - datetime.timedelta(1), data_interval_end=end, logical_date=end, run_after=end,
    run_type="scheduled",
)
known = {"dag_run": run, "params": {}, "triggering_asset_events": {}}

def with_data(**source):
    return lives.pipeline(changed(data=dataclasses.replace(plain.data, **source)))

def rendered(dag, task_id, field):
    return dag.get_template_env().from_string(getattr(dag.get_task(task_id), field)).render(known)

def argument(dag, task_id, name, **more):
    given = dag.get_task(task_id).op_kwargs[name]
    return dag.get_template_env().from_string(given).render({**known, **more})

def answered(option):
    asked = person.get_task("register.approve")
    event = {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": end,
        "responded_by_user": {"id": "1", "name": "ada"},
    }
    given = {asked.task_id: asked.execute_complete({"ti": None, "task": asked}, event)}
    ti = SimpleNamespace(xcom_pull=given.__getitem__)
    return [argument(person, "register.settle", name, ti=ti) for name in ("answer", "by")]

def edges(dag, *ids):
    return {each: sorted(dag.get_task(each).upstream_task_ids) for each in ids}

stream = sources.Landing(prefix="s3://streams/patients/", late_seconds=300)
exporting = with_data(dynamodb=sources.DynamoDB(table="patients", export="point_in_time"))
streaming = with_data(landing=stream)
scoring_stream = lives.scoring(
    changed(score=dataclasses.replace(plain.score, landing=dataclasses.replace(stream, awaits="day")))
)
scoring = lives.scoring(plain)
asked = run.__class__(**vars(run) | {"run_type": "manual", "run_after": end + datetime.timedelta(40)})

def given(task_id, name, **known):
    template = scoring.get_task(task_id).op_kwargs[name]
    return scoring.get_template_env().from_string(template).render(known)

unwatched = lives.scoring(changed(monitor=sections.Monitor(enabled=False)))
print(json.dumps({
    "score alone": tasks(mine),
    "half": tasks(half),
    "person": tasks(person),
    "registry": tasks(registry),
    "unwatched": tasks(unwatched),
    "exporting": edges(exporting, "data.place", "data.export", "ready"),
    "streaming": edges(streaming, "data.due", "data.landed", "ready"),
    "scoring a stream": edges(scoring_stream, "score.due", "score.landed", "score.land", "score.prepare"),
    "ready runs when": [
        dag.get_task("ready").trigger_rule.value for dag in (lives.pipeline(plain), exporting, streaming)
    ],
    "due": [
        rendered(streaming, "data.due", "target_time"),
        rendered(scoring_stream, "score.due", "target_time"),
    ],
    "monitor": edges(scoring, "monitor.watch", "monitor.drifted", "monitor.told"),
    "scored until": [
        [given("score.prepare", "until", **each), given("monitor.drifted", "until", **each)]
        for each in (known, {"dag_run": asked, "params": {"day": "2026-01-31"}})
    ],
    "awaited": [
        rendered(streaming, "data.landed", "bucket_key"),
        rendered(scoring_stream, "score.landed", "bucket_key"),
    ],
    "planned with": [
        argument(half, "ready", "instance_type", params=params)
        for params in ({}, {"instance_type": "ml.m5.24xlarge"})
    ],
    "billed since": [
        argument(lives.pipeline(plain), "bill", "since", dag_run=SimpleNamespace(
            clear_number=cleared, run_after=end, start_date=end + datetime.timedelta(hours=later)
        ))
        for cleared, later in ((0, 1), (1, 48), (1, -1))
    ],
    "started by": [
        sorted(names(dag.timetable.asset_condition))
        for dag in (lives.pipeline(plain), lives.pipeline(landing), lives.scoring(promoted))
    ],
    "links": [link.name for link in person.get_task("register.enrol").operator_extra_links],
    "answered": [answered(option) for option in person.get_task("register.approve").options],
    "asked": person.get_task("register.approve").body,
    "teardowns": [task.task_id for task in temporary.topological_sort() if task.is_teardown],
    "tags": [
        {tag["Key"]: tag["Value"] for tag in dag.get_task("deploy.endpoint").config["Endpoint"]["Tags"]}
        for dag in (temporary, passing)
    ],
    "deadline": [alert.interval.total_seconds() for alert in told.deadline],
    "late": [late().kwargs, late(notifier=SQS, arguments=queue).kwargs],
    "refused": [
        refusal(notifier=SQS),
        refusal(notifier=CHIME, arguments={"chime_conn_id": "c", "message": "late"}),
    ],
    "refused of mine": [
        refusal_of_mine(notifier="beside.Told", arguments={"message": "{{ dag_run.dag_run_id }}"}),
        refusal_of_mine(notifier="elsewhere.Told", arguments={"message": "{{ dag_run.dag_run_id }}"}),
        refusal_of_mine(notifier="elsewhere.Plain", arguments={"message": "{{ dag_run.dag_run_id }}"}),
        refusal_of_mine(notifier="elsewhere.Plain", arguments={"message": "late"}),
    ],
    "notifier": type(told.default_args["on_failure_callback"]).__name__,
    "outlets": sorted(
        asset.name for dag in (person, lives.scoring(plain)) for task in dag.tasks for asset in task.outlets
    ),
}))
"""


NOTIFIERS = """
from airflow.sdk import BaseNotifier
from sagewind.notices import LogNotifier

class Told(LogNotifier):
    pass

class Plain(BaseNotifier):
    template_fields = ("message",)

    def __init__(self, message):
        super().__init__()
        self.message = message

    async def async_notify(self, context):
        print(self.message)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a spec, and notifiers beside the DAGs and elsewhere."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "dags" / "models").mkdir(parents=True)
    spec = (ROOT / "dags" / "models" / "diabetes.yaml").read_text()
    (folder / "dags" / "models" / "diabetes.yaml").write_text(spec)
    (folder / "dags" / "beside.py").write_text(NOTIFIERS)
    (folder / "elsewhere.py").write_text(NOTIFIERS)
    return folder


@pytest.fixture(scope="module")
def seen(tmp_path_factory, project):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS"))}
    environ |= {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    environ |= {"PYTHONPATH": os.pathsep.join((str(project), str(project / "dags")))}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", PROBE, str(ROOT / "dags" / "models"), str(project)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_a_group_stands_alone_in_a_dag_by_hand(seen):
    assert seen["score alone"] == ["score.prepare", "score.pending", "score.job", "score.publish"]
    assert seen["half"] == ["ready", "train.job", "train.model"]


def test_a_person_or_the_registry_is_asked_when_the_spec_says_so(seen):
    assert [name for name in seen["person"] if name.startswith("register.")] == [
        "register.enrol",
        "register.approve",
        "register.settle",
        "register.promoted",
    ]
    assert "register.answered" in seen["registry"]


def test_the_answer_of_a_person_is_written_down_also_when_it_is_no(seen):
    assert seen["answered"] == [["Approve", "ada"], ["Reject", "ada"]]


def test_the_card_is_linked_from_the_task_that_wrote_it_and_from_the_question(seen):
    assert seen["links"] == ["Model card"]
    assert "[Model card]({{ ti.xcom_pull('register.enrol')['page'] }})" in seen["asked"]


def test_an_export_comes_before_the_rows_are_checked(seen):
    assert seen["exporting"] == {
        "data.place": [],
        "data.export": ["data.place"],
        "ready": ["data.export"],
    }
    # A person who chose a table has no export made: what is skipped does not stop the run.
    assert seen["ready runs when"] == ["all_success", "none_failed", "none_failed"]


def test_the_budget_is_asked_for_the_machine_that_was_chosen_in_the_form(seen):
    assert seen["planned with"] == ["", "ml.m5.24xlarge"]


def test_the_bill_of_a_run_that_was_cleared_has_the_jobs_of_before(seen):
    assert seen["billed since"] == [
        "2026-01-05T01:00:00+00:00",
        "2026-01-05T00:00:00+00:00",  # cleared two days later, which is its start now
        "2026-01-04T23:00:00+00:00",  # `dag.test()` may start a run before its time
    ]


def test_what_lands_is_waited_for(seen):
    assert seen["streaming"] == {
        "data.due": ["data.place"],
        "data.landed": ["data.due"],
        "ready": ["data.landed"],
    }
    assert seen["scoring a stream"] == {
        "score.due": [],
        "score.landed": ["score.due"],
        "score.land": ["score.landed"],
        "score.prepare": ["score.land"],
    }
    assert seen["due"] == ["2026-01-05T00:05:00+00:00"] * 2
    assert seen["awaited"] == ["patients/2026/01/04/23/*", "patients/2026/01/04/*"]


def test_a_day_that_a_person_chose_knows_nothing_of_what_came_after(seen):
    assert seen["scored until"] == [["2026-01-05T00:00:00+00:00"] * 2, ["2026-02-01T00:00:00+00:00"] * 2]


def test_a_mark_is_left_only_when_the_event_is_out(seen):
    assert seen["monitor"] == {
        "monitor.watch": ["score.prepare", "score.publish"],
        "monitor.drifted": ["monitor.watch"],
        "monitor.told": ["monitor.drifted", "monitor.watch"],
    }


def test_without_a_watch_there_is_no_monitor(seen):
    assert not [name for name in seen["unwatched"] if name.startswith("monitor.")]


def test_a_temporary_endpoint_is_torn_down_and_the_bill_is_made_however_the_run_ends(seen):
    assert set(seen["teardowns"]) == {"bill", "deploy.teardown"}


def test_an_endpoint_expires_when_the_spec_says_so(seen):
    staying, passing = seen["tags"]
    assert staying == {"sagewind:model": "diabetes"}
    expires = "{{ (dag_run.run_after + macros.timedelta(hours=1.5)).isoformat() }}"
    assert passing == staying | {"sagewind:expires": expires}


def test_new_data_starts_training_and_a_new_champion_starts_scoring_when_the_spec_says_so(seen):
    assert seen["started by"] == [
        ["diabetes_drift"],
        ["diabetes_data", "diabetes_drift"],
        ["diabetes_champion"],
    ]


def test_deadlines_and_notifiers_are_the_specs(seen):
    assert seen["deadline"] == [1800.0]
    assert seen["notifier"] == "LogNotifier"
    assert seen["late"] == [
        {"message": "diabetes missed its deadline"},
        {"queue_url": "q", "message_body": "{{ dag_run.dag_run_id }} is late"},
    ]


def test_a_notifier_that_would_fail_in_the_triggerer_is_refused_before(seen):
    without_queue, not_awaitable = seen["refused"]
    assert "SqsNotifier', which does not take deadline.arguments: " in without_queue
    assert "'queue_url'" in without_queue
    assert "ChimeNotifier', which has no async_notify" in not_awaitable


def test_a_notifier_of_the_users_is_refused_where_the_triggerer_would_not_find_or_fill_it(seen, project):
    beside, elsewhere, unfilled, plain = seen["refused of mine"]
    assert f"deadline.notifier is 'beside.Told', in {project / 'dags'}: the triggerer finds only" in beside
    assert "'elsewhere.Plain', which takes no context for its templates" in unfilled
    assert elsewhere is plain is None


def test_each_event_has_its_asset(seen):
    assert seen["outlets"] == ["diabetes_champion", "diabetes_drift", "diabetes_scores"]
