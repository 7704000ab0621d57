"""Many are asked at once: the late ones are said to be late, and nobody is asked again at once."""

from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from sagewind.errors import SagewindError
from sagewind.ui.models.asking import Ask, Asking
from sagewind.ui.models.values import Unanswered

BOUND = 30.0
"""For slow machines, no measure."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def asking(clock):
    made = Asking(seconds=BOUND, clock=clock)
    yield made
    made.close()


def counted(answers):
    return lambda: answers.append(1) or len(answers)


def test_questions_are_asked_at_the_same_time(asking):
    both = threading.Barrier(2, timeout=BOUND)
    answers = asking.ask({("a",): Ask(question=both.wait), ("b",): Ask(question=both.wait)})
    assert sorted(answers.values()) == [0, 1]


def test_who_is_late_is_said_to_be_and_answers_whoever_asks_next(clock):
    asking, go, calls = Asking(seconds=0.01, clock=clock), threading.Event(), []

    def late():
        go.wait(BOUND)
        return counted(calls)()

    question = {("late",): Ask(question=late)}
    [first] = asking.ask(question).values()
    assert isinstance(first, Unanswered)
    assert first.what == "no answer yet"
    go.set()
    asking.close()  # waits for what is being asked
    assert asking.ask(question) == {("late",): 1}
    assert calls == [1]


def test_an_answer_counts_for_a_while(asking, clock):
    calls = []
    question = {("x",): Ask(question=counted(calls), keep=10.0)}
    assert [asking.ask(question)["x",], asking.ask(question)["x",]] == [1, 1]
    clock.now = 10.0
    assert asking.ask(question) == {("x",): 2}


def test_what_is_not_to_be_kept_is_asked_each_time(asking):
    calls = []
    question = {("x",): Ask(question=counted(calls), keep=0.0)}
    assert [asking.ask(question)["x",], asking.ask(question)["x",]] == [1, 2]


def raising(error):
    def ask():
        raise error

    return Ask(question=ask)


def refusal(code):
    return ClientError({"Error": {"Code": code, "Message": f"because\n{'x' * 999}"}}, "DescribeEndpoint")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (refusal("AccessDeniedException"), "not allowed"),
        (refusal("AccessDenied"), "not allowed"),
        (refusal("ThrottlingException"), "throttled"),
        (refusal("ExpiredToken"), "credentials expired"),
        (refusal("InternalFailure"), "no answer"),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:9"), "no answer"),
        (SagewindError("spec"), "no answer"),
        (KeyError(), "no answer"),  # a mistake of ours does not take the page with it, and is in the log
    ],
)
def test_an_error_is_one_line_and_does_not_take_the_others_with_it(asking, error, what, caplog):
    answers = asking.ask({("bad",): raising(error), ("good",): Ask(question=lambda: 7)})
    assert answers["good",] == 7
    said = answers["bad",]
    assert (said.what, "\n" in said.why) == (what, False)
    assert 0 < len(said.why) <= 400
    assert "('bad',)" in caplog.text
