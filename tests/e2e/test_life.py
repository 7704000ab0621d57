"""A model's life from its spec alone, on the real scheduler: from the training job to a day's scores."""

from __future__ import annotations

import getpass
import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from sagewind.approvals import facts
from sagewind.registry import Registry
from sagewind.stack import home as homes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Running

    from sagewind.airflow_rest import Question

SECONDS = 400
BUCKET = "sagemaker-us-east-1-123456789012"
DAY = "2026-03-02"

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module", autouse=True)
def nothing_yet(stack: Running) -> None:
    """Forget what the clock has trained: one that starts on a Monday after 04:00 makes up for it."""
    runs = stack.airflow._get("/dags/diabetes/dagRuns", run_type="scheduled")["dag_runs"]
    for run in runs:
        stack.await_run("diabetes", run["dag_run_id"], SECONDS)
    sagemaker = stack.client("sagemaker")
    groups = sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    if "diabetes" in {each["ModelPackageGroupName"] for each in groups}:
        for version in Registry(sagemaker).versions("diabetes"):
            sagemaker.delete_model_package(ModelPackageName=version.arn)
        sagemaker.delete_model_package_group(ModelPackageGroupName="diabetes")


def finished(stack: Running, dag_id: str, conf: dict[str, object]) -> str:
    run_id = stack.airflow.trigger(dag_id, conf)
    assert stack.await_run(dag_id, run_id, SECONDS) == "success", stack.airflow.tasks(dag_id, run_id)
    return run_id


def test_scoring_by_the_clock_is_skipped_until_there_is_a_model(stack: Running) -> None:
    asked = stack.airflow._get("/dags/diabetes_score/dagRuns", run_type="scheduled", limit=1, order_by="id")
    [first] = [run["dag_run_id"] for run in asked["dag_runs"]]
    assert stack.await_run("diabetes_score", first, SECONDS) == "success"
    tasks = stack.airflow.tasks("diabetes_score", first)
    assert {each.state for each in tasks.values()} == {"skipped"}
    said = "\n".join(stack.airflow.log("diabetes_score", first, tasks["score.prepare"]))
    assert "run the DAG 'diabetes' to its end first" in said


def test_a_spec_with_a_script_lives_to_its_scores(stack: Running) -> None:
    done = stack.run("run", "diabetes")
    assert done.returncode == 0, done.stdout + done.stderr
    [run_id] = re.findall(r"^run (\S+) of the DAG diabetes$", done.stdout, flags=re.MULTILINE)
    assert "/sagewind/models/diabetes/versions/1" in done.stdout
    enrolled = json.loads(done.stdout[done.stdout.index("\n{") :])
    judged = stack.airflow.result("diabetes", run_id, "gate.judge")
    assert judged["metrics"]["r2"] > 0.25
    champion = next(iter(Registry(stack.client("sagemaker")).versions("diabetes")))
    assert (champion.number, champion.status, champion.arn) == (1, "Approved", enrolled["arn"])
    assert enrolled["status"] == "Approved"
    s3 = stack.client("s3")
    card = s3.get_object(Bucket=BUCKET, Key=enrolled["card"].removeprefix(f"s3://{BUCKET}/"))["Body"].read()
    assert b"<html" in card
    told = stack.airflow._get(f"/dags/diabetes/dagRuns/{run_id}/taskInstances/register.enrol/links")
    assert told["extra_links"]["Model card"] == "/sagewind/models/diabetes/versions/1"
    endpoint = stack.client("sagemaker").describe_endpoint(EndpointName="diabetes")
    assert endpoint["EndpointStatus"] == "InService"

    told = stack.airflow._get(f"/dags/diabetes/dagRuns/{run_id}/taskInstances/train.job")
    note = json.loads(told["note"].removeprefix("```json").removesuffix("```"))
    assert note == stack.airflow.result("diabetes", run_id, "train.job")["Summary"]
    assert note["CostUSD"] > 0

    bill = stack.airflow.result("diabetes", run_id, "bill")
    assert {line["task"] for line in bill["lines"]} == {"train.job", "evaluate.job"}

    finished(stack, "diabetes_score", {"day": DAY, "champion": "today"})
    home = f"diabetes/scores/ds={DAY}"
    success = s3.get_object(Bucket=BUCKET, Key=f"{home}/_SUCCESS")["Body"].read()
    facts = json.loads(success)
    scores = s3.get_object(Bucket=BUCKET, Key=f"{home}/scores.csv")["Body"].read()
    assert facts["rows"] == scores.count(b"\n") - 1 == 60
    jobs = len(stack.client("sagemaker").list_transform_jobs()["TransformJobSummaries"])

    # The same day again: the same bytes, and no second job.
    finished(stack, "diabetes_score", {"day": DAY, "champion": "today"})
    assert s3.get_object(Bucket=BUCKET, Key=f"{home}/_SUCCESS")["Body"].read() == success
    assert s3.get_object(Bucket=BUCKET, Key=f"{home}/scores.csv")["Body"].read() == scores
    assert len(stack.client("sagemaker").list_transform_jobs()["TransformJobSummaries"]) == jobs


def test_a_models_life_is_told(stack: Running, tmp_path: Path) -> None:
    told = stack.run("timeline", "diabetes", "--picture", str(tmp_path / "life.svg"))
    assert told.returncode == 0, told.stderr
    assert re.search(r"^20\S+ +version 1$", told.stdout, flags=re.MULTILINE), told.stdout
    assert "<polyline" not in (tmp_path / "life.svg").read_text()  # no truth has come
    cost = stack.run("cost", "diabetes")
    assert cost.returncode == 0, cost.stderr
    assert re.search(r"training +ml\.m5\.large", cost.stdout), cost.stdout


def test_what_a_command_cannot_do_is_one_line(stack: Running, tmp_path: Path) -> None:
    picture = ("--picture", str(tmp_path / "none.svg"))
    for arguments, words in (
        (
            ("run", "diabetes", "--param", "alfa=1"),
            "--param alfa: the form of diabetes has no such field; it has",
        ),
        (("run", "diabetes", "--param", "instance_type=big"), "Invalid input for param instance_type"),
        (("timeline", "diabetes", *picture, "--metric", "luck"), "--metric is 'luck'; allowed are"),
        (("timeline", "wine", *picture), "there is nothing to draw, wine has no watched day yet"),
    ):
        asked = stack.run(*arguments)
        assert asked.returncode == 1, asked.stdout
        [said] = asked.stderr.splitlines()
        assert words in said


def test_a_run_of_which_the_form_has_not_all_fields_is_refused_by_its_first_task(stack: Running) -> None:
    run_id = stack.airflow.trigger("diabetes", {"alfa": 1})
    assert stack.await_run("diabetes", run_id) == "failed"
    log = "\n".join(stack.airflow.log("diabetes", run_id, stack.airflow.tasks("diabetes", run_id)["ready"]))
    assert "the run's conf has 'alfa', which is no field of diabetes's form; allowed are" in log


def copied(stack: Running, group: str, number: int) -> None:
    """Register a version again, as another one that is approved."""
    sagemaker = stack.client("sagemaker")
    again = sagemaker.describe_model_package(ModelPackageName=Registry(sagemaker).version(group, number).arn)
    told = again["CustomerMetadataProperties"]
    sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification=again["InferenceSpecification"],
        CustomerMetadataProperties={key: text for key, text in told.items() if "approval" not in key},
        ModelApprovalStatus="Approved",
    )


def served(stack: Running, endpoint: str) -> str:
    """Return the model behind an endpoint."""
    sagemaker = stack.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    return str(variant["ModelName"])


def test_a_rollback_says_who_wanted_it_and_changes_what_is_served(stack: Running) -> None:
    copied(stack, "diabetes", 1)
    registry = Registry(stack.client("sagemaker"))
    run_id = finished(stack, "rollback", {"model": "diabetes"})
    assert stack.airflow.result("rollback", run_id, "rollback")["rejected"] == [2]
    second, first = registry.versions("diabetes")
    assert [(each.number, each.status) for each in (first, second)] == [(1, "Approved"), (2, "Rejected")]
    assert facts(second)[-1].by == homes.USER  # who was logged in
    assert "-v1-" in served(stack, "diabetes")

    done = stack.run("rollback", "diabetes", "--to", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    second = registry.version("diabetes", 2)
    assert (second.status, facts(second)[-1].by) == ("Approved", getpass.getuser())
    assert "-v2-" in served(stack, "diabetes")


def answered(stack: Running, dag_id: str, option: str) -> Question:
    """Wait until a run asks, and answer as the person who is logged in."""
    deadline = time.monotonic() + SECONDS
    while not (questions := stack.airflow.questions(dag_id)):
        assert time.monotonic() < deadline, f"{dag_id} asks nothing"
        time.sleep(0.5)
    [asked] = questions
    # Whoever answers before the scheduler has seen the asking process end has the task fail (Airflow 3.3.2).
    time.sleep(2)
    stack.airflow.answer(asked, option)
    return asked


def test_a_spec_without_a_script_is_tuned_approved_by_a_person_and_deployed(stack: Running) -> None:
    run_id = stack.airflow.trigger("wine", {"num_round": 20})
    asked = answered(stack, "wine", "Approve")
    assert asked.subject == "Version 1 of wine: approve it as the champion?"
    assert "accuracy" in asked.body  # the gate's table
    assert stack.await_run("wine", run_id, SECONDS) == "success", stack.airflow.tasks("wine", run_id)
    [version] = Registry(stack.client("sagemaker")).versions("wine")
    assert version.status == "Approved"
    assert [each.by for each in facts(version)] == [homes.USER]
    assert stack.airflow.result("wine", run_id, "gate.judge")["metrics"]["accuracy"] >= 0.85
    tuned = stack.client("sagemaker").list_hyper_parameter_tuning_jobs(NameContains="wine")
    assert tuned["HyperParameterTuningJobSummaries"][0]["TrainingJobStatusCounters"]["Completed"] == 3
