"""Batching: merged requests get the answers of single calls, whatever comes beside them."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from sagelocal.serving import batching, codecs, engine, handlers

GENERATOR = np.random.default_rng(3)
ROWS = GENERATOR.normal(size=(80, 3)).astype(np.float32)
MODEL = RandomForestClassifier(5, random_state=0).fit(ROWS, ROWS[:, 0] > 0)
LOADED = handlers.Handlers(
    model=MODEL,
    transform=None,
    read=None,
    predict=None,
    write=None,
    fast=engine.choose(MODEL),
    default_accept=codecs.JSON,
)
BODIES = [
    (b"[[0.1, 2, 3]]", "application/json", ""),
    (b"[0.1, 2, 3]", "application/json", "text/csv"),
    (b"1,2,3\n-1,2,3\n", "text/csv", "application/x-npy"),
    (codecs.encode(ROWS[:4].astype(np.float64), codecs.NPY)[0], "application/x-npy", "application/json"),
    (b"[[1, 2]]", "application/json", ""),  # too few columns
    (b"[[1, 2, NaN]]", "application/json", ""),  # refused by the forest
    (b"[[1, 2, 3", "application/json", ""),  # no JSON
    (b"x", "image/png", ""),  # no decoder
    (b"[[1, 2, 3]]", "application/json", "image/png"),  # no encoder
    (b"[]", "application/json", ""),  # no rows
]


def ask(requests):
    """Send requests within one turn of a loop; return their answers in order."""

    async def run():
        loop = asyncio.get_running_loop()
        batcher = batching.Batcher(LOADED, loop)
        futures = [loop.create_future() for _ in requests]
        for future, request in zip(futures, requests, strict=True):
            batcher.submit(batching.Request(*request, future.set_result))
        answers = await asyncio.gather(*futures)
        batcher.close()
        return answers

    return asyncio.run(run())


@given(st.lists(st.sampled_from(BODIES), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_merged_answers_are_those_of_single_calls(requests):
    alone = [LOADED.answer(*request) for request in requests]
    for got, want in zip(ask(requests), alone, strict=True):
        assert got[:2] == want[:2]
        assert got.status != 200 or got.body == want.body


def test_a_long_prediction_runs_beside_the_loop_and_what_comes_meanwhile_is_merged_behind_it():
    body = b"\n".join([b"0.5,1,2"] * 20_000)
    answers = ask([(body, "text/csv", "text/csv"), *[BODIES[0]] * 5])
    assert answers[0].body.count(b"\n") == 20_000
    assert [answer.body for answer in answers[1:]] == [LOADED.answer(*BODIES[0]).body] * 5


def test_what_takes_longer_than_a_turn_is_answered_in_several():
    rows = int(0.4 * batching.INLINE_SECONDS / batching.READ_SECONDS / len(b"[0.5, 1, 2], "))
    body = b"[%b]" % b", ".join([b"[0.5, 1, 2]"] * rows)
    answers = ask([(body, "application/json", ""), BODIES[0]] * 5)
    assert [answer.body for answer in answers[::2]] == [LOADED.answer(body, "application/json", "").body] * 5
    assert [answer.body for answer in answers[1::2]] == [LOADED.answer(*BODIES[0]).body] * 5


def test_handlers_of_the_users_are_not_merged():
    own = handlers.Handlers(
        model=None, transform=None, read=None, predict=len, write=None, fast=None, default_accept=""
    )
    with pytest.raises(ValueError, match="only default handlers"):
        batching.Batcher(own, None)
