"""AWS's troubles, made to happen: no capacity, quotas, throttling, answers that are lost."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG
from tests.integration import training_jobs as jobs

from sagelocal.testing import FaultPlan
from sagewind.operators.sagemaker import SageMakerTrainingOperator

TYPES = ("ml.p5.48xlarge", "ml.m5.large")


@pytest.fixture
def faults(sagelocal_service):
    plan = FaultPlan(sagelocal_service.url)
    yield plan
    plan.clear()


@pytest.fixture
def train(attempt, s3):
    def make(**arguments):
        config = jobs.request(s3, jobs.unique("trouble"), {"train.py": "print('done')\n"})
        made = attempt(lambda: SageMakerTrainingOperator(task_id="train", config=dict(config), **arguments))
        made.config = config
        return made

    return make


def trained(aws, run):
    """Return the status and the instance type of every job that a run made, oldest first."""
    sagemaker, name = aws("sagemaker"), run.config["TrainingJobName"]
    listed = sagemaker.list_training_jobs(NameContains=name, SortBy="CreationTime", SortOrder="Ascending")
    found = [
        sagemaker.describe_training_job(TrainingJobName=each["TrainingJobName"])
        for each in listed["TrainingJobSummaries"]
    ]
    return [(job["TrainingJobStatus"], job["ResourceConfig"]["InstanceType"]) for job in found]


def test_without_capacity_the_next_instance_type_is_tried(train, aws, faults):
    run = train(instance_types=TYPES)
    faults.capacity(run.config["TrainingJobName"])
    assert run.run()["Training"]["TrainingJobStatus"] == "Completed"
    assert trained(aws, run) == [("Failed", TYPES[0]), ("Completed", TYPES[1])]


def test_without_another_type_a_lack_of_capacity_is_red_and_may_be_retried(train, aws, faults):
    run = train()
    faults.capacity(run.config["TrainingJobName"])
    with pytest.raises(AirflowException, match="capacity"):
        run.run()
    assert run.retry()["Training"]["TrainingJobStatus"] == "Completed"
    assert [status for status, _ in trained(aws, run)] == ["Failed", "Completed"]


def test_a_quota_is_named(train, aws, faults):
    run = train()
    faults.limit("CreateTrainingJob")
    with pytest.raises(AirflowException, match="the quota 'CreateTrainingJob' is 0, of which 0 are in use"):
        run.run()
    assert trained(aws, run) == []


def test_throttling_and_a_lost_answer_make_no_second_job(train, aws, faults):
    run = train()
    faults.throttle("DescribeTrainingJob", times=2)
    faults.lost_reply("CreateTrainingJob")
    assert run.run()["Training"]["TrainingJobStatus"] == "Completed"
    assert [status for status, _ in trained(aws, run)] == ["Completed"]
    assert faults.left() == []


@pytest.mark.parametrize(("prices", "hourly"), [({"ml.m5.large": 3.6}, 3.6), (None, 0.115)])
def test_what_a_job_gave_is_kept_beside_the_task(train, prices, hourly):
    run = train(prices=prices)
    summary = run.run()["Summary"]
    assert run.store.values["sagewind_summary"] == summary
    assert summary["CostUSD"] == pytest.approx(summary["BillableSeconds"] * hourly / 3600, abs=1e-6)


def test_a_price_table_that_cannot_be_read_costs_no_result(train, capsys, tmp_path):
    (tmp_path / "prices.json").write_text("{}")
    dag = DAG("priced", schedule=None)
    dag.fileloc = str(tmp_path / "priced.py")
    assert "CostUSD" not in train(dag=dag).run()["Summary"]
    assert "no cost in the result" in capsys.readouterr().out
