"""What an AWS account that uses SageMaker has: an execution role and the default bucket.

Laid down at every start, since the emulator keeps IAM only when it is stopped cleanly; each step leaves alone
what is there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCESS_KEY = "sagewind-local"
SECRET_KEY = "sagewind-local-secret"  # noqa: S105  (opens nothing but the emulator on loopback)
ROLE = "SageMakerRole"
SESSION = "local"

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
RIGHTS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "sagemaker:*",
                "s3:*",
                "logs:*",
                "cloudwatch:*",
                "ecr:*",
                "iam:GetRole",
                "iam:PassRole",
                # The SDK's trainers simulate these before they start a job, VPC or not.
                "ec2:*NetworkInterface*",
                "ec2:Describe*",
                "glue:Get*",
                "kms:Decrypt",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "lambda:InvokeFunction",
            ],
            "Resource": "*",
        }
    ],
}


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose account it is, and where it lives."""

    number: str
    region: str

    @property
    def role_arn(self) -> str:
        """The execution role, as a training job's RoleArn takes it."""
        return f"arn:aws:iam::{self.number}:role/{ROLE}"

    @property
    def bucket(self) -> str:
        """The default bucket, named as the SageMaker SDK names it."""
        return f"sagemaker-{self.region}-{self.number}"


def lay_down(endpoint: str, account: Account) -> None:
    """Create the role with its trust and rights, and the bucket (last: its presence says all is there)."""
    _role(_client("iam", endpoint, account))
    s3 = _client("s3", endpoint, account)
    where = {} if account.region == "us-east-1" else {"LocationConstraint": account.region}
    _unless_there(
        "BucketAlreadyOwnedByYou",
        s3.create_bucket,
        Bucket=account.bucket,
        **({"CreateBucketConfiguration": where} if where else {}),
    )


def _role(iam: Any) -> None:
    _unless_there(
        "EntityAlreadyExists", iam.create_role, RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    iam.put_role_policy(RoleName=ROLE, PolicyName="sagemaker-execution", PolicyDocument=json.dumps(RIGHTS))


def _unless_there(code: str, create: Any, **request: Any) -> None:
    try:
        create(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise


def _client(service: str, endpoint: str, account: Account) -> Any:
    client: Any = boto3.client  # its stubs know a service's name only as a literal
    return client(
        service,
        endpoint_url=endpoint,
        region_name=account.region,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
    )
