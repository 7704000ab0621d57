"""Where invocations go, and when they are turned away."""

import asyncio
from pathlib import Path

import pytest

from sagelocal import errors
from sagelocal.serving import client, endpoints, lanes, traffic
from sagelocal.serving.meters import Meters


class Model(client.Client):
    """A model server that says which socket it has; a word in its path says how it behaves."""

    def __init__(self, path):
        super().__init__(path)
        self._name = path.name

    async def post(self, target, headers, body, seconds):
        if "gone" in self._name:
            raise client.UnreachableError("nobody is there")
        if "slow" in self._name:
            raise TimeoutError
        if "bad" in self._name:
            return client.Reply(415, {}, b"no such type")
        await asyncio.sleep(0)
        return client.Reply(200, {"content-type": "text/plain"}, self._name.encode() + body)


def instance(*names):
    return traffic.Instance(root=Path("/i"), sockets=tuple(Path("/i") / name for name in names))


def variant(name, *instances, weight=1.0, **more):
    return traffic.Variant(name=name, weight=weight, instances=instances, **more)


def router(*variants, **more):
    made = endpoints.Router(account="1", region="r", connect=Model, **more)
    made.set("e", traffic.Traffic(variants=variants))
    return made


def ask(made, **request):
    return asyncio.run(made.invoke("e", {"Body": b"!", **request}))


def test_a_request_goes_to_a_variant_by_weight_or_by_name():
    made = router(variant("a", instance("a")), variant("b", instance("b"), weight=0.0))
    assert {ask(made)["InvokedProductionVariant"] for _ in range(20)} == {"a"}
    assert ask(made, TargetVariant="b")["Body"] == b"b!"
    with pytest.raises(errors.RuntimeValidationError, match="its variants: a, b"):
        ask(made, TargetVariant="c")


def test_two_fleets_share_the_traffic_of_a_variant_also_by_name():
    made = router(variant("v", instance("old"), weight=0.5), variant("v", instance("new"), weight=0.5))
    for request in ({}, {"TargetVariant": "v"}):
        assert {ask(made, **request)["Body"] for _ in range(50)} == {b"old!", b"new!"}


def test_an_instance_that_is_gone_is_passed_by():
    made = router(variant("v", instance("gone"), instance("here")))
    assert ask(made)["Body"] == b"here!"
    with pytest.raises(errors.ServiceUnavailable, match="nobody is there"):
        ask(router(variant("v", instance("gone"))))


def test_more_than_an_instance_takes_is_turned_away(monkeypatch):
    made = router(variant("v", instance("only")))
    monkeypatch.setattr(lanes, "MOST_WAITING", 0)
    with pytest.raises(errors.ServiceUnavailable, match="requests wait already"):
        ask(made)


def test_a_serverless_variant_takes_so_many_at_a_time_and_is_idle_after_a_while():
    made = router(variant("v", instance("v"), max_concurrency=1), idle_seconds=0.0)

    async def two():
        both = (made.invoke("e", {"Body": b""}) for _ in range(2))
        return await asyncio.gather(*both, return_exceptions=True)

    first, second = asyncio.run(two())
    assert first["Body"] == b"v"
    assert isinstance(second, errors.ThrottlingException)
    assert made.is_idle("e", "v")


@pytest.mark.parametrize(("behaviour", "status", "measured"), [("bad", 415, 415), ("slow", 0, 504)])
def test_a_models_failure_is_told_and_measured(behaviour, status, measured):
    meters = Meters()
    made = router(variant("v", instance(behaviour)), meters=meters)
    with pytest.raises(errors.ModelError) as caught:
        ask(made)
    assert caught.value.details["OriginalStatusCode"] == status
    ((_, _, seen, instances),) = meters.of("e", "v").take()
    assert (seen, instances) == (measured, 1)


def test_an_endpoint_that_is_removed_is_not_found():
    made = router(variant("v", instance("v")))
    made.remove("e")
    with pytest.raises(LookupError):
        ask(made)
