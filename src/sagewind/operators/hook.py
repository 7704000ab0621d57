"""The provider's SageMaker hook, with region, endpoint and retries in every client that it makes.

The provider hands only the connection to its S3 and logs hooks, so that an operator's `region_name` and
`botocore_config` do not reach them, and it accepts an S3 prefix only when it ends in a slash. It also begins
each client with a session of its own, which reads and parses the description of the service anew.
"""

from __future__ import annotations

import functools
from typing import Any

import botocore.loaders
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.logs import AwsLogsHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook as ProvidedHook
from airflow.providers.common.compat.sdk import AirflowException
from botocore.config import Config

TOTAL_ATTEMPTS = 10
"""Calls in all before an error counts; botocore's own 5 are too few for a burst of throttling."""


class _Informed(AwsBaseHook):
    """A hook whose sessions share what botocore knows of the services.

    To read and parse SageMaker's description takes ten times as long as all else that a client needs.
    """

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:
        """Return a new session: boto3's or, deferrable, aiobotocore's."""
        session: Any = super().get_session(region_name=region_name, deferrable=deferrable)
        core = getattr(session, "_session", session)
        core.register_component("data_loader", descriptions(core.get_config_variable("data_path")))
        return session


class SageMakerHook(_Informed, ProvidedHook):
    """The provider's hook; same arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["config"] = patient(kwargs.get("config"))
        super().__init__(*args, **kwargs)
        self.sagewind_parameters = {
            "aws_conn_id": self.aws_conn_id,
            "region_name": kwargs.get("region_name"),
            "verify": kwargs.get("verify"),
            "config": kwargs["config"],
        }
        self.s3_hook = S3Hook(**self.sagewind_parameters)
        self.logs_hook = AwsLogsHook(**self.sagewind_parameters)

    def client(self, service: str) -> Any:
        """Return a new client of another AWS service, made as this hook's own."""
        return _Informed(client_type=service, **self.sagewind_parameters).conn

    def check_s3_url(self, s3url: str) -> bool:
        """Check that an object, or any object under a prefix, is there; a prefix may end anywhere.

        Raises:
            AirflowException: nothing is there.

        """
        bucket, key = S3Hook.parse_s3_url(s3url)
        listed = self.s3_hook.conn.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        if listed["KeyCount"] == 0:
            raise AirflowException(
                f"The input S3 Key or Prefix {s3url} does not exist in the Bucket {bucket}"
            )
        return True


@functools.cache
def descriptions(data_path: str | None = None) -> Any:
    """Return botocore's loader of what services there are and what they take, one for the whole process."""
    return botocore.loaders.create_loader(data_path)


def patient(config: Config | dict[str, Any] | None) -> Config:
    """Return the configuration of a client, with more attempts unless the user set their number."""
    given = Config(**config) if isinstance(config, dict) else config or Config()
    ours = Config(retries={"mode": "standard", "total_max_attempts": TOTAL_ATTEMPTS})
    return given if getattr(given, "retries", None) else given.merge(ours)
