"""Predictions make way for control-plane calls: only while there are any, and never behind a slow model."""

import asyncio

from sagelocal import courtesy


async def begun(way, count, *, until):
    """Begin predictions that end when `until` is set; return the list of those that are on their way."""
    running = []

    async def predict(number):
        async with way.prediction():
            running.append(number)
            await until.wait()

    tasks = [asyncio.create_task(predict(number)) for number in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return running, tasks


async def within(calls, count):
    way, until = courtesy.Courtesy(), asyncio.Event()
    if calls:
        way.call()
    running, tasks = await begun(way, count, until=until)
    first = len(running)
    until.set()
    await asyncio.gather(*tasks)
    return first, len(running)


def test_predictions_know_no_bound_when_nobody_calls():
    assert asyncio.run(within(calls=False, count=9)) == (9, 9)


def test_a_few_at_a_time_pass_beside_a_call():
    assert asyncio.run(within(calls=True, count=9)) == (courtesy.AT_A_TIME, 9)


def test_a_slow_model_keeps_no_other_prediction_waiting():
    async def slow():
        way, until = courtesy.Courtesy(), asyncio.Event()
        way.call()
        running, tasks = await begun(way, 9, until=until)
        while len(running) < len(tasks):  # noqa: ASYNC110  (nothing tells of it but the list)
            await asyncio.sleep(courtesy.LONGEST_SECONDS)
        until.set()
        await asyncio.gather(*tasks)
        # Each place was given back once: by the timer or by the end, never by both.
        way.call()
        again, more = await begun(way, 9, until=asyncio.Event())
        for task in more:
            task.cancel()
        return len(again)

    assert asyncio.run(slow()) == courtesy.AT_A_TIME
