"""The template as a stack: the AWS emulator makes it, and what it made is as safe as the template says.

What the emulator cannot: it refuses alarms of Metrics Insights queries, which are left out there, and passes
over a bucket's encryption and lifecycle; these are looked at in the template (cfn-lint knows their shape). It
sends no e-mail, and enforces no policy: `test_least_privilege` holds the policies against what is called.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration import training_jobs as jobs

from sagewind.steps import alarms

TEMPLATE = Path(__file__).parents[3] / "infra" / "sagewind.yaml"
SECONDS = 120
"""A bound for slow machines, no measure."""
MOST_OF_A_POLICY = 6144
"""Characters of a managed policy, spaces not counted (IAM user guide, quotas)."""
EVERYTHING = {
    "ExistingAirflowRole": "mwaa-execution",
    "AirflowPrincipal": "arn:aws:iam::123456789012:role/airflow-on-eks",
    "OwnKey": "yes",
    "UsesVpc": "yes",
    "DynamoDBTable": "patients",
    "LandingBucket": "streams",
    "AlarmEmail": "somebody@example.com",
}


def template() -> str:
    """Return the template without its alarms, the last of its resources."""
    text = TEMPLATE.read_text()
    return text[: text.index("  DriftAlarm:")] + text[text.index("Outputs:") :]


def resources() -> dict[str, Any]:
    """Return the template's resources, where `!Ref` and its like are what they are given."""
    return dict(yaml.load(TEMPLATE.read_text(), Loader=_Loose)["Resources"])


def make(aws: Any, **parameters: str) -> dict[str, Any]:
    """Make a stack; return its outputs and its resources' physical ids, by name."""
    stacks, name = aws("cloudformation"), jobs.unique("sagewind-stack")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    stacks.create_stack(
        StackName=name,
        TemplateBody=template(),
        Parameters=given,
        Capabilities=["CAPABILITY_IAM"],
    )
    deadline = time.monotonic() + SECONDS
    while (made := stacks.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"].endswith("PROGRESS"):
        assert time.monotonic() < deadline, made
        time.sleep(0.1)
    failed = [
        (each["LogicalResourceId"], each.get("ResourceStatusReason"))
        for each in stacks.describe_stack_events(StackName=name)["StackEvents"]
        if "FAILED" in each["ResourceStatus"]
    ]
    assert (made["StackStatus"], failed) == ("CREATE_COMPLETE", [])
    listed = stacks.describe_stack_resources(StackName=name)["StackResources"]
    return {
        "outputs": {each["OutputKey"]: each["OutputValue"] for each in made.get("Outputs", ())},
        "resources": {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed},
    }


@pytest.fixture(scope="module")
def plain(aws: Any) -> dict[str, Any]:
    return make(aws)


@pytest.fixture(scope="module")
def whole(aws: Any) -> dict[str, Any]:
    trust = {"Version": "2012-10-17", "Statement": []}
    aws("iam").create_role(
        RoleName=EVERYTHING["ExistingAirflowRole"], AssumeRolePolicyDocument=json.dumps(trust)
    )
    return make(aws, **EVERYTHING)


def policy(aws: Any, made: dict[str, Any]) -> dict[str, Any]:
    """Return the document of Airflow's policy."""
    iam, where = aws("iam"), made["outputs"]["AirflowPolicyArn"]
    version = iam.get_policy(PolicyArn=where)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=where, VersionId=version)["PolicyVersion"]["Document"]
    return dict(document)


def test_without_a_parameter_there_is_what_every_account_needs(plain):
    assert set(plain["resources"]) == {
        "Bucket", "BucketPolicy", "ExecutionRole", "AirflowPolicy",
    }  # fmt: skip
    assert set(plain["outputs"]) == {"Role", "BucketOfModels", "AirflowPolicyArn"}


def test_with_every_parameter_there_are_also_key_topic_and_role(whole):
    assert {"Key", "Topic", "AirflowRole"} < set(whole["resources"])
    assert set(whole["outputs"]) == {
        "Role", "BucketOfModels", "AirflowPolicyArn", "KmsKey", "AirflowRoleArn", "AlarmTopic",
    }  # fmt: skip


def test_the_bucket_keeps_versions_is_closed_to_the_public_and_refuses_plain_http(plain, aws):
    bucket, s3 = plain["outputs"]["BucketOfModels"], aws("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert closed == dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    [statement] = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


def test_the_bucket_is_encrypted_and_forgets_what_is_temporary():
    properties = resources()["Bucket"]["Properties"]
    [chosen] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert chosen[0] == "HasKey"
    algorithms = [each["ServerSideEncryptionByDefault"]["SSEAlgorithm"] for each in chosen[1:]]
    assert algorithms == ["aws:kms", "AES256"]
    rules = {each["Id"]: each for each in properties["LifecycleConfiguration"]["Rules"]}
    assert rules["temporary"]["Prefix"] == "TemporaryPrefix"
    assert rules["temporary"]["ExpirationInDays"] == "TemporaryDays"
    assert rules["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": "OldVersionDays"}
    assert {each["Status"] for each in rules.values()} == {"Enabled"}


def test_only_sagemaker_of_this_account_may_take_the_jobs_role(plain, aws):
    [statement] = aws("iam").get_role(RoleName=plain["resources"]["ExecutionRole"])["Role"][
        "AssumeRolePolicyDocument"
    ]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_only_the_jobs_role_may_be_passed_and_only_to_sagemaker(plain, aws):
    passing = [each for each in policy(aws, plain)["Statement"] if "iam:PassRole" in each["Action"]]
    [statement] = passing
    assert statement["Resource"] == plain["outputs"]["Role"]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_the_policy_fits_and_has_no_wildcard_among_its_actions(whole, aws):
    document = policy(aws, whole)
    assert len("".join(json.dumps(document).split())) <= MOST_OF_A_POLICY
    for statement in document["Statement"]:
        assert "*" not in json.dumps(statement["Action"])


def test_the_policy_is_attached_to_the_roles_that_airflow_has(whole, aws):
    roles = [EVERYTHING["ExistingAirflowRole"], whole["resources"]["AirflowRole"]]
    for role in roles:
        attached = aws("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        assert [each["PolicyArn"] for each in attached] == [whole["outputs"]["AirflowPolicyArn"]], role


def test_the_alarms_look_at_what_is_published_and_tell_the_topic():
    found = {name: each["Properties"] for name, each in resources().items() if name.endswith("Alarm")}
    assert {name: each["Metrics"][0]["Expression"] for name, each in found.items()} == {
        "DriftAlarm": f"SELECT MAX({alarms.DRIFT}) FROM SCHEMA({alarms.NAMESPACE}, Model)",
        "QualityAlarm": f"SELECT MAX({alarms.QUALITY}) FROM SCHEMA({alarms.NAMESPACE}, Model)",
        "EndpointAlarm": "SELECT SUM(Invocation5XXErrors) "
        'FROM SCHEMA("AWS/SageMaker", EndpointName, VariantName)',
    }
    for each in found.values():
        assert each["AlarmActions"] == ["HasEmail", ["Topic"], []]


def test_the_topic_tells_the_address_that_was_given(whole, aws):
    told = aws("sns").list_subscriptions_by_topic(TopicArn=whole["outputs"]["AlarmTopic"])["Subscriptions"]
    assert [(each["Protocol"], each["Endpoint"]) for each in told] == [("email", EVERYTHING["AlarmEmail"])]


def test_the_guide_names_every_parameter_and_output_and_no_others():
    guide = (TEMPLATE.parents[1] / "docs" / "howto" / "aws.md").read_text()
    read = yaml.load(TEMPLATE.read_text(), Loader=_Loose)
    for name in (*read["Parameters"], "Role", "BucketOfModels", "KmsKey", "AirflowRoleArn"):
        assert name in guide, name
    given = set(re.findall(r"\b([A-Z]\w+)=", guide.replace("SAGEWIND_", "")))
    assert given - {"Bucket", "Key", "Body", "AWS_DEFAULT_REGION", "ENVIRONMENT", "MODELS"} <= set(
        read["Parameters"]
    )


class _Loose(yaml.SafeLoader):
    """Reads the template's `!Ref` and its like as what they are given."""


def _plain(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loose.add_multi_constructor("!", _plain)
