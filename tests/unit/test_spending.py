"""What a model's jobs cost: a run's own, the month's, and a budget that refuses before a job is started."""

import dataclasses
import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from sagewind import cost, load, naming, sections
from sagewind.cost import BudgetExceededError, CostError
from sagewind.jobs import identity
from sagewind.jobs.identity import Identity
from sagewind.jobs.kinds import TUNING
from sagewind.requests import MODEL_TAG
from sagewind.steps import spending
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError
from sagewind.testing.s3 import S3Twin

SPEC = Path(__file__).parents[2] / "dags" / "models" / "diabetes.yaml"
MODEL = load.load(SPEC, environ={})
NOW = datetime(2026, 3, 10, tzinfo=UTC)
RUN = "manual__2026-03-09T00:00:00+00:00"


class Sagemaker:
    """Training jobs by name, each with its hours and the run whose it is; no jobs of other kinds."""

    def __init__(self, **hours):
        self.account = Account()
        self.s3 = S3Twin()
        self.endpoint = None
        self.jobs = {name.replace("_", "-"): (value, RUN) for name, value in hours.items()}
        self.models = {}
        """Whose the jobs are that are another model's."""

    def arn(self, name):
        return self.account.arn("training-job", name)

    def listed(self, params):
        step = -1 if params.get("SortOrder") == "Descending" else 1
        return {
            "TrainingJobSummaries": [
                {
                    "TrainingJobName": name,
                    "TrainingJobArn": self.arn(name),
                    "CreationTime": NOW,
                    "TrainingJobStatus": "Completed",
                }
                for name in list(self.jobs)[::step]
                if params["NameContains"] in name
            ]
        }

    def described(self, params):
        hours, _ = self.jobs[params["TrainingJobName"]]
        return {
            "TrainingJobName": params["TrainingJobName"],
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "TrainingStartTime": NOW - timedelta(hours=hours),
            "TrainingEndTime": NOW,
        }

    def tags(self, params):
        name = params["ResourceArn"].rpartition("/")[2]
        model = self.models.get(name, "diabetes")
        owner = Identity(
            dag_id=model, run_id=self.jobs[name][1], task_id="train.job", map_index=-1, generation=0
        )
        return {"Tags": [*owner.tags("content"), {"Key": MODEL_TAG, "Value": model}]}

    def described_endpoint(self, params):
        if self.endpoint is None:
            raise AwsError("ValidationException", "Could not find endpoint")
        return {"EndpointName": "diabetes", "EndpointConfigName": "c", **self.endpoint}

    def __call__(self, service):
        answers = {
            "ListTrainingJobs": self.listed,
            "ListProcessingJobs": lambda _: {"ProcessingJobSummaries": []},
            "ListTransformJobs": lambda _: {"TransformJobSummaries": []},
            "DescribeTrainingJob": self.described,
            "ListTags": self.tags,
            "DescribeEndpoint": self.described_endpoint,
            "DescribeEndpointConfig": lambda _: {
                "ProductionVariants": [
                    {"VariantName": "AllTraffic", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1},
                    {"VariantName": "shy", "ServerlessConfig": {"MaxConcurrency": 1, "MemorySizeInMB": 1024}},
                ]
            },
        }
        who = {"Account": self.account.number, "Arn": "arn:aws:sts::123456789012:assumed-role/R/me"}
        sts = {"GetCallerIdentity": lambda _: who}
        if service == "s3":
            return self.s3.client()
        return client(service, answers if service == "sagemaker" else sts, self.account)


def budget(monkeypatch, **limits):
    model = dataclasses.replace(MODEL, budget=sections.Budget(**limits))
    monkeypatch.setattr(load, "load", lambda *_: model)
    return model


def test_a_runs_bill_has_its_own_jobs_by_task():
    cloud = Sagemaker(diabetes_train_1=2, diabetes_train_2=1, other=5)
    cloud.jobs["diabetes-train-2"] = (1, "another")
    told = spending.bill(
        SPEC,
        run_name="run-1",
        dag_id="diabetes",
        run_id=RUN,
        since="2026-03-09T00:00:00+00:00",
        clients=cloud,
        now=NOW,
    )
    [line] = told["lines"]
    assert (line["task"], line["name"], line["seconds"]) == ("train.job", "diabetes-train-1", 7200.0)
    assert float(told["total"]) == pytest.approx(2 * 0.115, abs=0.01)
    kept = json.loads(cloud.s3.body("sagemaker-us-east-1-123456789012", "diabetes/runs/run-1/cost.json"))
    assert kept["total"] == told["total"]


def tuned(model, run_id, *, cleared=False):
    """Return the names of two training jobs of a run's tuning job."""
    attempt = SimpleNamespace(dag_id=model, run_id=run_id, task_id="train.job", map_index=-1, try_number=1)
    owner = Identity(dag_id=model, run_id=run_id, task_id="train.job", map_index=-1, generation=0)
    names = identity.candidates(naming.for_task(attempt), owner, naming.digest(("content",)), TUNING.longest)
    name = next(itertools.islice(names, int(cleared), None))
    return [f"{name}-001-0123abcd", f"{name}-002-4567cdef"]


@pytest.mark.parametrize("cleared", [False, True])
@pytest.mark.parametrize(
    "name", ["a", "sorter", "a--b", "customer-ch", "customer-churn-prediction", "x" * 32]
)
def test_the_jobs_of_a_tuning_job_are_counted_whatever_is_left_of_the_models_name(name, cleared):
    cloud, model = Sagemaker(), dataclasses.replace(MODEL, name=name)
    cloud.jobs = dict.fromkeys(tuned(name, RUN, cleared=cleared), (1, RUN))
    cloud.models = dict.fromkeys(cloud.jobs, name)
    assert [used.name for used, _ in spending.month(model, cloud, now=NOW).lines] == list(cloud.jobs)[::-1]
    assert len(cloud.account.called("ListTags")) == 1  # of two jobs of one tuning job


@pytest.mark.parametrize("name", ["customer", "customer-ch", "customer-churn-prediction-for-eu"])
def test_a_name_that_is_cut_does_not_make_a_job_another_models(name):
    cloud, model = Sagemaker(), dataclasses.replace(MODEL, name=name)
    other = "customer-churn-prediction"
    cloud.jobs = dict.fromkeys(tuned(other, RUN, cleared=True), (1, RUN))
    cloud.models = dict.fromkeys(cloud.jobs, other)
    assert spending.month(model, cloud, now=NOW).lines == ()


def test_no_tags_are_asked_for_where_names_tell():
    model = dataclasses.replace(MODEL, name="customer-churn-prediction")
    cloud = Sagemaker(customer_churn_prediction_train_1=1, customer_churn_eu_train_1=1)
    cloud.jobs |= dict.fromkeys(tuned("customer-churn-eu", RUN), (1, RUN))
    [(used, _)] = spending.month(model, cloud, now=NOW).lines
    assert used.name == "customer-churn-prediction-train-1"
    assert not cloud.account.called("ListTags")


def test_a_tuning_job_without_tags_goes_by_its_name():
    cloud = Sagemaker(diabetes_x_001_0123abcd=1)
    cloud.tags = lambda _: {"Tags": []}
    [(used, _)] = spending.month(MODEL, cloud, now=NOW).lines
    assert used.name == "diabetes-x-001-0123abcd"


@pytest.mark.parametrize("dag_id", ["mine_by_hand", "m" * 200])
def test_the_bill_of_a_dag_by_hand_has_its_own_jobs_and_describes_no_others(dag_id):
    name = naming.for_task(
        SimpleNamespace(dag_id=dag_id, run_id=RUN, task_id="train.job", map_index=-1, try_number=1)
    )
    cloud = Sagemaker(diabetes_evaluate_1=1, diabetes_evaluate_2=1)
    cloud.jobs |= {name: (1, RUN)} | dict.fromkeys(tuned(dag_id, RUN, cleared=True), (1, RUN))
    cloud.jobs["diabetes-evaluate-2"] = (1, "another")
    cloud.models = dict.fromkeys(cloud.jobs, dag_id)
    told = spending.bill(
        SPEC, run_name="r", dag_id=dag_id, run_id=RUN, since="2026-03-09", clients=cloud, now=NOW
    )
    own = set(cloud.jobs) - {"diabetes-evaluate-2"}
    assert {line["name"] for line in told["lines"]} == own
    assert len(told["lines"]) == len(own)
    assert {call["TrainingJobName"] for call in cloud.account.called("DescribeTrainingJob")} == own


def test_the_newest_job_is_the_first_line():
    lines = spending.month(MODEL, Sagemaker(diabetes_old=2, diabetes_new=1), now=NOW).lines
    assert [used.name for used, _ in lines] == ["diabetes-new", "diabetes-old"]


def test_the_jobs_of_a_model_with_a_longer_name_are_not_counted(tmp_path):
    cloud = Sagemaker(diabetes_train_1=2, diabetes_kids_train_1=3)
    model = dataclasses.replace(MODEL, path=tmp_path / "diabetes.yaml")
    assert len(spending.month(model, cloud, now=NOW).lines) == 2
    (tmp_path / "diabetes-kids.yaml").touch()
    [(used, _)] = spending.month(model, cloud, now=NOW).lines
    assert used.name == "diabetes-train-1"


@pytest.mark.parametrize(
    ("status", "age", "hours"),
    [
        ("InService", timedelta(hours=5), 5),
        ("Updating", timedelta(hours=5), 5),
        # of a month's bill only since the month's first
        ("InService", timedelta(days=40), 9 * 24),
        # machines that are not there yet, or no more, cost nothing
        ("Creating", timedelta(hours=1), None),
        ("Failed", timedelta(hours=1), None),
    ],
)
def test_an_endpoint_costs_while_it_is_there(status, age, hours):
    cloud = Sagemaker()
    cloud.endpoint = {
        "EndpointStatus": status,
        "CreationTime": NOW - age,
        "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentInstanceCount": 2}],
    }
    lines = spending.month(MODEL, cloud, now=NOW).lines
    seen = [(used.name, used.kind, used.instances, used.seconds, amount) for used, amount in lines]
    if hours is None:
        assert seen == []
        return
    price = Decimal("0.115") * 2 * hours
    assert seen == [("diabetes/AllTraffic", "endpoint", 2, hours * 3600, price)]


def test_a_project_has_prices_of_its_own(tmp_path):
    (tmp_path / "models").mkdir()
    model = dataclasses.replace(MODEL, path=tmp_path / "models" / "diabetes.yaml")
    table = {"currency": "EUR", "region": "eu-west-1", "source": "our contract", "as_of": "2026-03-01"}
    (tmp_path / "prices.json").write_text(json.dumps({**table, "hourly": {"ml.m5.large": "0.5"}}))
    bill = spending.month(model, Sagemaker(diabetes_train_1=2), now=NOW)
    assert (bill.total, bill.currency) == (Decimal("1.0000"), "EUR")
    (tmp_path / "prices.json").write_text("{}")
    with pytest.raises(CostError, match=r"prices\.json"):
        spending.month(model, Sagemaker(), now=NOW)


@pytest.mark.parametrize(
    ("limits", "hours", "words"),
    [
        ({"month": 1.0}, 100, "diabetes in 2026-03"),  # spent already
        ({"run": 0.01}, 0, "one run of diabetes"),  # one run could cost more
    ],
)
def test_a_budget_refuses_to_start(monkeypatch, limits, hours, words):
    model = budget(monkeypatch, **limits)
    with pytest.raises(BudgetExceededError, match=words):
        spending.check(model, Sagemaker(diabetes_train_1=hours), now=NOW)


def test_a_run_is_planned_with_the_machine_that_was_chosen(monkeypatch):
    model = budget(monkeypatch, run=2.0)
    spending.check(model, Sagemaker(), now=NOW)
    with pytest.raises(BudgetExceededError, match=r"up to 2\.88") as refused:
        spending.check(model, Sagemaker(), now=NOW, instance_type="ml.m5.24xlarge")
    assert "one run of diabetes" in str(refused.value)
    with pytest.raises(CostError, match=r"no price for 'ml\.x9\.huge'"):
        spending.check(model, Sagemaker(), now=NOW, instance_type="ml.x9.huge")


def test_a_model_that_is_measured_by_its_scores_is_planned_with_the_machines_of_transforms():
    batch = dataclasses.replace(MODEL.transform, instance_type="ml.m5.4xlarge", instance_count=3)
    by_script = dataclasses.replace(MODEL, transform=batch)
    by_scores = dataclasses.replace(
        by_script, evaluation=dataclasses.replace(MODEL.evaluation, entry_point="")
    )
    prices = spending.prices_of(MODEL)
    two_of_three = cost.most("ml.m5.4xlarge", 6, batch.max_runtime_seconds, prices)
    two = cost.most(MODEL.evaluation.instance_type, 2, MODEL.evaluation.max_runtime_seconds, prices)
    planned = [spending.planned(model, prices) for model in (by_scores, by_script)]
    assert planned[0] - planned[1] == two_of_three - two


def test_what_the_budget_has_left_is_told(monkeypatch):
    model = budget(monkeypatch, month=1000.0, run=5.0)
    told = spending.check(model, Sagemaker(diabetes_train_1=1), now=NOW)
    assert 0 < float(told["spent"]) < 1
    assert spending.check(budget(monkeypatch), Sagemaker(), now=NOW) == {}
