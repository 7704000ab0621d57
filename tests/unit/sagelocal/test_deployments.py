"""How deployments go on paper: steps, the instances that they need, the traffic that they get."""

from pathlib import Path

import pytest

from sagelocal.errors import ValidationException
from sagelocal.jobs import alarm_watch, deployments, endpoint_record, fleet_plan, fleet_routes
from sagelocal.jobs.folder import JobFolder


def blue_green(kind, wait=60, **more):
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **more}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 9}}


def size(value, kind="CAPACITY_PERCENT"):
    return {"Type": kind, "Value": value}


def rolling(value, kind="INSTANCE_COUNT"):
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size(value, kind), "WaitIntervalInSeconds": 1}}


@pytest.mark.parametrize(
    ("config", "count", "shares"),
    [
        ({}, 1, [1.0]),  # all at once, nothing waited for
        (blue_green("ALL_AT_ONCE"), 1, [1.0, 1.0]),  # the last one waits for the old fleet's end
        (blue_green("CANARY", CanarySize=size(10)), 4, [0.1, 1.0, 1.0]),
        (blue_green("CANARY", CanarySize=size(1, "INSTANCE_COUNT")), 4, [0.25, 1.0, 1.0]),
        (blue_green("LINEAR", LinearStepSize=size(25)), 4, [0.25, 0.5, 0.75, 1.0, 1.0]),
        (blue_green("LINEAR", LinearStepSize=size(40)), 4, [0.4, 0.8, 1.0, 1.0]),
        (rolling(1), 3, [1 / 3, 2 / 3, 1.0]),
        (rolling(50, "CAPACITY_PERCENT"), 3, [2 / 3, 1.0]),  # half of three instances is two
    ],
)
def test_a_configuration_becomes_steps(config, count, shares):
    made = deployments.steps(config, count)
    assert [step["share"] for step in made] == pytest.approx(shares)
    waits = {"BlueGreenUpdatePolicy": 60, "RollingUpdatePolicy": 1}
    assert made[0]["wait"] == next((waits[name] for name in config), 0)
    if "BlueGreenUpdatePolicy" in config:
        assert (made[-1]["wait"], made[-1]["watched"]) == (9, False)


@pytest.mark.parametrize(
    ("config", "count", "words"),
    [
        (blue_green("CANARY"), 4, "needs CanarySize"),
        (blue_green("LINEAR", CanarySize=size(10)), 4, "CanarySize is only for"),
        (blue_green("CANARY", CanarySize=size(51)), 4, "from 0% to 50%"),
        (blue_green("CANARY", CanarySize=size(1, "INSTANCE_COUNT")), 1, "100% of 1 instances"),
        (blue_green("LINEAR", LinearStepSize=size(5)), 4, "from 10% to 50%"),
        (rolling(4, "CAPACITY_PERCENT"), 4, "from 5% to 50%"),
        (blue_green("ALL_AT_ONCE") | rolling(1), 4, "only one of them"),
    ],
)
def test_what_sagemaker_does_not_allow_is_refused(config, count, words):
    with pytest.raises(ValidationException, match=words):
        deployments.steps(config, count)


def plan(count, weight=1.0, name="v"):
    return {
        "config": "c",
        "variants": [{"name": name, "count": count, "weight": weight, "container": {"Image": "i"}}],
    }


def changing(config, count, step, **more):
    deployment = endpoint_record.deployment(config, count) | {"Step": step} | more
    return {
        "Plans": {"1": plan(count), "2": plan(count)},
        "Serving": "1",
        "Coming": "2",
        "Deployment": deployment,
    }


def alive(fleet):
    return sorted(f"{generation}/{number}" for (generation, _, number), _ in fleet_plan.wanted(fleet))


def traffic(fleet):
    return {
        generation: (count, pytest.approx(weight))
        for generation, _, count, weight in fleet_plan.routed(fleet)
    }


def test_blue_green_has_both_fleets_whole_and_moves_the_traffic_by_share():
    config = blue_green("CANARY", CanarySize=size(10))
    both = ["1/0", "1/1", "2/0", "2/1"]
    assert (alive(changing(config, 2, -1)), traffic(changing(config, 2, -1))) == (both, {"1": (2, 1.0)})
    assert traffic(changing(config, 2, 0)) == {"1": (2, 0.9), "2": (2, 0.1)}
    assert (alive(changing(config, 2, 1)), traffic(changing(config, 2, 1))) == (both, {"2": (2, 1.0)})


def test_rolling_brings_a_batch_before_it_takes_one_away():
    assert alive(changing(rolling(1), 2, -1)) == ["1/0", "1/1", "2/0"]
    assert alive(changing(rolling(1), 2, 0)) == ["1/0", "2/0", "2/1"]
    assert traffic(changing(rolling(1), 2, 0)) == {"1": (1, 0.5), "2": (1, 0.5)}
    assert (alive(changing(rolling(1), 2, 1)), traffic(changing(rolling(1), 2, 1))) == (
        ["2/0", "2/1"],
        {"2": (2, 1.0)},
    )


def test_a_rolling_deployment_that_is_taken_back_keeps_its_traffic_until_the_old_fleet_is_whole():
    back = changing(rolling(1), 2, 0, Back="why")
    assert alive(back) == ["1/0", "1/1", "2/0"]
    assert traffic(back) == {"1": (1, 0.5), "2": (1, 0.5)}
    restored = changing(rolling(1), 2, 0, Back="why", Restored=True)
    assert (alive(restored), traffic(restored)) == (["1/0", "1/1"], {"1": (2, 1.0)})


def test_wishes_are_shown_and_fulfilled_or_forgotten():
    serving = plan(1)
    fleet_plan.change(serving, [{"VariantName": "v", "DesiredInstanceCount": 3, "DesiredWeight": 2.0}])
    (shown,) = fleet_plan.described(serving)
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (1, 3)
    assert len(alive({"Plans": {"1": serving}, "Serving": "1"})) == 3
    fleet_plan.settle(serving, keep=False)
    assert (serving["variants"][0]["count"], fleet_plan.is_changing(serving)) == (1, False)
    fleet_plan.change(serving, [{"VariantName": "v", "DesiredInstanceCount": 3}])
    fleet_plan.settle(serving, keep=True)
    assert serving["variants"][0]["count"] == 3


def serverless():
    config = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    made = plan(1)
    made["variants"][0]["serverless"] = config
    return {
        "EndpointName": "e",
        "EndpointArn": "arn:e",
        "EndpointStatus": "InService",
        "Fleet": {"Plans": {"1": made}, "Serving": "1"},
    }


def configs(body):
    (shown,) = body["ProductionVariants"]
    return shown["CurrentServerlessConfig"], shown["DesiredServerlessConfig"]


@pytest.mark.parametrize(
    ("wish", "concurrency", "sleeps"),
    [
        ({}, {"MaxConcurrency": 2}, True),  # only VariantName is required
        ({"ServerlessUpdateConfig": {"MaxConcurrency": 5}}, {"MaxConcurrency": 5}, True),
        (
            {"ServerlessUpdateConfig": {"ProvisionedConcurrency": 1}},
            {"MaxConcurrency": 2, "ProvisionedConcurrency": 1},
            False,
        ),
    ],
)
def test_a_serverless_variant_has_the_concurrency_that_was_wished_for(wish, concurrency, sleeps):
    body = serverless()
    before, after = ({"MemorySizeInMB": 1024} | each for each in ({"MaxConcurrency": 2}, concurrency))
    endpoint_record.wish(body, [{"VariantName": "v", **wish}])
    fleet = body["Fleet"]
    assert (body["EndpointStatus"], endpoint_record.is_changing(fleet)) == ("Updating", True)
    assert configs(body) == (before, after)
    (variant,) = fleet["Plans"]["1"]["variants"]
    assert fleet_plan.may_sleep(variant) is sleeps  # what is provisioned is up before it is told
    endpoint_record.settle(body, "")
    assert (body["EndpointStatus"], endpoint_record.is_changing(fleet)) == ("InService", False)
    assert configs(body) == (after, after)
    (route,) = fleet_routes.traffic("e", fleet, lambda *_: JobFolder(Path("/i"))).variants
    assert route.max_concurrency == after["MaxConcurrency"]


def test_a_wish_for_concurrency_that_fails_is_forgotten():
    body = serverless()
    wish = {"VariantName": "v", "ServerlessUpdateConfig": {"MaxConcurrency": 5}}
    endpoint_record.wish(body, [wish])
    endpoint_record.settle(body, "no instance came up")
    assert [each["MaxConcurrency"] for each in configs(body)] == [2, 2]


def test_wishes_for_one_variant_add_up():
    made = serverless()["Fleet"]["Plans"]["1"]
    parts = [
        {"DesiredWeight": 2.0},
        {"ServerlessUpdateConfig": {"MaxConcurrency": 5}},
        {"ServerlessUpdateConfig": {"ProvisionedConcurrency": 4}},
    ]
    fleet_plan.change(made, [{"VariantName": "v", **part} for part in parts])
    fleet_plan.settle(made, keep=True)
    (variant,) = made["variants"]
    wished = {"MemorySizeInMB": 1024, "MaxConcurrency": 5, "ProvisionedConcurrency": 4}
    assert (variant["weight"], variant["serverless"]) == (2.0, wished)


@pytest.mark.parametrize(
    ("made", "update", "words"),
    [
        (plan(1), {"MaxConcurrency": 5}, "v is not serverless: ServerlessUpdateConfig is not for it"),
        (
            serverless()["Fleet"]["Plans"]["1"],
            {"ProvisionedConcurrency": 3},
            r"ProvisionedConcurrency is 3; at most MaxConcurrency \(2\)",
        ),
    ],
)
def test_concurrency_that_a_variant_cannot_have_is_refused(made, update, words):
    with pytest.raises(ValidationException, match=words):
        fleet_plan.change(made, [{"VariantName": "v", "ServerlessUpdateConfig": update}])


def test_retained_properties_are_those_of_the_old_fleet_but_for_the_excluded():
    old, new = plan(3, 0.5) | {"capture": {"a": 1}}, plan(1, 1.0) | {"capture": {"b": 1}}
    fleet_plan.retain(new, old, frozenset({"DataCaptureConfig", "DesiredWeight"}))
    assert (new["variants"][0]["count"], new["variants"][0]["weight"], new["capture"]) == (3, 1.0, {"b": 1})
    fleet_plan.retain(new, old, frozenset())
    assert (new["variants"][0]["weight"], new["capture"]) == (0.5, {"a": 1})


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([("a", "OK"), ("b", "INSUFFICIENT_DATA")], ""),
        ([("a", "ALARM"), ("b", "OK")], "ALARM state: a"),
        ([("a", "OK")], "do not exist: b"),  # a guard that is not there guards nothing
    ],
)
def test_alarms_that_ring_or_are_absent_speak_against_a_deployment(found, words):
    alarms = [{"AlarmName": name, "StateValue": state} for name, state in found]
    assert alarm_watch.judge(["a", "b"], alarms).endswith(words)
    assert bool(alarm_watch.judge(["a", "b"], alarms)) == bool(words)
