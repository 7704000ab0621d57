"""How many instances a variant is to have, and what is told of its targets and policies."""

import pytest

from sagelocal.api import kinds
from sagelocal.api.account import Account
from sagelocal.api.records import Records
from sagelocal.api.scaling import Scaling
from sagelocal.errors import NotSupported, ObjectNotFoundException, ValidationException
from sagelocal.jobs import scaling
from sagelocal.wire.message import Call

BOUNDS = {"MinCapacity": 1, "MaxCapacity": 4}
POLICY = {"TargetValue": 100.0, "ScaleInCooldown": 60, "ScaleOutCooldown": 30}


def load(count, rate, seconds=60.0, since=60.0):
    return scaling.Load(count=count, rate=rate, seconds=seconds, since=since)


@pytest.mark.parametrize(
    ("seen", "target", "policy", "count"),
    [
        (load(6, 0), BOUNDS, None, 4),  # above the bounds
        (load(1, 0), {"MinCapacity": 2, "MaxCapacity": 4}, None, 2),  # below them
        (load(2, 900), BOUNDS, None, 2),  # nothing to follow
        (load(2, 110), BOUNDS, POLICY, 3),
        (load(2, 900), BOUNDS, POLICY, 4),  # no further than the bound
        (load(2, 110, seconds=5), BOUNDS, POLICY, 2),  # too little seen
        (load(2, 110, since=20), BOUNDS, POLICY, 2),  # cooling down
        (load(2, 110), BOUNDS | {"SuspendedState": {"DynamicScalingOutSuspended": True}}, POLICY, 2),
        (load(3, 30), BOUNDS, POLICY, 1),
        (load(3, 30, seconds=30), BOUNDS, POLICY, 3),  # out is quick, in is not
        (load(3, 30, since=40), BOUNDS, POLICY, 3),
        (load(3, 95), BOUNDS, POLICY, 3),  # within the slack
        (load(3, 30), BOUNDS, POLICY | {"DisableScaleIn": True}, 3),
        (load(3, 0), {"MinCapacity": 0, "MaxCapacity": 4}, POLICY, 1),  # only its bounds take it to none
    ],
)
def test_a_variant_follows_bounds_and_traffic(seen, target, policy, count):
    assert scaling.decide(seen, target, policy) == count


def test_a_resource_that_is_no_variant_is_refused():
    assert scaling.parse("endpoint/e/variant/v") == ("e", "v")
    with pytest.raises(ValidationException, match="endpoint/<endpoint>/variant/<variant>"):
        scaling.parse("service/cluster/name")


ACCOUNT = Account(number="123456789012", region="us-east-1")
ALL = {"ServiceNamespace": "sagemaker"}
WHERE = ALL | {"ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
TRACKING = {
    "TargetValue": 5.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}


def variant(endpoint):
    return WHERE | {"ResourceId": f"endpoint/{endpoint}/variant/v"}


@pytest.fixture
def api(kept):
    """Give an operation by name, as a function; the endpoints are e0, e1 and e2."""
    endpoints = Records(kinds.ENDPOINT, kept, ACCOUNT)
    for name in ("e0", "e1", "e2"):
        variants = [{"VariantName": "v", "CurrentInstanceCount": 1}]
        endpoints.create({"EndpointName": name}, ProductionVariants=variants, EndpointStatus="InService")
    handlers = Scaling(store=kept, endpoints=endpoints, account=ACCOUNT)

    def ask(method, **parameters):
        call = Call(operation=method, request_id="r", parameters=parameters, headers={})
        return getattr(handlers, method)(call)

    return ask


def scale(api, endpoint, policy="p"):
    api("register", **variant(endpoint), MinCapacity=1, MaxCapacity=2)
    config = {"TargetTrackingScalingPolicyConfiguration": TRACKING, "PolicyType": "TargetTrackingScaling"}
    return api("put_policy", **variant(endpoint), PolicyName=policy, **config)["PolicyARN"]


def test_a_policy_that_follows_another_metric_is_refused_by_its_name(api):
    api("register", **variant("e0"), MinCapacity=0, MaxCapacity=2)
    backlog = {"MetricName": "ApproximateBacklogSizePerInstance", "Namespace": "AWS/SageMaker"}
    config = {"TargetValue": 5.0, "CustomizedMetricSpecification": backlog}
    with pytest.raises(NotSupported, match="the metric ApproximateBacklogSizePerInstance"):
        api("put_policy", **variant("e0"), PolicyName="p", TargetTrackingScalingPolicyConfiguration=config)


def test_a_policy_and_its_target_are_called_as_on_aws(api):
    start, _, end = scale(api, "e0").partition(":scalingPolicy:")
    assert start == "arn:aws:autoscaling:us-east-1:123456789012"
    assert end.partition(":")[2] == "resource/sagemaker/endpoint/e0/variant/v:policyName/p"
    (target,) = api("targets", **ALL)["ScalableTargets"]
    assert target["RoleARN"].endswith(
        ":role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com"
        "/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )


def test_a_new_endpoint_has_no_policy_of_a_deleted_one(api, kept):
    for endpoint in ("e0", "e1"):
        scale(api, endpoint)
    kept.delete("endpoint", "e0")
    scaling.Scaler(store=kept, scale=None, invocations=lambda *_: 0).tick()

    assert [each["ResourceId"] for each in api("policies", **ALL)["ScalingPolicies"]] == [
        "endpoint/e1/variant/v"
    ]
    with pytest.raises(ObjectNotFoundException):
        api("deregister", **variant("e0"))


def test_what_is_told_has_pages(api):
    for endpoint in ("e0", "e1", "e2"):
        scale(api, endpoint)
    for method, member in (("targets", "ScalableTargets"), ("policies", "ScalingPolicies")):
        first = api(method, **ALL, MaxResults=2)
        last = api(method, **ALL, NextToken=first["NextToken"], MaxResults=2)
        found = [each["ResourceId"] for page in (first, last) for each in page[member]]
        assert found == [f"endpoint/e{number}/variant/v" for number in range(3)]
        assert last["NextToken"] is None
        with pytest.raises(ValidationException, match="MaxResults is 0; allowed are 1 to"):
            api(method, **ALL, MaxResults=0)


def test_what_was_scaled_last_is_told_first(api, kept):
    for endpoint, moment in (("e0", 2.0), ("e1", 3.0), ("e2", 1.0)):
        scale(api, endpoint)
        name = variant(endpoint)["ResourceId"]
        kept.update(
            "scalable-target", name, lambda body, at=moment: body | {"Activities": [{"StartTime": at}]}
        )
    times = [each["StartTime"] for each in api("activities", **ALL)["ScalingActivities"]]
    assert times == [3.0, 2.0, 1.0]


def test_another_dimension_has_no_targets(api):
    scale(api, "e0")
    other = ALL | {"ScalableDimension": "sagemaker:inference-component:DesiredCopyCount"}
    assert api("targets", **other)["ScalableTargets"] == []
