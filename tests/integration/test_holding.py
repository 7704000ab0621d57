"""Describe calls that the real service holds: for every kind of work, to its end, or to the service's own."""

import threading
import time

import pytest
from botocore.exceptions import ClientError
from tests.integration import walking

from sagelocal.holding import HEADER

SECONDS = 15


def waiting(client, seconds=SECONDS):
    """Have a client of SageMaker say that it waits."""
    client.meta.events.register(
        "before-call.sagemaker", lambda params, **_: params["headers"].update({HEADER: str(seconds)})
    )
    return client


@pytest.fixture
def world(serve, sagelocal_service, tmp_path):
    def begin():
        return serve(data_dir=tmp_path / "data", **sagelocal_service.addresses)

    return walking.World(begin, sagelocal_service.client)


@pytest.mark.parametrize("kind", walking.KINDS)
def test_an_answer_comes_with_the_end_or_after_as_long_as_was_said(world, kind):
    name = world.create(kind)
    describe, key, status = walking.DESCRIBE[kind]
    call = getattr(waiting(world.client("sagemaker")), describe)
    begin = time.monotonic()
    while call(**{key: name})[status] in ("InProgress", "Creating"):
        assert time.monotonic() - begin >= SECONDS
        begin = time.monotonic()
    assert world.end(kind, name)[0] in ("Completed", "InService")


def test_a_deletion_is_waited_for(world):
    name = world.create(walking.ENDPOINT)
    sagemaker = waiting(world.client("sagemaker"))
    walking.until(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")
    sagemaker.delete_endpoint(EndpointName=name)
    with pytest.raises(ClientError, match="Could not find"):
        walking.until(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Deleting")


def test_a_service_that_ends_answers_what_it_holds(world):
    name = world.create(walking.TRAINING, **{walking.HOLD: "1"})
    sagemaker, answers = waiting(world.client("sagemaker"), 20), []

    def ask():
        answers.append(sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(0.5)
    assert answers == []
    world.service.end()
    asking.join()
    assert answers == ["InProgress"]


def test_a_wait_that_is_no_number_of_seconds_is_refused(aws):
    sagemaker = waiting(aws("sagemaker"), "soon")
    with pytest.raises(ClientError, match="x-sagelocal-wait is 'soon'; it takes seconds from 0 to 20"):
        sagemaker.describe_training_job(TrainingJobName="any")
