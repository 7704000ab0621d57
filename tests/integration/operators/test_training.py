"""The training operator against the real service: one job ever, judged rightly, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk.exceptions import TaskDeferred
from botocore.exceptions import ClientError
from tests.integration import training_jobs as jobs
from tests.integration.operators.driver import Store

from sagewind.operators.sagemaker import SageMakerTrainingOperator

QUICK = {"train.py": 'print("Accuracy=0.5")\n'}
SLOW = {"train.py": 'import time\nprint("started", flush=True)\ntime.sleep(600)\n'}
BROKEN = {"train.py": 'raise RuntimeError("no such column")\n'}
METRIC = {"MetricDefinitions": [{"Name": "accuracy", "Regex": r"Accuracy=([0-9.]+)"}]}


@pytest.fixture
def train(attempt, s3):
    def make(files, *, retries=0, ti=None, name=None, **arguments):
        changes = arguments.pop("changes", {})
        arguments.setdefault("worker_seconds", 0)  # else these jobs would be over before they are deferred
        config = jobs.request(s3, name or jobs.unique("op"), files, **changes)

        def operator():
            return SageMakerTrainingOperator(
                task_id="train", config=dict(config), retries=retries, **arguments
            )

        made = attempt(operator, task_id="train", **(ti or {}))
        made.config = config
        return made

    return make


def names(sagemaker, config):
    found = sagemaker.list_training_jobs(NameContains=config["TrainingJobName"][:50])
    return [job["TrainingJobName"] for job in found["TrainingJobSummaries"]]


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_job_gives_plain_json_and_its_log_once(train, aws, capsys, deferrable):
    run = train(QUICK, deferrable=deferrable, changes={"algorithm": METRIC}, prices={"ml.m5.large": 3.6})
    result = run.run()
    assert result["Training"]["TrainingJobStatus"] == "Completed"
    assert isinstance(result["Training"]["CreationTime"], str)
    assert result["Summary"]["Metrics"] == {"accuracy": 0.5}
    seconds = result["Summary"]["BillableSeconds"]
    assert result["Summary"]["CostUSD"] == pytest.approx(seconds / 1000)
    assert capsys.readouterr().out.count("] Accuracy=0.5") == 1
    assert names(aws("sagemaker"), run.config) == [run.config["TrainingJobName"]]


def test_a_job_that_is_soon_over_is_not_deferred(train, capsys):
    result = train(QUICK, worker_seconds=300).start()
    assert result["Training"]["TrainingJobStatus"] == "Completed"
    assert capsys.readouterr().out.count("] Accuracy=0.5") == 1


def test_a_job_that_is_not_soon_over_is_deferred(train):
    run = train(SLOW, worker_seconds=0.1, max_ingestion_time=2)
    deferred = run.start()
    assert isinstance(deferred, TaskDeferred)
    with pytest.raises(AirflowException, match="took longer"):
        run.finish(deferred)


def test_a_retry_attaches_to_the_running_job(train, aws):
    run = train({"train.py": "import time\ntime.sleep(3)\n"}, retries=1)
    assert isinstance(run.start(), TaskDeferred)  # and then the worker dies
    result = run.retry()
    assert result["Summary"]["Job"] == run.config["TrainingJobName"]
    assert len(names(aws("sagemaker"), run.config)) == 1


def test_a_retry_takes_the_finished_jobs_result_and_a_clear_runs_anew(train, aws):
    run = train(QUICK, retries=1)
    first = run.run()
    assert run.retry()["Summary"] == first["Summary"]
    assert len(names(aws("sagemaker"), run.config)) == 1
    anew = run.clear(retries=1)
    assert anew["Summary"]["Job"] != first["Summary"]["Job"]
    assert len(names(aws("sagemaker"), run.config)) == 2


def test_each_of_a_mapped_tasks_instances_has_its_own_job_and_finds_it_again(train, aws):
    name, run_id = jobs.unique("mapped"), jobs.unique("run")
    mapped = [
        train({"train.py": "import time\ntime.sleep(2)\n"}, name=name, retries=1, ti=whose)
        for whose in ({"run_id": run_id, "map_index": 0}, {"run_id": run_id, "map_index": 1})
    ]
    for each in mapped:
        assert isinstance(each.start(), TaskDeferred)  # and then their workers die
    done = [each.retry()["Summary"]["Job"] for each in mapped]
    assert sorted(names(aws("sagemaker"), mapped[0].config)) == sorted(done)
    assert len(set(done)) == 2


def test_a_name_that_somebody_else_has_is_left_alone(train, aws):
    name = jobs.unique("shared")
    one, other = train(QUICK, name=name), train(QUICK, name=name)
    assert one.run()["Summary"]["Job"] == name
    assert other.run()["Summary"]["Job"].startswith(f"{name}-")
    with pytest.raises(AirflowException, match="already exists"):
        train(QUICK, name=name, action_if_job_exists="fail").run()


def test_a_script_that_raises_fails_now_with_its_traceback(train, capsys):
    with pytest.raises(AirflowFailException, match="AlgorithmError"):
        train(BROKEN, retries=3).run()
    assert "no such column" in capsys.readouterr().out


def test_a_crash_after_the_failure_does_not_run_it_again(train, aws):
    run = train(BROKEN, retries=3)
    for attempt in (run.run, run.retry):
        with pytest.raises(AirflowFailException, match="AlgorithmError"):
            attempt()
    assert len(names(aws("sagemaker"), run.config)) == 1


def test_a_stopped_job_is_a_failure(train, aws):
    run = train(SLOW)
    deferred = run.start()
    aws("sagemaker").stop_training_job(TrainingJobName=run.config["TrainingJobName"])
    with pytest.raises(AirflowException, match="was stopped"):
        run.finish(deferred)


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize(
    ("stops", "says", "status"), [(True, "stopped", "Stopped"), (False, "active", "InProgress")]
)
def test_a_task_that_takes_too_long_stops_its_job(train, aws, deferrable, stops, says, status):
    run = train(SLOW, deferrable=deferrable, max_ingestion_time=2, stop_on_kill=stops)
    with pytest.raises(AirflowException, match=f"took longer than 2 s; it is {says}$"):
        run.run()
    name = run.config["TrainingJobName"]
    assert aws("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == status
    if not stops:  # it would keep those of other tests waiting
        aws("sagemaker").stop_training_job(TrainingJobName=name)


def test_killing_the_trigger_stops_the_job(train, aws):
    run = train(SLOW)
    trigger = run.trigger(run.start())
    asyncio.run(trigger.on_kill())
    job = aws("sagemaker").describe_training_job(TrainingJobName=run.config["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Stopped"


def test_secrets_are_masked(train, capsys):
    secret = "hunter2-and-more"
    files = {"train.py": f'print("the key is {secret}")\n'}
    run = train(files, changes={"Environment": {"API_KEY": secret}, "hyperparameters": {"password": secret}})
    result = run.run()
    assert secret not in str(result)
    said = capsys.readouterr().out
    assert secret not in said
    assert "the key is ***" in said


def test_a_finished_identical_job_is_reused_when_wished(train, s3, aws, capsys):
    name = jobs.unique("cache")
    one = train(QUICK, name=name, reuse_finished=True)
    other = train(QUICK, name=name, reuse_finished=True)
    other.config["HyperParameters"] = one.config["HyperParameters"]
    first, second = one.run(), other.run()
    assert second["Summary"] == first["Summary"] | {"Reused": True, "BillableSeconds": 0}
    assert "0 seconds billed" in capsys.readouterr().out
    assert other.clear()["Summary"]["Reused"] is False


def test_a_job_of_other_code_under_the_same_key_is_not_reused(train, s3):
    one, other = (train(QUICK, name=jobs.unique("code"), reuse_finished=True) for _ in range(2))
    other.config["HyperParameters"] = one.config["HyperParameters"]
    address = json.loads(one.config["HyperParameters"]["sagemaker_submit_directory"])
    one.run()
    changed = jobs.put_source(s3, {"train.py": 'print("changed")\n'}).removeprefix(f"s3://{jobs.BUCKET}/")
    source = {"Bucket": jobs.BUCKET, "Key": changed}
    s3.copy_object(Bucket=jobs.BUCKET, Key=address.removeprefix(f"s3://{jobs.BUCKET}/"), CopySource=source)
    assert other.run()["Summary"]["Reused"] is False


def test_airflow_is_asked_for_earlier_jobs_only_where_there_may_be_some(train, aws):
    run = train(QUICK)
    run.store = Counting()
    run.start()
    assert run.store.asked == []
    result = run.resume_with_broken_trigger()
    assert run.store.asked == ["sagewind_jobs"]
    run.clear()
    assert run.store.asked == ["sagewind_jobs"] * 2
    assert result["Training"]["TrainingJobName"] in names(aws("sagemaker"), run.config)


class Counting(Store):
    """A store that knows what it was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def get(self, key, default=None):
        self.asked.append(key)
        return super().get(key, default)


@pytest.mark.parametrize(("ours", "status"), [(True, "Stopped"), (False, "InProgress")])
def test_a_kill_while_the_job_is_asked_for_stops_it_when_it_is_the_tasks_own(train, aws, ours, status):
    name = jobs.unique("race")
    run = train(SLOW, name=name)
    other = run if ours else train(SLOW, name=name)
    operator = run.make()
    try:
        with pytest.raises(AirflowException, match="its task was killed"):
            operator.execute(run.context() | {"task_state_store": KilledByAnother(operator, other)})
        job = aws("sagemaker").describe_training_job(TrainingJobName=name)
        assert job["TrainingJobStatus"] == status
    finally:
        with contextlib.suppress(ClientError):  # it is over
            aws("sagemaker").stop_training_job(TrainingJobName=name)


class KilledByAnother(Store):
    """A store that, once it has noted the first name, has another try make its job, and kills the task."""

    def __init__(self, operator, other):
        super().__init__()
        self.operator = operator
        self.other = other

    def set(self, key, value, **_):
        first = not self.values
        super().set(key, value)
        if first:
            self.other.start()
            self.operator.on_kill()
