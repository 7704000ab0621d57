"""Which of several instance types a job runs on."""

import pytest

from sagelocal.jobs import plan, preferences, processing_plan

PREFERRED = [{"InstanceType": "ml.m5.large", "InstanceCount": 2}, {"InstanceType": "ml.c5.large"}]


@pytest.mark.parametrize(
    ("resources", "kind", "count"),
    [
        ({}, "", 1),
        ({"InstanceType": "ml.t3.medium", "InstanceCount": 3}, "ml.t3.medium", 3),
        ({"InstancePreferences": PREFERRED}, "ml.m5.large", 2),
        ({"InstancePreferences": PREFERRED[1:], "InstanceCount": 4}, "ml.c5.large", 4),
        ({"InstancePreferences": PREFERRED[1:]}, "ml.c5.large", 1),
    ],
)
def test_the_first_that_is_preferred_is_taken(resources, kind, count):
    chosen = preferences.selected(resources)
    assert (preferences.instance_type(chosen), preferences.instance_count(chosen)) == (kind, count)
    assert preferences.selected(chosen) == chosen
    assert chosen.items() >= resources.items()


def test_a_processing_job_runs_on_as_many_hosts():
    request = {
        "ProcessingJobName": "p",
        "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["python3"]},
        "ProcessingResources": {"ClusterConfig": {"VolumeSizeInGB": 1, "InstancePreferences": PREFERRED}},
    }
    assert processing_plan.parse(request, region="us-east-1").hosts == ("algo-1", "algo-2")


def test_so_does_a_training_job():
    hosts = plan._hosts({"InstancePreferences": PREFERRED, "SelectedInstanceType": "ml.c5.large"})
    assert [host.instance_type for host in hosts] == ["ml.c5.large"]
