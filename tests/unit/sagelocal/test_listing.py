"""List: filters, order, and pages that neither repeat nor lose a resource."""

import pytest

from sagelocal.api import listing
from sagelocal.api.kinds import MODEL, TRAINING_JOB
from sagelocal.errors import ValidationException
from sagelocal.jobs.store import Resource


def job(name, created, status="Completed", modified=0.0):
    body = {"TrainingJobStatus": status, "WarmPool": "x" if name == "b" else "y"}
    return Resource(
        kind="training-job", name=name, arn=name, body=body, created=created, modified=modified or created
    )


JOBS = [job("a", 3.0), job("b", 1.0, "Failed", modified=9.0), job("ab", 2.0)]


def names(request, kind=TRAINING_JOB, jobs=JOBS):
    return [each.name for each in listing.page(kind, jobs, request).resources]


REQUESTS = [
    # Training jobs come newest first when nothing is asked, by the note in ListTrainingJobs' documentation.
    ({}, ["a", "ab", "b"]),
    # Ascending is the default of SortOrder.
    ({"SortBy": "CreationTime"}, ["b", "ab", "a"]),
    ({"SortOrder": "Descending"}, ["a", "ab", "b"]),
    ({"SortBy": "Name", "SortOrder": "Ascending"}, ["a", "ab", "b"]),
    ({"SortBy": "Status", "SortOrder": "Ascending"}, ["a", "ab", "b"]),
    ({"SortBy": "LastModifiedTime"}, ["ab", "a", "b"]),
    ({"NameContains": "b"}, ["ab", "b"]),
    ({"StatusEquals": "Failed"}, ["b"]),
    ({"WarmPoolEquals": "x"}, ["b"]),
    # After includes its moment, before does not.
    ({"CreationTimeAfter": 2.0}, ["a", "ab"]),
    ({"CreationTimeBefore": 2.0}, ["b"]),
    ({"LastModifiedTimeAfter": 3.0}, ["a", "b"]),
    ({"LastModifiedTimeBefore": 3.0}, ["ab"]),
    ({"NameContains": "zzz"}, []),
]


@pytest.mark.parametrize(("request_", "expected"), REQUESTS)
def test_filters_and_order(request_, expected):
    assert names(request_) == expected


def test_other_kinds_come_newest_first():
    assert names({}, kind=MODEL) == ["a", "ab", "b"]


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort_by", ["Name", "CreationTime", "Status"])
def test_pages_hold_everything_once(sort_by, order):
    jobs = [job(f"j{number}", float(number % 3)) for number in range(23)]
    request = {"SortBy": sort_by, "SortOrder": order, "MaxResults": 5}
    seen, token = [], None
    while True:
        page = listing.page(TRAINING_JOB, jobs, request | ({"NextToken": token} if token else {}))
        seen += [each.name for each in page.resources]
        token = page.next_token
        if token is None:
            break
    assert seen == names(request | {"MaxResults": 100}, jobs=jobs)
    assert len(set(seen)) == 23


def test_a_page_is_not_disturbed_by_what_comes_and_goes():
    request = {"SortOrder": "Ascending"}
    first = listing.page(TRAINING_JOB, JOBS, request | {"MaxResults": 1})
    changed = [each for each in JOBS if each.name != "b"] + [job("new", 0.5)]
    assert names(request | {"NextToken": first.next_token}, jobs=changed) == ["ab", "a"]


def test_a_page_that_is_just_full_is_the_last():
    assert listing.page(TRAINING_JOB, JOBS, {"MaxResults": 3}).next_token is None


@pytest.mark.parametrize("token", ["nonsense", "bm9uc2Vuc2U=", "WzEsMiwzLDRd", "é", "MQ=="])
def test_a_token_of_something_else_is_refused(token):
    with pytest.raises(ValidationException, match="is not a token of this list"):
        names({"NextToken": token})


def test_a_token_is_good_for_its_own_order_only():
    token = listing.page(TRAINING_JOB, JOBS, {"MaxResults": 1}).next_token
    with pytest.raises(ValidationException, match="in this order"):
        names({"NextToken": token, "SortBy": "Name"})
