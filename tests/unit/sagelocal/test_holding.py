"""Held Describe calls: answered when the thing settles, when the time is over, or when the service ends."""

import asyncio
import threading

import pytest

from sagelocal import holding
from sagelocal.errors import ValidationException
from sagelocal.wire.message import Call

LONG = 20.0


class Job:
    """A training job whose status somebody changes; it counts how often it was looked at."""

    def __init__(self, status="InProgress"):
        self.status, self.looks = status, 0

    async def look(self):
        self.looks += 1
        if self.status is None:
            raise LookupError("gone")
        return {"TrainingJobStatus": self.status}


def call(operation="DescribeTrainingJob", **parameters):
    parameters = parameters or {"TrainingJobName": "job"}
    return Call(operation=operation, request_id="r", parameters=parameters, headers={})


def ask(held, job, patience=LONG, asked=None):
    return asyncio.create_task(held.answer(asked or call(), patience, job.look))


async def turn():
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("status", "patience", "asked"),
    [
        ("Completed", LONG, call()),
        ("InProgress", 0.0, call()),
        ("InProgress", LONG, call("DescribeModel", ModelName="job")),
        ("InProgress", 0.001, call()),
    ],
)
def test_a_call_that_has_nothing_to_wait_for_is_answered(status, patience, asked):
    async def main():
        return await ask(holding.Holding(), Job(status), patience, asked)

    assert asyncio.run(main()) == {"TrainingJobStatus": status}


def test_a_call_is_held_until_its_job_is_over_and_hears_of_no_other():
    async def main():
        held, job = holding.Holding(), Job()
        asked = ask(held, job)
        await turn()
        held.ring("another")
        await turn()
        looks = job.looks
        held.ring("job")  # a change that does not end it
        await turn()
        assert not asked.done()
        job.status = "Failed"
        threading.Thread(target=held.ring, args=("job",)).start()
        return looks, await asked, job.looks

    assert asyncio.run(main()) == (1, {"TrainingJobStatus": "Failed"}, 3)


def test_an_end_between_a_look_and_the_wait_is_not_missed():
    async def main():
        held, job = holding.Holding(), Job()
        look = job.look

        async def looking():
            found = await look()
            job.status = "Stopped"
            held.ring("job")
            await turn()
            return found

        job.look = looking
        return await ask(held, job)

    assert asyncio.run(main()) == {"TrainingJobStatus": "Stopped"}


def test_all_who_wait_for_one_endpoint_are_answered_and_nothing_is_kept():
    async def main():
        held, status = holding.Holding(), ["Updating"]

        async def look():
            return {"EndpointStatus": status[0]}

        describe = call("DescribeEndpoint", EndpointName="e")
        asked = [asyncio.create_task(held.answer(describe, LONG, look)) for _ in range(3)]
        await turn()
        status[0] = "InService"
        held.ring("e")
        return await asyncio.gather(*asked), held._bells

    assert asyncio.run(main()) == ([{"EndpointStatus": "InService"}] * 3, {})


def test_an_error_of_the_look_is_the_answer():
    async def main():
        held, job = holding.Holding(), Job()
        asked = ask(held, job)
        await turn()
        job.status = None  # deleted
        held.ring("job")
        with pytest.raises(LookupError, match="gone"):
            await asked

    asyncio.run(main())


def test_the_end_of_the_service_answers_what_is_held_and_holds_nothing_more():
    async def main():
        held, job = holding.Holding(), Job()
        asked = ask(held, job)
        await turn()
        held.release()
        return await asked, await ask(held, job)

    assert asyncio.run(main()) == ({"TrainingJobStatus": "InProgress"},) * 2


def test_a_ring_when_the_loop_has_gone_is_no_error():
    held, job = holding.Holding(), Job()

    async def main():
        asked = ask(held, job)
        await turn()
        asked.cancel()

    asyncio.run(main())
    held._bells["job"] = {asyncio.Event()}
    held.ring("job")


@pytest.mark.parametrize(("said", "seconds"), [(None, 0.0), ("0", 0.0), ("2.5", 2.5), ("20", 20.0)])
def test_the_header_says_seconds(said, seconds):
    assert holding.seconds({} if said is None else {holding.HEADER: said}) == seconds


@pytest.mark.parametrize("said", ["", "long", "-1", "20.1", "nan", "inf"])
def test_a_header_that_says_something_else_is_refused(said):
    with pytest.raises(ValidationException, match=rf"x-sagelocal-wait is '{said}'; it takes seconds from 0"):
        holding.seconds({holding.HEADER: said})
