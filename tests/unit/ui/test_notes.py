"""What a task's note says, of what the task returned."""

import json

import pytest

from sagewind.ui import notes

SUMMARY = {"Job": "iris-1", "Metrics": {"accuracy": 0.9}, "BillableSeconds": 3, "CostUSD": 0.1}


def read(note):
    return json.loads(note.removeprefix("```json\n").removesuffix("\n```"))


@pytest.mark.parametrize("stored", [{"Training": {}, "Summary": SUMMARY}, json.dumps({"Summary": SUMMARY})])
def test_a_job_s_summary_is_the_note(stored):
    assert read(notes.text(stored)) == SUMMARY


@pytest.mark.parametrize(
    "stored",
    [None, 3, "text", "{", [1], {"Summary": "of a book"}, {"Summary": {}}, {"Summary": {"Job": "iris-1"}}],
)
def test_what_no_job_gave_has_no_note(stored):
    assert notes.text(stored) == ""


@pytest.mark.parametrize("count", [1, 20, 400])
def test_as_many_metrics_as_there_is_room_for(count):
    metrics = {f"metric-{number}": number / 7 for number in range(count)}
    note = notes.text({"Summary": {**SUMMARY, "Metrics": metrics}})
    assert len(note) <= notes.LONGEST
    shown = read(note)["Metrics"]
    cut = shown.pop("...", None)
    assert (cut is not None) == (len(shown) < count)
    assert list(shown.items()) == list(metrics.items())[: len(shown)]
    assert shown
