"""List: filters, order, and pages that neither repeat nor lose a resource."""

import re

import botocore.loaders
import pytest

from sagelocal.api import conventions, kinds, listing
from sagelocal.api.kinds import MODEL, PROCESSING_JOB, TRAINING_JOB, TUNING_JOB
from sagelocal.api.lineage import ASSOCIATION
from sagelocal.api.recorded import ROWS
from sagelocal.errors import ValidationException
from sagelocal.jobs.store import Resource
from sagelocal.wire import model


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


@pytest.mark.parametrize(
    ("kind", "request_", "expected"),
    [
        (MODEL, {}, ["a", "ab", "b"]),
        (MODEL, {"SortBy": "Name"}, ["b", "ab", "a"]),
        (PROCESSING_JOB, {}, ["b", "ab", "a"]),
        (PROCESSING_JOB, {"SortOrder": "Descending"}, ["a", "ab", "b"]),
        (TUNING_JOB, {}, ["a", "ab", "b"]),
        (TUNING_JOB, {"SortOrder": "Descending"}, ["b", "ab", "a"]),
        (TUNING_JOB, {"SortBy": "CreationTime"}, ["b", "ab", "a"]),
    ],
)
def test_what_a_request_leaves_out_is_as_the_kind_has_it(kind, request_, expected):
    assert names(request_, kind=kind) == expected


def test_the_order_of_each_list_is_the_documented_one():
    operations = model.load(["sagemaker"]).operations
    documents = botocore.loaders.create_loader().load_service_model("sagemaker", "service-2")
    derived = [conventions.read(row, operations).kind for row in ROWS if not row.refused]
    own = [each for each in vars(kinds).values() if isinstance(each, kinds.ResourceKind)]
    checked = {}
    for kind in (*derived, *own, ASSOCIATION):
        for sorted_by, order in documented(documents, kind):
            here = "Descending" if kind.descending else "Ascending"
            checked[kind.noun] = ((kind.sorted_by, here), (sorted_by or kind.sorted_by, order or here))
    assert {noun: each for noun, each in checked.items() if each[0] != each[1]} == {}
    assert len(checked) > 30  # the documentation's words are still read


DEFAULT = re.compile(r"default(?: value)? is <code>(\w+)|Sorts by (creation time) by default")


def documented(documents, kind):
    """Yield what a kind's List sorts by, and in which order, where its documentation says; else None."""
    for plural in (f"{kind.noun}s", f"{kind.noun[:-1]}ies"):
        if f"List{plural}" in documents["operations"]:
            request = documents["operations"][f"List{plural}"]["input"]["shape"]
            members = documents["shapes"][request]["members"]
            yield [said(members.get(member, {})) for member in ("SortBy", "SortOrder")]


def said(member):
    found = DEFAULT.search(member.get("documentation", ""))
    word = found and (found[1] or found[2]).title().replace("_", "").replace(" ", "")
    same = {"Creationtime": "CreationTime", "Createdtime": "CreationTime"}
    return same.get(word, word)


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
