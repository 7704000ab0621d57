"""Pages of Search, of QueryLineage and of lists, when what they list changes; and what nobody has shared."""

import base64

import pytest

from sagelocal.api import experiments
from sagelocal.errors import ValidationException

EXPERIMENTS = {"Resource": "Experiment"}
NO_NUMBERS = ("nonsense", "-1", "9" * 5000)


@pytest.fixture
def names(ask):
    names = [f"e{number}" for number in range(4)]
    for name in names:
        ask("CreateExperiment", ExperimentName=name)
    return names


def test_a_search_that_became_shorter_ends(ask, names):
    token = ask("Search", **EXPERIMENTS, MaxResults=3)["NextToken"]
    for name in names[:2]:
        ask("DeleteExperiment", ExperimentName=name)
    rest = ask("Search", **EXPERIMENTS, NextToken=token)
    assert (rest["Results"], rest["NextToken"]) == ([], None)


def test_a_lineage_that_became_shorter_ends(ask):
    arns = [
        ask("CreateContext", ContextName=f"c{n}", ContextType="x", Source={})["ContextArn"] for n in (1, 2, 3)
    ]
    for arn in arns[1:]:
        ask("AddAssociation", SourceArn=arns[0], DestinationArn=arn)
    token = ask("QueryLineage", StartArns=arns[:1], MaxResults=1)["NextToken"]
    ask("DeleteAssociation", SourceArn=arns[0], DestinationArn=arns[1])
    assert ask("QueryLineage", StartArns=arns[:1], NextToken=token)["Vertices"] == []


@pytest.mark.parametrize("token", NO_NUMBERS)
def test_what_is_no_token_is_refused(ask, token):
    for operation, request in (("Search", EXPERIMENTS), ("QueryLineage", {})):
        with pytest.raises(ValidationException, match="is not a token of this list"):
            ask(operation, **request, NextToken=token)


def test_a_token_that_nobody_can_read_is_refused(ask):
    with pytest.raises(ValidationException, match="is not a token of this list"):
        ask("ListExperiments", NextToken=base64.urlsafe_b64encode(b"[" * 5000).decode())


def test_nothing_is_of_another_account(ask, names):
    ask("CreateModelPackageGroup", ModelPackageGroupName="g")
    for option, count in (("SameAccount", 1), ("CrossAccount", 0)):
        found = ask("Search", Resource="ModelPackageGroup", CrossAccountFilterOption=option)
        listed = ask("ListModelPackageGroups", CrossAccountFilterOption=option)
        assert found["TotalHits"]["Value"] == len(listed["ModelPackageGroupSummaryList"]) == count


def test_a_suggestion_begins_as_asked(ask, names):
    def suggested(hint):
        query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
        return ask("GetSearchSuggestions", **EXPERIMENTS, SuggestionQuery=query)["PropertyNameSuggestions"]

    assert suggested("Name") == []
    assert suggested("ExperimentN") == [{"PropertyName": "ExperimentName"}]


def test_a_component_is_found_whose_trial_is_gone(ask, kept):
    arn = ask("CreateTrialComponent", TrialComponentName="tc")["TrialComponentArn"]
    experiments.join(kept, trial="arn:aws:sagemaker:us-east-1:123456789012:experiment-trial/t", component=arn)
    (found,) = ask("Search", Resource="ExperimentTrialComponent")["Results"]
    assert found["TrialComponent"]["Parents"] == []
