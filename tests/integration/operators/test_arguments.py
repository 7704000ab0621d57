"""Drop-in: whatever the provider's operators take, ours take, mapped and templated too."""

from __future__ import annotations

import inspect

import pytest
from airflow.providers.amazon.aws.operators import sagemaker as provider
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from sagewind.operators import sagemaker as ours

UNMENDED = {"SageMakerBaseOperator", "SageMakerConditionOperator"}
SHARED = sorted(name for name in ours.__all__ if hasattr(provider, name) and name not in UNMENDED)
NOTEBOOK = {"instance_name": "n"}
PACKAGE = {"image_uri": "i", "model_url": "s3://b/m", "package_group_name": "g"}
SEARCH = {"job_name": "a", "target_attribute": "y", "role_arn": "r"}
NEEDED = {
    "SageMakerAutoMLOperator": {**SEARCH, "s3_input": "s3://b/k", "s3_output": "s3://b/o"},
    "SageMakerCreateExperimentOperator": {"name": "e"},
    "SageMakerCreateNotebookOperator": {**NOTEBOOK, "instance_type": "ml.t3.medium", "role_arn": "r"},
    "SageMakerDeleteNotebookOperator": NOTEBOOK,
    "SageMakerStartNoteBookOperator": NOTEBOOK,
    "SageMakerStopNotebookOperator": NOTEBOOK,
    "SageMakerRegisterModelVersionOperator": PACKAGE,
    "SageMakerStartPipelineOperator": {"pipeline_name": "p"},
    "SageMakerStopPipelineOperator": {"pipeline_exec_arn": "arn"},
}


def accepted(operator):
    """Return every argument that a class or its bases name."""
    found = set()
    for each in operator.__mro__:
        found |= set(getattr(each.__init__, "_BaseOperatorMeta__param_names", ()))
    return found


@pytest.mark.parametrize("name", SHARED)
def test_every_argument_of_the_provider_is_taken(name):
    theirs, mine = getattr(provider, name), getattr(ours, name)
    assert issubclass(mine, theirs)
    assert accepted(theirs) <= accepted(mine)
    assert set(theirs.template_fields) <= set(mine.template_fields)
    links = {type(link) for link in mine.operator_extra_links}
    assert {type(link) for link in theirs.operator_extra_links} <= links


OTHERWISE = {
    "deferrable": {True, None},  # yes, or when the task waits at all; the provider asks Airflow's settings
    "check_interval": {None},  # 30 seconds for AWS, one for a local service
    "max_ingestion_time": {None},  # as long as the job's own limit allows
    "max_attempts": {None},  # the same
}


def defaults(operator):
    """Return the default of every argument that a class or its bases name, the nearest class first."""
    found = {}
    for each in operator.__mro__[::-1]:
        own = inspect.signature(each.__init__).parameters.values()
        found |= {one.name: one.default for one in own if one.default is not inspect.Parameter.empty}
    return found


@pytest.mark.parametrize("name", SHARED)
def test_what_is_not_said_means_what_it_means_at_the_providers(name):
    theirs, mine = defaults(getattr(provider, name)), defaults(getattr(ours, name))
    other = {each: mine[each] for each in theirs.keys() & mine.keys() if mine[each] != theirs[each]}
    assert {each: value for each, value in other.items() if value not in OTHERWISE.get(each, ())} == {}


@pytest.mark.parametrize("name", SHARED)
def test_the_providers_defaults_and_arguments_build_our_operator(name):
    theirs, mine = getattr(provider, name), getattr(ours, name)
    needed = NEEDED.get(name, {"config": {}})
    defaults = {
        key: each.default
        for key, each in inspect.signature(theirs.__init__).parameters.items()
        if each.default is not inspect.Parameter.empty and each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    optional = {key: value for key, value in defaults.items() if key not in needed and value is not None}
    with DAG("d", schedule=None):
        made = mine(task_id="t", **{**optional, **needed})
        for key, value in {**optional, **needed}.items():
            assert getattr(made, key) == value, key


@pytest.mark.parametrize("name", ["SageMakerTrainingOperator", "SageMakerEndpointOperator"])
def test_operators_can_be_mapped(name):
    with DAG("d", schedule=None):
        mapped = getattr(ours, name).partial(task_id="t", check_interval=1).expand(config=[{}, {}])
    assert mapped.operator_class is getattr(ours, name)


def test_a_wrong_choice_is_refused_in_the_providers_words():
    with pytest.raises(Exception, match="accepts only 'timestamp' and 'fail'"):
        ours.SageMakerTrainingOperator(task_id="t", config={}, action_if_job_exists="replace")


ENDPOINT = {"EndpointName": "e", "EndpointConfigName": "e"}
NO_REQUESTS = [
    (
        "Training",
        "{'TrainingJobName': 'a'}",
        "config is of type str; expected a mapping; a template is one only",
    ),
    ("Training", None, "config is of type NoneType; expected a mapping"),
    ("Training", {}, "config has no TrainingJobName; it has nothing"),
    ("Processing", {"ProcessingJobNam": "a"}, "config has no ProcessingJobName; it has ProcessingJobNam"),
    ("Transform", {"Transform": {}}, "config has no TransformJobName; it has nothing"),
    ("Transform", {"Model": {"a": 1}, "Transform": {"TransformJobName": "a"}}, "Model has no ModelName"),
    ("Endpoint", {"EndpointName": "e"}, "Endpoint has no EndpointConfigName; it has EndpointName"),
    (
        "Endpoint",
        {"Endpoint": ENDPOINT, "EndpointConfig": {"EndpointConfigName": "e"}},
        "no ProductionVariants",
    ),
    ("Endpoint", {"Endpoint": ENDPOINT, "Model": {"ModelNam": "m"}}, "Model has no ModelName"),
    ("Model", {"ModelNam": "m"}, "config has no ModelName"),
    ("EndpointConfig", {}, "config has no EndpointConfigName"),
    ("DeleteModel", {}, "config has no ModelName"),
]


@pytest.mark.parametrize(("name", "config", "says"), NO_REQUESTS)
def test_a_config_that_is_no_request_fails_for_good_and_says_what_is_missing(attempt, name, config, says):
    operator = getattr(ours, f"SageMaker{name}Operator")
    with pytest.raises(AirflowFailException, match=says):
        attempt(lambda: operator(task_id="t", config=config)).run()
